// How do the confidences of a run spread? Twenty bars, and a range that can be dragged over them.

import { ask, runPath, withQuery } from "./api.js";
import { svg } from "./dom.js";
import { plural } from "./words.js";

export const BINS = 20;
const WIDTH = 400;
const HEIGHT = 90;
const STEP = WIDTH / BINS;

/** Bounds of a bin as the API compares them: confidences have four digits, both ends belong. */
export const bounds = (bin) => ({
  min_confidence: (bin / BINS).toFixed(4),
  max_confidence: bin === BINS - 1 ? "1" : ((bin + 1) / BINS - 0.0001).toFixed(4),
});

/** Ask how many results each bin has. */
export async function counts(runId, filters = {}) {
  const pages = await Promise.all(Array.from({ length: BINS }, (_, bin) =>
    ask("GET", withQuery(`${runPath(runId)}/results`, { ...filters, ...bounds(bin), limit: 1 }))));
  return pages.map((page) => page.pagination.total);
}

/** Draw; `thresholds` are marked, `onrange(from, to)` makes the bars draggable (bins, both in). */
export function histogram(values, thresholds, onrange) {
  const most = Math.max(1, ...values);
  const image = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT + 18}`, class: onrange ? "histogram draggable" : "histogram", role: "img",
    "aria-label": `Confidence of ${plural(values.reduce((sum, value) => sum + value, 0), "result", "results")}: ${summary(values)}`,
  });
  const chosen = svg("rect", { y: 0, height: HEIGHT, class: "range", width: 0, x: 0 });
  image.append(chosen);
  values.forEach((value, bin) => {
    const height = value ? Math.max(2, (value / most) * (HEIGHT - 4)) : 0;
    image.append(svg("rect", { x: bin * STEP + 1, y: HEIGHT - height, width: STEP - 2, height, class: barClass(bin, thresholds) },
      titled(`${(bin / BINS).toFixed(2)} to ${((bin + 1) / BINS).toFixed(2)}: ${value}`)));
  });
  for (const mark of [0, 0.5, 1]) {
    image.append(svg("text", { x: mark * WIDTH, y: HEIGHT + 14, "text-anchor": mark === 0 ? "start" : mark === 1 ? "end" : "middle" }, String(mark)));
  }
  if (onrange) drag(image, chosen, onrange);
  return image;
}

function titled(text) {
  return svg("title", {}, text);
}

function barClass(bin, { threshold, review_threshold: review }) {
  const middle = (bin + 0.5) / BINS;
  if (middle >= threshold) return "sure";
  return middle >= review ? "unsure" : "low";
}

const summary = (values) => values.map((value, bin) => (value ? `${(bin / BINS).toFixed(2)} has ${value}` : "")).filter(Boolean).join(", ");

function drag(image, chosen, onrange) {
  let start = null;
  const binAt = (event) => {
    const box = image.getBoundingClientRect();
    return Math.min(BINS - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * BINS)));
  };
  const mark = (end) => {
    chosen.setAttribute("x", Math.min(start, end) * STEP);
    chosen.setAttribute("width", (Math.abs(end - start) + 1) * STEP);
  };
  image.addEventListener("pointerdown", (event) => {
    start = binAt(event);
    image.setPointerCapture(event.pointerId);
    mark(start);
  });
  image.addEventListener("pointermove", (event) => {
    if (start !== null) mark(binAt(event));
  });
  image.addEventListener("pointerup", (event) => {
    if (start === null) return;
    const end = binAt(event);
    onrange(Math.min(start, end), Math.max(start, end));
    start = null;
  });
}
