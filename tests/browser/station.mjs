// Looks at the nurse station's page as a person would, in a real browser.
//
//   node station.mjs --demo BINARY [--settle SECONDS] [--screenshot FILE]
//   node station.mjs URL           [--settle SECONDS] [--screenshot FILE]
//
// The first form starts `BINARY demo`, and after looking at its page freezes it, thaws it and stops it with SIGINT.
// The second looks at a station that runs already, and leaves it alone.
// --settle      how long to watch before the screenshot is taken (default 0)
// --screenshot  where to save the page as a PNG, 1440 × 900
//
// Exit: 0 every check held, 1 one did not, 2 wrong usage.
import { parseArgs } from 'node:util';
import { openBrowser } from './chromium.mjs';
import { Checks, ensure, sleep } from './checks.mjs';
import { Demo } from './demo.mjs';
import { checkContent, checkLostFeed } from './expectations.mjs';

const VIEWPORT = { width: 1440, height: 900 };

const options = readOptions();
process.exit(await main());

async function main() {
  const checks = new Checks();
  const demo = options.demo ? await Demo.start(options.demo) : undefined;
  try {
    await lookAtPage(checks, demo?.url ?? options.url, demo);
  } finally {
    demo?.kill();
  }
  const code = checks.close();
  if (code !== 0 && demo?.log) console.error(`The demo's log ends with:\n${demo.log}`);
  return code;
}

async function lookAtPage(checks, url, demo) {
  const { page, problems, close } = await openBrowser(VIEWPORT);
  try {
    const opened = Date.now();
    await page.goto(url, { waitUntil: 'domcontentloaded' });
    await checkContent(checks, page, demo?.started ?? opened);
    await sleep(options.settle * 1000);
    if (options.screenshot) await page.screenshot({ path: options.screenshot });
    // Before the server goes away: from then on failed requests are what one expects.
    await checks.run('no console error, failed request or policy violation', async () => {
      // What goes wrong once a second is told once.
      const distinct = [...new Set(problems)];
      ensure(problems.length === 0, `${problems.length} seen:\n${distinct.join('\n')}`);
    });
    if (demo) await checkLostFeed(checks, page, demo);
  } finally {
    await close();
  }
}

function readOptions() {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        demo: { type: 'string' },
        settle: { type: 'string', default: '0' },
        screenshot: { type: 'string' },
      },
    });
    const settle = Number(values.settle);
    if (!(settle >= 0)) throw new Error('--settle must be a number of seconds');
    if (positionals.length !== (values.demo ? 0 : 1)) throw new Error('either --demo or one URL is needed');
    return { ...values, settle, url: positionals[0] };
  } catch (error) {
    console.error(`station.mjs: ${error.message}`);
    console.error('usage: node station.mjs (--demo BINARY | URL) [--settle SECONDS] [--screenshot FILE]');
    process.exit(2);
  }
}
