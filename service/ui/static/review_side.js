// What stands beside the card? How what waits spreads, a range of it, approving many, and the keys.

import { fill, h } from "./dom.js";
import { binOf, countTies, counts, edge, histogram, redraw } from "./histogram.js";
import { rangeOver } from "./range.js";

const KEYS = [["a", "approve", "write"], ["r", "reject", "write"], ["1–5", "choose a candidate"], ["s", "skip"], ["u", "undo", "write"], ["j / k", "next / back"], ["n", "write a note", "write"], ["?", "show keys"]];
const WIDE = "(min-width: 64rem)";
const RETRY_MILLISECONDS = 3000;

/**
 * The side; `refresh` counts what waits anew, `count` by what a verdict changed, `ranged` tells which
 * range is gone through, null for none.
 */
export function reviewSide(here, state, actions) {
  const place = h("div");
  const chosen = h("p", { class: "row ranged-to" });
  let mark = null;
  let values = null;
  let ties = [];
  let spread = null;
  let asked = 0;

  async function refresh() {
    const mine = ++asked;
    try {
      const waiting = { status: "pending" };
      const [read, close] = await Promise.all([counts(state.runId, waiting), countTies(state.runId, state.limits, waiting)]);
      if (here.signal.aborted || mine !== asked) return;
      [values, ties] = [read, close];
      spread = histogram(values, state.limits, { ties });
      mark = rangeOver(spread, values, actions.range, ranged);
      fill(place, spread);
      ranged();
    } catch (error) {
      if (mine === asked && !here.signal.aborted) failed(error);
    }
  }

  /** Say that it could not be counted, and count again until it can. */
  function failed(error) {
    fill(place, h("p", { class: "notice" }, error.message, " ", h("button", { class: "small", onclick: refresh }, "Try again")));
    if (!error.isPassing) return;
    const timer = setTimeout(refresh, RETRY_MILLISECONDS);
    here.onClose(() => clearTimeout(timer));
  }

  function count({ confidence, uncertain }, change) {
    if (!values || !change) return;
    values[binOf(confidence)] += change;
    if (uncertain && confidence >= state.limits.threshold) ties[binOf(confidence)] += change;
    redraw(spread, values, ties);
    mark.draw();
  }

  function ranged() {
    mark?.show(state.mode === "range" ? state.range : null);
    if (state.mode !== "range") return fill(chosen, mark && h("small", {}, "Drag over the bars, or move the ends, to go through a range."));
    const [from, to] = state.range;
    fill(chosen, `Confidence ${edge(from)} to ${edge(to + 1)}`, h("button", { class: "small", onclick: () => actions.mode("unsure") }, "Back to what is worth a look"));
  }

  const box = h("input", { type: "checkbox", onchange: () => actions.useKeys(box.checked) });
  box.checked = state.usesKeys;
  const keys = h("details", {}, h("summary", {}, "Keys"),
    h("dl", { class: "keys" }, KEYS.flatMap(([key, work, needs]) => [h("dt", { "data-needs": needs }, h("kbd", {}, key)), h("dd", { "data-needs": needs }, work)])),
    h("label", {}, box, " Keys work"));
  const more = h("details", { class: "more" }, h("summary", {}, "By confidence"), place, chosen, state.note);
  more.open = matchMedia(WIDE).matches;
  const element = h("section", { class: "panel side", "aria-label": "What waits" }, more,
    h("p", { "data-needs": "write" }, h("button", { onclick: actions.approveMany }, "Approve many …")), keys);
  ranged();
  return { element, refresh, count, ranged, toggleKeys: () => keys.toggleAttribute("open") };
}
