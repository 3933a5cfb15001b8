// Time on the page.
//
// Ages are taken against the log's clock of a patient's shard. Between two messages that clock is carried forward by
// this machine's monotonic clock, at the log clock's speed (a demo may run faster than the wall). This machine's idea of
// the date is never used for an age.

/** Silence, in milliseconds, after which station or engine count as lost. Heartbeats come every 2 s, ticks every 1 s. */
const SILENCE = 4000;

/** Silence after which a heartbeat is overdue: then it is the station that is not heard, and not the engine. */
const OVERDUE = 2600;

/** How far, in seconds on the wall, the engine may be behind the log's clock. */
const BEHIND = 10;

export class Clocks {
  #feeds = new Map();
  #heard = null;

  /** Something came from the station. */
  hear() {
    this.#heard = { monotonic: performance.now(), wall: Date.now() };
  }

  /** Takes the state of all shards, as of this moment. */
  set(feeds) {
    const at = performance.now();
    this.#feeds = new Map(feeds.map((feed) => [feed.shard, { ...feed, at }]));
  }

  /** Milliseconds since the station was last heard; the wall clock also counts the time a machine slept. */
  silence() {
    if (this.#heard === null) return Infinity;
    return Math.max(performance.now() - this.#heard.monotonic, Date.now() - this.#heard.wall);
  }

  connected() {
    return this.silence() < SILENCE;
  }

  overdue() {
    return this.silence() > OVERDUE;
  }

  /** What the log's clock of a shard reads now, or null before its first tick. */
  now(shard) {
    const feed = this.#feeds.get(shard);
    return feed === undefined ? null : feed.now + this.#tickAge(feed) * feed.speed;
  }

  #tickAge(feed) {
    return feed.tick_age + (performance.now() - feed.at);
  }

  /** "ok", "silent" (no tick), or "behind" (ticks, but of the past). */
  state(shard) {
    const feed = this.#feeds.get(shard);
    if (feed === undefined || this.#tickAge(feed) > SILENCE) return "silent";
    return feed.now - feed.log_time > BEHIND * 1000 * Math.max(1, feed.speed) ? "behind" : "ok";
  }

  /** Whether a value of this shard may be shown as current. */
  current(shard) {
    return this.connected() && this.state(shard) === "ok";
  }

  shards() {
    return [...this.#feeds.values()];
  }

  /** The shard whose clock is furthest: the one that the heading shows. */
  furthest() {
    return this.shards().reduce((most, feed) => (most === null || feed.now > most.now ? feed : most), null);
  }
}

/** An age in milliseconds as words, rounded down: "4 s", "12 min", "1.4 h", "12 h", "2 d". */
export function ageText(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 36000) return `${Math.floor(seconds / 3600)}.${Math.floor((seconds % 3600) / 360)} h`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DATE = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });

/** A moment as the wall clock of the ward shows it: "05:39:57". */
export const timeText = (milliseconds) => TIME.format(milliseconds);

/** "Sun 22 Nov". */
export const dateText = (milliseconds) => DATE.format(milliseconds);

/** A moment without doubt, for tooltips. */
export const isoText = (milliseconds) => new Date(milliseconds).toISOString();
