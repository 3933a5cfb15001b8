// The page: takes the station's messages, keeps the tiles in order, and says when what it shows is not current.

import { el, mark, setText } from "./dom.js";
import { Alerts } from "./alerts.js";
import { Clocks, ageText, dateText, timeText } from "./clock.js";
import { openFeed } from "./feed.js";
import { showConditions } from "./system.js";
import { Tile } from "./tile.js";

/** Milliseconds between two passes of time over the page. */
const PASS = 500;

const at = (id) => document.getElementById(id);
const ward = at("ward");
const banner = document.querySelector("[data-banner]");
const clocks = new Clocks();
const tiles = new Map();
const alerts = new Alerts(at("alerts"), at("announce"));
const byBed = new Intl.Collator("en", { numeric: true });
let full = false;

openFeed(clocks, {
  snapshot(snapshot) {
    setText(at("title"), snapshot.title);
    document.title = `${snapshot.title} · Wardwatch`;
    setText(at("label"), snapshot.label ?? "");
    at("label").hidden = !snapshot.label;
    full = snapshot.full;
    tiles.clear();
    snapshot.tiles.forEach(put);
    alerts.replace(snapshot.alerts);
    showConditions(at("system"), at("conditions"), snapshot.conditions);
    arrange();
    pass();
  },
  delta(delta) {
    delta.tiles?.forEach(put);
    delta.gone?.forEach((patient) => tiles.delete(patient));
    if (delta.alerts) alerts.add(delta.alerts);
    if (delta.conditions) showConditions(at("system"), at("conditions"), delta.conditions);
    if (delta.tiles || delta.gone) arrange();
    pass();
  },
  heartbeat(heartbeat) {
    full = heartbeat.full;
    pass();
  },
});
setInterval(pass, PASS);

function put(view) {
  if (!tiles.has(view.patient)) tiles.set(view.patient, new Tile());
  tiles.get(view.patient).show(view);
}

/** Puts the tiles in order, most urgent first, and moves only those that are out of place. */
function arrange() {
  const bed = ({ view }) => view.bed ?? view.patient;
  const order = [...tiles.values()].sort(
    (one, other) => other.view.urgency - one.view.urgency || byBed.compare(bed(one), bed(other)));
  const kept = new Set(order.map((tile) => tile.element));
  [...ward.children].filter((element) => !kept.has(element)).forEach((element) => element.remove());
  order.forEach(({ element, view }, index) => {
    element.dataset.urgency = view.urgency;
    if (ward.children[index] !== element) ward.insertBefore(element, ward.children[index] ?? null);
  });
  countAlarms(order);
  // All flashing is in step: a wall of lights out of step says nothing.
  for (const animation of document.getAnimations()) animation.startTime = 0;
}

function countAlarms(order) {
  const active = order.flatMap(({ view }) => (view.lost ? [view.lost, ...view.alarms] : view.alarms));
  const count = (priority) => active.filter((alarm) => alarm.priority === priority).length;
  const items = ["high", "medium", "low"].map((priority) =>
    el("li", { "data-none": count(priority) === 0 }, el("b", {}, String(count(priority))), mark(priority)));
  const lost = order.filter((tile) => tile.view.lost).length;
  items.push(el("li", { "data-none": lost === 0 }, el("b", {}, String(lost)), "signal lost"));
  items.push(el("li", {}, el("b", {}, String(order.length)), order.length === 1 ? "patient" : "patients"));
  at("counts").replaceChildren(...items);
}

/** Lets time pass over everything. */
function pass() {
  for (const tile of tiles.values()) tile.age(clocks);
  const trouble = troubles().join(" ");
  banner.hidden = trouble === "";
  setText(banner, trouble);
  const feed = clocks.furthest();
  if (feed === null) return;
  const now = clocks.now(feed.shard);
  setText(at("time"), timeText(now));
  setText(at("date"), feed.speed === 1 ? dateText(now) : `${dateText(now)} · ${feed.speed}× speed`);
}

/** What keeps the page from being current, in sentences. */
function troubles() {
  const notCurrent = "– values below are not current.";
  if (clocks.silence() === Infinity) {
    return performance.now() < 3000 ? [] : ["No connection to the station yet. Trying again."];
  }
  const shards = clocks.shards();
  const silent = shards.filter(({ shard }) => clocks.state(shard) === "silent");
  if (!clocks.connected() || (silent.length > 0 && clocks.overdue())) {
    return [`Connection to the station lost ${notCurrent} Reconnecting.`];
  }

  const found = full ? ["More patients than this page can show: some are missing here."] : [];
  if (shards.length === 0) return [...found, "No data from the engine yet."];
  const unheard = [...tiles.values()].filter(({ view }) => clocks.now(view.shard) === null).length;
  if (unheard > 0) found.push(`No sign of life from the engine yet for ${unheard} of ${tiles.size} patients.`);
  const behind = shards.filter(({ shard }) => clocks.state(shard) === "behind");
  const some = (part) => (part.length === shards.length ? "" : ` (${part.length} of ${shards.length} shards)`);
  if (shards.some((feed) => feed.edit_refused)) {
    found.push("A change of the alarm rules was refused. The rules before it go on watching. Tell whoever changed them.");
  }
  if (silent.length > 0) {
    const since = Math.min(...silent.map((feed) => feed.log_time));
    found.push(`No data from the engine since ${timeText(since)}${some(silent)} ${notCurrent}`);
  }
  if (behind.length > 0) {
    const most = Math.max(...behind.map((feed) => feed.now - feed.log_time));
    found.push(`The engine is ${ageText(most)} behind${some(behind)} ${notCurrent}`);
  }
  return found;
}

// The theme follows the system until someone chooses.
const root = document.documentElement;
root.dataset.theme = localStorage.getItem("theme") ?? "";
at("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});
