// The technical lane: what is wrong with the system itself, which is no patient's. What keeps data away stands first.

import { el } from "./dom.js";
import { isoText, timeText } from "./clock.js";

/** Draws the lane; it is hidden while there is nothing to say. */
export function showConditions(lane, list, conditions) {
  const ordered = [...conditions].sort((one, other) => Number(other.blocks) - Number(one.blocks) || one.since - other.since);
  list.replaceChildren(...ordered.map(draw));
  lane.hidden = ordered.length === 0;
}

function draw(condition) {
  return el("li", { "data-condition": condition.code, "data-place": condition.place, "data-blocks": condition.blocks },
    el("time", { datetime: isoText(condition.since), title: isoText(condition.since) }, timeText(condition.since)),
    el("b", {}, condition.text),
    el("span", {}, `Fix: ${condition.remedy}`));
}
