// Makes a back-test's report with BINARY and looks at it as a person would, in a real browser.
//
//   node report.mjs BINARY [--screenshot FILE]
//
// Exit: 0 every check held, 1 one did not, 2 wrong usage.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openBrowser } from './chromium.mjs';
import { Checks, ensure } from './checks.mjs';

const PIPELINE = join(dirname(fileURLToPath(import.meta.url)), '../../pipelines/adult-ward.yaml');
const START = Date.parse('2026-01-01T00:00:00Z');
const MINUTES = 180;
// A name that would end the page's script, were it written as it is.
const ODD = 'p-</script><b>odd';

const [binary, flag, screenshot] = process.argv.slice(2);
if (!binary || (flag && (flag !== '--screenshot' || !screenshot))) {
  console.error('usage: node report.mjs BINARY [--screenshot FILE]');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'wardwatch-report-'));
try {
  process.exitCode = await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Three patients for three hours; the odd one's saturation falls to 81 for twenty minutes. */
function recorded() {
  const rows = ['patient_id,ts,code,value,unit'];
  for (let minute = 0; minute < MINUTES; minute += 1) {
    const ts = new Date(START + minute * 60_000).toISOString();
    for (const patient of ['p-1', 'p-2', ODD]) {
      const low = patient === ODD && minute >= 60 && minute < 80;
      rows.push(`${patient},${ts},spo2,${low ? 81 : 97},%`, `${patient},${ts},heart_rate,${70 + (minute % 7)},/min`);
    }
  }
  return `${rows.join('\n')}\n`;
}

function backtest(html, ...pipelines) {
  const [input, outcomes] = [join(folder, 'ward.csv'), join(folder, 'outcomes.csv')];
  writeFileSync(input, recorded());
  writeFileSync(outcomes, `patient_id,outcome,outcome_at\n${ODD},1,2026-01-01T02:30:00Z\np-1,0,\np-2,0,\n`);
  execFileSync(binary, ['backtest', ...pipelines, '--input', input, '--outcomes', outcomes, '--html', html], { stdio: 'pipe' });
}

async function main() {
  const checks = new Checks();
  const [one, two, other] = ['one.html', 'two.html', 'other.yaml'].map((name) => join(folder, name));
  const text = readFileSync(PIPELINE, 'utf8');
  writeFileSync(other, text.replace(/^version: .*$/m, 'version: 99'));
  backtest(one, PIPELINE);
  backtest(two, PIPELINE, other);
  const { page, problems, close } = await openBrowser({ width: 1280, height: 900 });
  try {
    await page.goto(pathToFileURL(one).href);
    await checks.run('the report of one pipeline is drawn', async () => {
      await page.waitForSelector('svg.chart');
      const rows = await page.$$eval('section:first-of-type tbody tr', (all) => all.map((row) => row.innerText));
      const desaturation = rows.find((row) => row.startsWith('desaturation'));
      ensure(/100\.0 %/.test(desaturation ?? ''), `the row of desaturation is ${desaturation}`);
      ensure(statSync(one).size < 200_000, `${statSync(one).size} bytes`);
      ensure(!(await page.content()).includes('[object'), 'an object was written as text');
      return `${statSync(one).size} bytes`;
    });
    await checks.run('the course of a patient with an odd name shows the alert and the values', async () => {
      await page.fill('input[type=search]', ODD);
      const title = await page.innerText('#course >> xpath=preceding-sibling::h3');
      ensure(title.startsWith(`Patient ${ODD}`), `the title is ${title}`);
      const alerts = await page.$$eval('svg.chart rect.alert title', (all) => all.map((bar) => bar.textContent));
      ensure(alerts.some((alert) => alert.startsWith('desaturation: ')), `bars: ${alerts.join('; ')}`);
      const labels = await page.$$eval('svg.chart text', (all) => all.map((label) => label.textContent));
      ensure(['SpO2', '81', '97'].every((label) => labels.includes(label)), labels.join(', '));
      ensure((await page.$$('svg.chart line.fate')).length === 1, 'the outcome is not marked');
    });
    await checks.run('values are read where one points', async () => {
      await page.hover('svg.chart', { position: { x: 500, y: 80 }, force: true });
      const told = await page.innerText('#readout');
      ensure(/HR 7\d/.test(told), told);
      return told;
    });
    if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
    await page.goto(pathToFileURL(two).href);
    await checks.run('the report of two pipelines tells what differs', async () => {
      await page.waitForSelector('svg.chart');
      const heading = await page.innerText('section:first-of-type h2');
      ensure(heading === 'What differs', heading);
    });
    await checks.run('no console error, failed request or policy violation', async () => {
      ensure(problems.length === 0, [...new Set(problems)].join('\n'));
    });
  } finally {
    await close();
  }
  return checks.close();
}
