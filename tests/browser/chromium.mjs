// Debian's Chromium, driven by playwright-core, with a ledger of everything the page complains about.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.WARDWATCH_CHROMIUM ?? '/usr/bin/chromium';

// A test must see the page and nothing else: no profile of its own, no traffic of the browser's own.
// There is no sandbox because CI runs as root; the page is our own, from loopback.
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Opens a browser with an empty profile.
 * Returns the page, `problems` (one line for each console error, uncaught exception, failed request, HTTP error or
 * violation of the content security policy, in the order they came) and `close`.
 */
export async function openBrowser(viewport) {
  const profile = await mkdtemp(join(tmpdir(), 'wardwatch-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    args: FLAGS,
    viewport,
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const problems = [];
  await collectProblems(page, problems);
  const close = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  };
  return { page, problems, close };
}

async function collectProblems(page, problems) {
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack ?? error.message}`));
  page.on('requestfailed', (request) => {
    problems.push(`request failed: ${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`HTTP ${response.status()}: ${response.url()}`);
  });
  await page.exposeFunction('reportPolicyViolation', (line) => problems.push(`content security policy: ${line}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (violation) => {
      window.reportPolicyViolation(`${violation.violatedDirective} blocked ${violation.blockedURI}`);
    });
  });
}
