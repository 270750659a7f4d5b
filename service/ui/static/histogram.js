// How do the confidences of a run spread? Twenty bars with their numbers, and where the thresholds lie.

import { ask, runPath, withQuery } from "./api.js";
import { fill, h } from "./dom.js";
import { FILTERS as VERDICT_FILTERS, VERDICTS } from "./verdicts.js";
import { count, percent, plural } from "./words.js";

export const BINS = 20;
const MARKS = [0, 0.25, 0.5, 0.75, 1];
const COLOURS = { sure: "good", unsure: "unsure", low: "low" };

/** Bounds of a bin as the API compares them: confidences have four digits, both ends belong. */
export const bounds = (bin) => ({
  min_confidence: (bin / BINS).toFixed(4),
  max_confidence: bin === BINS - 1 ? "1" : ((bin + 1) / BINS - 0.0001).toFixed(4),
});

export const edge = (bin) => percent(bin / BINS);

/** The bin that a confidence belongs to. */
export const binOf = (confidence) => Math.min(BINS - 1, Math.floor(confidence * BINS));

/** Bounds of a bin that begins no lower than `least`. */
const boundsFrom = (bin, least = 0) => {
  const { min_confidence: min, max_confidence: max } = bounds(bin);
  return { min_confidence: Math.max(Number(min), least).toFixed(4), max_confidence: max };
};

/** Ask how many results each bin has, none below the bin `from`. */
export async function counts(runId, filters = {}, from = 0) {
  return Promise.all(Array.from({ length: BINS }, async (_, bin) => (bin < from ? 0
    : (await ask("GET", withQuery(`${runPath(runId)}/results`, { ...filters, ...boundsFrom(bin, filters.min_confidence), limit: 1 }))).pagination.total)));
}

/** How many results of each bin match with a close second: they are worth a look all the same. */
export const countTies = (runId, { threshold }, filters = {}) => counts(runId, { ...filters, ...VERDICT_FILTERS.unsure, min_confidence: threshold }, binOf(threshold));

/** What the results of a bin are, each with its share of the bin: a threshold may lie within. */
export function kinds(bin, { threshold, review_threshold: review }) {
  const share = (from, to) => Math.max(0, Math.min(to, (bin + 1) / BINS) - Math.max(from, bin / BINS)) * BINS;
  return [["low", share(0, review)], ["unsure", share(review, threshold)], ["sure", share(threshold, 1)]].filter(([, part]) => part > 1e-9);
}

/**
 * Draw; `thresholds` are marked. With `href(bin)` each bar that is not empty leads there. The figure
 * that is returned can be drawn anew by `redraw`, without losing what is focused. `ties` are those of
 * each bin that are worth a look although they match.
 */
export function histogram(values, thresholds, { href = null, ties = [] } = {}) {
  const columns = Array.from({ length: BINS }, (_, bin) => column(bin, thresholds, href));
  const plot = h("div", { class: "plot" }, h("div", { class: "bars", role: "list", "aria-label": "Results by confidence" }, columns), limits(thresholds));
  const axis = h("div", { class: "axis", "aria-hidden": "true" }, MARKS.map((mark) => {
    const text = h("span", {}, mark === 1 ? percent(mark) : String(mark * 100));
    text.style.left = `${mark * 100}%`;
    return text;
  }));
  const figure = h("figure", { class: "histogram" }, plot, axis);
  redraw(figure, values, ties);
  return figure;
}

/** Let the bars of a figure have other heights. */
export function redraw(figure, values, ties = []) {
  const most = Math.max(1, ...values);
  const all = values.reduce((sum, value) => sum + value, 0);
  figure.querySelector(".bars").setAttribute("aria-label", `${plural(all, "result", "results")} by confidence`);
  figure.querySelectorAll(".column").forEach((column, bin) => {
    const value = values[bin];
    const text = `${edge(bin)} to ${edge(bin + 1)}: ${plural(value, "result", "results")}`;
    column.setAttribute("aria-hidden", String(!value));
    column.firstChild.style.setProperty("--ties", value ? `${((ties[bin] ?? 0) / value) * 100}%` : "0%");
    column.firstChild.style.height = value ? `max(3px, ${(value / most) * 100}%)` : "0";
    fill(column.querySelector(".told"), text);
    column.querySelector("a")?.toggleAttribute("hidden", !value);
  });
}

function column(bin, thresholds, href) {
  const bar = h("span", { class: "filled" });
  const parts = kinds(bin, thresholds);
  let from = 0;
  bar.style.background = `linear-gradient(to bottom, var(--unsure) var(--ties), transparent var(--ties)), linear-gradient(to right, ${parts.map(([kind, part]) => {
    const stops = `var(--${COLOURS[kind]}) ${from * 100}% ${(from + part) * 100}%`;
    from += part;
    return stops;
  }).join(", ")})`;
  const told = h("span", { class: `told ${bin < BINS / 4 ? "start" : bin >= (3 * BINS) / 4 ? "end" : ""}` });
  return h("div", { class: "column", role: "listitem" }, bar, href ? h("a", { href: href(bin) }, told) : told);
}

/** Lines where a result is looked at, and where it counts as a match. */
function limits({ threshold, review_threshold: review }) {
  return [["look", review], ["match", threshold]].filter(([name, at]) => at > 0 && (name === "match" || review < threshold)).map(([name, at]) => {
    const line = h("span", { class: `limit-line ${name} ${at < 0.3 ? "early" : ""}` }, h("span", {}, `${name} from ${percent(at)}`));
    line.style.left = `${at * 100}%`;
    return line;
  });
}

/** What the colours mean; with the counts where they are known. */
export function legend(sums = {}) {
  return h("p", { class: "legend dim" }, Object.entries(VERDICTS).map(([kind, text]) =>
    h("span", { class: kind }, text, sums[kind] === undefined ? "" : ` ${count(sums[kind])}`)));
}
