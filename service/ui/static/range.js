// Which confidences does one want to see? A range over a histogram, by dragging or by two handles and keys.

import { h } from "./dom.js";
import { BINS, edge } from "./histogram.js";
import { inPercent, plural } from "./words.js";

const SETTLE_MILLISECONDS = 350;
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -4, PageUp: 4, Home: -BINS, End: BINS };

/**
 * Let a range be chosen on the figure of a histogram; `onrange(from, to)` gets the first and the last
 * bin. Returns how to `show` a range that was chosen elsewhere (null: all), and to `draw` other values.
 */
export function rangeOver(figure, values, onrange, oncancel) {
  const plot = figure.querySelector(".plot");
  const chosen = h("span", { class: "chosen" });
  const edges = [0, BINS]; // between the bins
  const handles = ["Lowest confidence", "Highest confidence"].map((label, at) => h("span", {
    class: "handle", role: "slider", tabindex: "0", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100",
    onkeydown: (event) => step(event, at),
  }));
  let timer = null;
  let start = null;

  const draw = () => {
    const [from, to] = edges;
    chosen.style.left = `${(from / BINS) * 100}%`;
    chosen.style.width = `${((to - from) / BINS) * 100}%`;
    const within = values.slice(from, to).reduce((sum, value) => sum + value, 0);
    handles.forEach((handle, at) => {
      handle.style.left = `${(edges[at] / BINS) * 100}%`;
      handle.setAttribute("aria-valuenow", String(inPercent(edges[at] / BINS)));
      handle.setAttribute("aria-valuetext", `${edge(edges[at])}, ${plural(within, "result", "results")} between`);
    });
    plot.classList.toggle("ranged", from > 0 || to < BINS);
  };

  function step(event, at) {
    const by = STEPS[event.key];
    if (by === undefined) return;
    event.preventDefault();
    edges[at] = at === 0 ? clamped(edges[0] + by, 0, edges[1] - 1) : clamped(edges[1] + by, edges[0] + 1, BINS);
    draw();
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      onrange(edges[0], edges[1] - 1);
    }, SETTLE_MILLISECONDS);
  }

  const binAt = (event) => {
    const box = plot.getBoundingClientRect();
    return clamped(Math.floor(((event.clientX - box.left) / box.width) * BINS), 0, BINS - 1);
  };
  const reach = (bin) => {
    [edges[0], edges[1]] = [Math.min(start, bin), Math.max(start, bin) + 1];
    draw();
  };
  plot.addEventListener("pointerdown", (event) => {
    const handle = handles.indexOf(event.target);
    // A handle keeps the other end; elsewhere a new range begins.
    start = handle < 0 ? binAt(event) : handle === 0 ? edges[1] - 1 : edges[0];
    plot.setPointerCapture(event.pointerId);
    if (handle < 0) reach(start);
  });
  plot.addEventListener("pointermove", (event) => {
    if (start !== null) reach(binAt(event));
  });
  plot.addEventListener("pointerup", () => {
    if (start !== null) onrange(edges[0], edges[1] - 1);
    start = null;
  });
  plot.addEventListener("pointercancel", () => {
    start = null;
    oncancel();
  });
  plot.classList.add("draggable");
  plot.prepend(chosen);
  plot.append(...handles);
  draw();
  return {
    show: (range) => {
      if (timer !== null || start !== null) return; // one is choosing another
      [edges[0], edges[1]] = range ? [range[0], range[1] + 1] : [0, BINS];
      draw();
    },
    draw,
  };
}

const clamped = (value, least, most) => Math.min(most, Math.max(least, value));
