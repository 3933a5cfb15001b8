// One patient: bed, scores with their points, readings with their ages, active alarms.
//
// A tile is drawn anew when its view changes; `age` then passes time over it twice a second. A reading counts as current
// only while all of this holds: the engine did not call it stale, it is younger than its maximum age, its source has not
// fallen silent since, and engine and station are heard.

import { el, mark, setText } from "./dom.js";
import { ageText, isoText, timeText } from "./clock.js";

/** Alarms drawn on a tile before the rest is only counted. */
const ALARMS = 3;

export class Tile {
  constructor() {
    this.element = el("article", { class: "tile" });
  }

  /** Takes a new view of the patient. */
  show(view) {
    this.view = view;
    this.readings = view.readings.map(drawReading);
    this.since = view.alarms.slice(0, ALARMS).map((alarm) => ({ at: alarm.since, age: el("span", { class: "age" }) }));
    this.lost = view.lost && drawLost(view.lost);
    this.evaluated = el("span", { class: "age" });
    this.feed = el("p", { class: "feed" });

    const bed = view.bed ?? view.patient;
    setData(this.element, "bed", bed);
    setData(this.element, "priority", view.priority ?? undefined);
    setData(this.element, "lost", view.lost ? "" : undefined);
    this.element.setAttribute("aria-label", `Bed ${bed}`);
    this.element.replaceChildren(...[
      this.#head(bed),
      this.lost?.element,
      this.#alarms(),
      ...view.scores.filter((score) => score.points.length > 0).slice(0, 1).map(drawPoints),
      el("dl", { class: "readings" }, ...this.readings.map((reading) => reading.element)),
      this.feed,
    ].filter(Boolean));
  }

  #head(bed) {
    const { ward, patient, scores } = this.view;
    const [first, ...rest] = scores.map((score, index) => drawScore(score, index === 0 ? this.evaluated : null));
    return el("header", {},
      el("h2", {}, bed),
      first ?? el("p", { class: "score", "data-score": "none" }, this.#whyNoScore()),
      el("p", { class: "patient", title: [ward, patient].filter(Boolean).join(" · ") }, patient),
      el("div", { class: "rest" }, ...rest),
      ...scores.filter((score) => score.note).map((score) => el("p", { class: "note" }, score.note)));
  }

  /** A bed may be known by its alarms alone, such as one whose device's data are set aside. */
  #whyNoScore() {
    return this.view.alarms.some((alarm) => alarm.kind === "technical") ? "no score: no usable data" : "no score yet";
  }

  #alarms() {
    const { view } = this;
    if (view.alarms.length === 0) return null;
    const rows = view.alarms.slice(0, ALARMS).map((alarm, index) =>
      el("li", { "data-kind": alarm.kind, title: `since ${isoText(alarm.since)}` },
        mark(alarm.priority, alarm.kind), " ", el("b", {}, alarm.text), " ", this.since[index].age));
    const more = view.alarms.length - rows.length;
    return el("ul", { class: "alarms", "aria-label": "Active alarms" }, ...rows,
      more > 0 ? el("li", { class: "more" }, `and ${more} more`) : null);
  }

  /** Lets time pass: ages, staleness, and whether the whole tile is current. */
  age(clocks) {
    const { view } = this;
    const now = clocks.now(view.shard);
    const current = clocks.current(view.shard);
    setData(this.element, "current", current ? undefined : "no");
    setText(this.feed, current ? "" : "not current");
    for (const reading of this.readings) reading.pass(now, current, view.lost);
    const text = (at) => (now === null ? "" : ageText(now - at));
    for (const alarm of this.since) setText(alarm.age, text(alarm.at));
    if (this.lost) setText(this.lost.age, text(view.lost.since));
    if (view.evaluated_at !== null) setText(this.evaluated, text(view.evaluated_at));
  }
}

function setData(element, name, value) {
  if (value === undefined) element.removeAttribute(`data-${name}`);
  else if (element.getAttribute(`data-${name}`) !== value) element.setAttribute(`data-${name}`, value);
}

function drawScore(score, age) {
  return el("p", { class: "score", "data-score": score.name, "data-band": score.band },
    el("span", { class: "label" }, score.label), " ", age, el("span", { class: "total" }, score.text));
}

function drawPoints(score) {
  const cells = score.points.map(({ label, points }) =>
    el("li", { "data-points": points ?? "missing" }, el("span", { class: "label" }, label),
      el("b", {}, points === null ? "?" : String(points))));
  return el("ul", { class: "points", "aria-label": `${score.label} points` }, ...cells);
}

function drawLost(lost) {
  const age = el("span", { class: "age" });
  const since = el("span", { title: isoText(lost.since) }, `${lost.sources.join(", ")} since ${timeText(lost.since)}`);
  const element = el("div", { class: "lost" }, el("b", {}, "SIGNAL LOST"), age, mark(lost.priority), since);
  return { element, age };
}

function drawReading(reading) {
  const age = el("dd", { "data-age": "" });
  const element = el("div", { "data-name": reading.name, "data-wide": reading.wide },
    el("dt", {}, reading.label),
    el("dd", { class: "value" }, el("span", {}, reading.value), reading.unit ? el("small", {}, reading.unit) : null),
    age);

  const pass = (now, current, lost) => {
    const old = reading.at === null || now === null ? null : now - reading.at;
    const tooOld = old !== null && reading.max_age !== null && old > reading.max_age * 1000;
    const silenced = lost !== null && reading.at !== null && reading.at <= lost.since;
    const stale = reading.stale || tooOld || silenced || !current;
    const words = reading.at === null ? "charted" : old === null ? "age unknown" : ageText(old);
    element.toggleAttribute("data-stale", stale);
    setText(age, stale ? `stale ${words}` : words);
  };
  return { element, pass };
}
