// The alert list: what happened and why, newest first. A row never changes, but it fades once its condition has ended.

import { el, mark } from "./dom.js";
import { isoText, timeText } from "./clock.js";

/** Rows kept; the station keeps as many. */
const ROWS = 500;

/** Reasons drawn before the rest moves behind the fold. */
const REASONS = 4;

export class Alerts {
  #list;
  #announcer;
  #rows = new Map();

  constructor(list, announcer) {
    this.#list = list;
    this.#announcer = announcer;
  }

  /** Replaces the list; `alerts` is newest first. Nothing is announced: none of it is new. */
  replace(alerts) {
    this.#list.replaceChildren();
    this.#rows.clear();
    [...alerts].reverse().forEach((alert) => this.#put(alert));
  }

  /** Adds new alerts, oldest first, and reads out those of high priority. */
  add(alerts) {
    const fresh = alerts.filter((alert) => this.#put(alert));
    const grave = fresh.filter((alert) => alert.priority === "high" && alert.phase !== "end");
    if (grave.length > 0) {
      this.#announcer.textContent = grave.map((alert) => `High alert, bed ${bed(alert)}: ${alert.text}.`).join(" ");
    }
  }

  #put(alert) {
    if (this.#rows.has(alert.id)) return false;
    if (alert.phase === "end") {
      for (const row of this.#rows.values()) if (sameCondition(row.alert, alert)) row.element.dataset.over = "";
    }
    const element = draw(alert);
    this.#rows.set(alert.id, { alert, element });
    this.#list.prepend(element);
    if (this.#rows.size > ROWS) {
      const [oldest, row] = this.#rows.entries().next().value;
      row.element.remove();
      this.#rows.delete(oldest);
    }
    return true;
  }
}

const bed = (alert) => alert.bed ?? alert.patient;

const sameCondition = (one, other) =>
  one.patient === other.patient && one.alarm === other.alarm && one.condition_start === other.condition_start;

function draw(alert) {
  const reasons = alert.why.map(drawReason);
  return el("li", { "data-alert": alert.id, "data-priority": alert.priority, "data-phase": alert.phase },
    el("p", { class: "top" },
      el("time", { datetime: isoText(alert.at), title: isoText(alert.at) }, timeText(alert.at)),
      el("b", { class: "bed" }, bed(alert)),
      mark(alert.priority, alert.kind),
      el("span", { class: "phase" }, alert.phase_text),
      alert.late ? el("span", { class: "late" }, "LATE") : null),
    el("p", { class: "what" }, alert.text),
    alert.context_missing ? el("p", { class: "more" }, "No context of this patient is known: bed, ward and age are missing.") : null,
    reasons.length > 0 ? el("ul", { class: "why", "aria-label": "Why" }, ...reasons.slice(0, REASONS)) : null,
    el("details", {}, el("summary", {}, "Behind it"),
      reasons.length > REASONS ? el("ul", { class: "why" }, ...reasons.slice(REASONS)) : null,
      drawFacts(alert)));
}

function drawReason(why) {
  const parts = [
    why.age ? `${why.age} old` : null,
    why.baseline ? `baseline ${why.baseline}` : null,
    why.stale ? "stale, not used" : null,
  ].filter(Boolean);
  return el("li", { "data-stale": why.stale },
    el("span", { class: "label" }, why.label),
    el("b", {}, why.value),
    el("span", { class: "more" }, parts.join(" · ")),
    drawPart(why));
}

/** The input's part in the decision: points, or by how much it moved a model. */
function drawPart(why) {
  if (why.points !== undefined) return el("span", { class: "part" }, why.points === 1 ? "1 point" : `${why.points} points`);
  if (why.attribution === undefined) return null;
  const title = "Moved the model's output by this much against the patient's baseline, in log odds";
  return el("span", { class: "part", title }, `risk ${why.attribution}`);
}

function drawFacts(alert) {
  const facts = [
    ["Patient", alert.patient],
    ["Alarm", alert.alarm],
    ["Condition", alert.condition],
    ["Since", isoText(alert.condition_start)],
    ["Observed", isoText(alert.observed_at)],
    ["Decided", isoText(alert.at)],
    ["Model", alert.model],
    ["Pipeline", alert.pipeline],
    ["Alert", alert.id],
  ];
  const known = facts.filter(([, value]) => value);
  return el("dl", {}, ...known.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}
