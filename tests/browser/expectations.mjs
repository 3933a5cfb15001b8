// What a nurse may expect of the station's page, as checks.
import { ensure, readUntil } from './checks.mjs';
import { readStation } from './page.mjs';

const BEDS = 24;
const TILES_MS = 30_000;
const FIRST_ALERT_MS = 30_000;
const BANNER_MS = 5_000;
// After a thaw the browser may be waiting to reconnect.
const RECOVERY_MS = 15_000;
const EXIT_MS = 20_000;

/** The page while the feed runs. The first alert is due 30 s after `started` (milliseconds since the epoch). */
export async function checkContent(checks, page, started) {
  const opened = Date.now();
  const read = () => readStation(page);
  await checks.run(`at least ${BEDS} beds`, async () => {
    const { tiles } = await readUntil(read, (seen) => seen.tiles.length >= BEDS, opened + TILES_MS);
    ensure(tiles.length >= BEDS, `${tiles.length} tiles after ${TILES_MS / 1000} s`);
    const beds = new Set(tiles.map((tile) => tile.bed));
    ensure(beds.size === tiles.length, `${tiles.length} tiles for ${beds.size} beds`);
    return `${tiles.length} tiles`;
  });
  await checks.run('first alert within 30 s', async () => {
    const { alerts } = await readUntil(read, (seen) => seen.alerts.length > 0, started + FIRST_ALERT_MS);
    ensure(alerts.length > 0, 'the alert list is still empty');
    ensure(alerts[0] !== '', 'the first alert says nothing');
    return `seen ${((Date.now() - started) / 1000).toFixed(1)} s after the start`;
  });
  // From here on one reading serves all: what belongs together is compared at one moment.
  const { tiles, banners, bannerShown, text } = await read();
  const needTiles = () => ensure(tiles.length > 0, 'there is no tile');
  await checks.run('most urgent beds first', async () => {
    needTiles();
    const unranked = tiles.filter((tile) => !Number.isFinite(tile.urgency));
    ensure(unranked.length === 0, `no urgency: ${unranked.map((tile) => tile.bed).join(', ')}`);
    const wrong = tiles.find((tile, i) => i > 0 && tile.urgency > tiles[i - 1].urgency);
    ensure(!wrong, `${wrong?.bed} (urgency ${wrong?.urgency}) comes after a less urgent bed`);
  });
  await checks.run('every bed shows a score or why there is none', async () => {
    needTiles();
    const without = tiles.filter((tile) => tile.scores.length === 0 || tile.scores.includes(''));
    ensure(without.length === 0, `no score: ${without.map((tile) => tile.bed).join(', ')}`);
    ensure(tiles.some((tile) => tile.scores.some((score) => /\d/.test(score))), 'not one score has a number');
  });
  await checks.run('every input shows its age', async () => {
    needTiles();
    // A bed may be known by its alarms alone: then it has no input, and no age to show.
    const without = tiles.filter((tile) => tile.ages.length !== tile.inputs || tile.ages.includes(''));
    ensure(tiles.some((tile) => tile.inputs > 0), 'no tile has an input');
    ensure(without.length === 0, `an age is missing: ${without.map((tile) => tile.bed).join(', ')}`);
    return `${tiles.reduce((sum, tile) => sum + tile.ages.length, 0)} ages`;
  });
  await checks.run('says that it is a secondary notification', async () => {
    ensure(/secondary notification/i.test(text), 'the words are not on the page');
  });
  await checks.run('the technical lane shows what is wrong, and is hidden otherwise', async () => {
    const lane = (conditions) => page.evaluate(async (given) => {
      const { showConditions } = await import('/system.js');
      const lane = document.getElementById('system');
      const before = lane.checkVisibility();
      showConditions(lane, document.getElementById('conditions'), given);
      const lines = [...lane.querySelectorAll('[data-condition]')].filter((line) => line.checkVisibility());
      const texts = lines.map((line) => line.innerText);
      showConditions(lane, document.getElementById('conditions'), []);
      return { before, after: lane.checkVisibility(), texts };
    }, conditions);
    const one = { code: 'edit_refused', place: 'pipeline', text: 'An edit is refused', remedy: 'validate it', blocks: false, since: 1 };
    const other = { code: 'open_transaction', place: 'vitals/0', text: 'A transaction is open', remedy: 'end it', blocks: true, since: 2 };
    const { before, after, texts } = await lane([one, other]);
    ensure(!before && !after, 'the lane is shown while nothing is wrong');
    ensure(texts.length === 2, `${texts.length} lines`);
    ensure(/A transaction is open/.test(texts[0]) && /end it/.test(texts[0]), `what keeps data away is not first: ${texts[0]}`);
  });
  await checks.run('no banner while the feed runs', async () => {
    ensure(banners > 0, 'the page has no banner to show');
    ensure(!bannerShown, 'the banner is shown');
  });
}

/** The page when the server freezes, thaws and stops; ends the demo. */
export async function checkLostFeed(checks, page, demo) {
  const banner = async () => (await readStation(page)).bannerShown;
  const bannerAfter = (signal) => async () => {
    const sent = Date.now();
    demo.signal(signal);
    ensure(await readUntil(banner, (shown) => shown, sent + BANNER_MS), `no banner ${BANNER_MS / 1000} s later`);
    return `shown after ${((Date.now() - sent) / 1000).toFixed(1)} s`;
  };
  // A frozen server keeps its connections open, so only the page's own watchdog can notice it; a stopped one closes them.
  await checks.run('banner within 5 s of a frozen server', bannerAfter('SIGSTOP'));
  await checks.run('banner gone once the server runs again', async () => {
    demo.signal('SIGCONT');
    const shown = await readUntil(banner, (seen) => !seen, Date.now() + RECOVERY_MS);
    ensure(!shown, `still shown ${RECOVERY_MS / 1000} s later`);
  });
  const stopped = Date.now();
  await checks.run('banner within 5 s of a stopped server', bannerAfter('SIGINT'));
  await checks.run('Ctrl-C ends the demo within 20 s, exit code 0', async () => {
    const ending = await demo.ended(stopped + EXIT_MS);
    ensure(ending !== undefined, `still running ${EXIT_MS / 1000} s later`);
    ensure(ending.code === 0, ending.signal ? `ended by ${ending.signal}` : `exit code ${ending.code}`);
  });
}
