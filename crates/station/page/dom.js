// Building elements. Data becomes attributes and text nodes, never markup.

/**
 * An element with its attributes and children.
 * An attribute that is null, undefined or false is left out, true is an empty one. A child that is null is left out.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets the text only if it differs: an untouched node costs no layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The mark of a priority: a shape and a word, never colour alone. A technical alarm says so. */
export function mark(priority, kind) {
  const words = kind === "technical" ? `${priority} · technical` : priority;
  return el("span", { class: "mark", "data-priority": priority, "data-kind": kind }, words);
}
