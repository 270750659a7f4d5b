// Where is something new made? In a form that folds out, and that Cancel or Escape folds up and empties.

import { fill, h } from "./dom.js";

/** `draw(cancel)` makes the form, anew each time it was left. */
export function making(title, draw) {
  const summary = h("summary", {}, title);
  const details = h("details", { class: "making", onkeydown: (event) => {
    if (event.key === "Escape" && details.open) cancel();
  } });
  function cancel() {
    details.open = false;
    fill(details, summary, draw(cancel));
    summary.focus();
  }
  return fill(details, summary, draw(cancel));
}

/** The button that goes on, and the one that does not. */
export const decision = (yes, cancel) => h("p", { class: "row" }, h("button", { class: "primary" }, yes), h("button", { type: "button", class: "quiet", onclick: cancel }, "Cancel"));
