// From which confidence on is it a match? Two sliders over a sample whose results are counted again at once.

import { fill, h } from "./dom.js";
import { evidenceTable } from "./evidence.js";
import { BINS, binOf, histogram, legend } from "./histogram.js";
import { countVerdicts, verdictBy } from "./verdicts.js";
import { confidence, inPercent, ofPercent, percent, plural } from "./words.js";

const NEAR = 4;

/**
 * The panel of a sample: `tell` takes what a previewer tells, `state` has `threshold` and `review`,
 * which the sliders change (`moved`); `explained` gets the results that are shown.
 */
export function samplePanel(state, { explained, moved }) {
  const said = h("p", { role: "status", class: "said" });
  const image = h("div");
  const why = h("div");
  let results = [];
  let opened = new Set();

  const threshold = slider("Match from", state.threshold, (value) => {
    state.threshold = value;
    state.review = Math.min(state.review, value);
    review.show(state.review);
    count();
    moved();
  });
  const review = slider("Worth a look from", state.review, (value) => {
    state.review = value;
    state.threshold = Math.max(state.threshold, value);
    threshold.show(state.threshold);
    count();
    moved();
  });

  /** Count and colour what is there, by the two levels. */
  function count() {
    const parts = countVerdicts(results, state);
    const bins = Array(BINS).fill(0);
    const ties = Array(BINS).fill(0);
    for (const result of results) {
      bins[binOf(result.confidence)] += 1;
      if (result.confidence >= state.threshold && verdictBy(result, state) === "unsure") ties[binOf(result.confidence)] += 1;
    }
    said.textContent = results.length ? `${parts.sure} of ${plural(results.length, "document", "documents")} would match.` : "";
    fill(image, results.length
      ? [histogram(bins, { threshold: state.threshold, review_threshold: state.review }, { ties }), legend(parts)]
      : null);
  }

  function explain() {
    opened = new Set([...why.querySelectorAll("details[open]")].map((each) => each.dataset.document));
    const shown = examples(results, state.threshold);
    fill(why, shown.length ? h("h2", {}, "Why these scores?") : null, shown.map((result) => {
      const details = h("details", { "data-document": result.document_id, open: opened.has(result.document_id) },
        h("summary", {}, `${result.document_filename ?? result.document_id} and ${result.candidates[0].reference_row_id}: ${confidence(result.confidence)}`),
        h("div", { class: "scroll" }, evidenceTable(result.candidates[0].evidence, { threshold: state.threshold, known: result.candidates[0].confidence })));
      return details;
    }));
  }

  function tell({ text, error, results: fresh }) {
    said.classList.toggle("stale", Boolean(error));
    if (text) said.textContent = text;
    else if (error) said.textContent = `The sample could not be matched: ${error.message}`;
    else {
      results = fresh;
      count();
      explain();
      explained(results);
    }
  }

  return {
    tell,
    element: h("div", {}, said, image, h("div", { class: "levels" }, threshold.element, review.element)),
    why,
  };
}

function slider(text, value, moved) {
  const shown = h("span", {});
  const input = h("input", { type: "range", min: "0", max: "100", step: "1", oninput: () => {
    shown.textContent = percent(ofPercent(input.value));
    moved(ofPercent(input.value));
  } });
  const show = (now) => {
    input.value = String(inPercent(now));
    shown.textContent = percent(now);
  };
  show(value);
  return { show, element: h("label", { class: "field" }, h("span", {}, `${text} `, shown), input) };
}

/** The surest result, those nearest to the threshold on both sides, and the least sure. */
function examples(results, threshold) {
  const found = results.filter((result) => result.candidates.length);
  const near = [...found].sort((one, other) => Math.abs(one.confidence - threshold) - Math.abs(other.confidence - threshold)).slice(0, NEAR);
  return [...new Set([found[0], ...near, found.at(-1)])].filter(Boolean).sort((one, other) => other.confidence - one.confidence);
}
