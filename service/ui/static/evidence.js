// Why this score? The two records side by side, and a waterfall whose bars add up to the confidence.

import { apart } from "./apart.js";
import { differences, shortened } from "./differences.js";
import { h } from "./dom.js";
import { waterfall } from "./waterfall.js";
import { absence, confidence, count, percent } from "./words.js";

const STRATEGIES = { exact: "exact", fuzzy: "alike", date_range: "date", numeric_range: "number" };
const KINDS = { date_range: "a date", numeric_range: "a number" };
const VERDICTS = { match: "The AI chose a candidate", none: "The AI chose none of the candidates", unresolved: "The AI did not decide" };
const HEADS = ["Field", "Document", "Reference", "Share of the confidence"];

/**
 * A table of the mappings: both values with what differs marked, and each one's share. `threshold` is
 * drawn as a line, `reference` names the row, `known` is the service's figure for the sum.
 */
export function evidenceTable(evidence, { threshold = null, reference = "", known = null } = {}) {
  const { steps, sum } = waterfall(evidence, known);
  return h("table", { class: "evidence" },
    h("thead", {}, h("tr", {}, HEADS.map((text) => h("th", { scope: "col" }, text === "Reference" && reference ? [text, h("small", { class: "clip", title: reference }, reference)] : text)))),
    h("tbody", {}, steps.map((step) => row(step, threshold))),
    h("tfoot", {}, h("tr", {}, h("th", { scope: "row", colspan: "3" }, "Sum"),
      h("td", {}, track([["earned", 0, sum]], threshold, h("strong", { class: "number" }, confidence(sum)))))));
}

function row(step, threshold) {
  const { name, strategy, score, weight, from, share, shown, weighs } = step;
  const isUnread = (side) => step.unreadable === side || step.unreadable === "both";
  const values = [step.document_value, step.reference_value];
  const isOneSided = values.some(absence) || Boolean(step.unreadable);
  const texts = isOneSided || score === 1 ? values.map((value) => [{ text: String(value ?? ""), differs: false }]) : differences(...values, strategy);
  const notes = ["", isOneSided ? "" : apart(step)];
  return h("tr", {},
    h("th", { scope: "row", title: name }, h("span", {}, name), h("small", {}, ` ${STRATEGIES[strategy] ?? strategy}`)),
    ["Document", "Reference"].map((side, at) => h("td", { "data-label": side },
      written(values[at], texts[at], isUnread(side.toLowerCase()) ? KINDS[strategy] ?? strategy : null),
      notes[at] ? h("small", { class: "apart" }, notes[at]) : null)),
    h("td", { "data-label": "Share" },
      track([["possible", from, weight], ["earned", from, share]], threshold, h("span", { class: "number" }, confidence(shown))),
      h("small", { class: "number sum" }, weight ? `score ${confidence(score)} × weight ${percent(weighs || weight)}` : "not counted")));
}

/** A value; what is long is shortened around what differs, and shown whole on demand. */
function written(value, parts, unreadAs) {
  if (absence(value)) return h("span", { class: "dim" }, absence(value));
  const short = shortened(parts);
  const place = h("span", { class: "value" }, short.parts.map(drawn));
  const whole = short.isWhole ? null : h("button", { class: "quiet small", onclick: () => {
    place.replaceChildren(...parts.map(drawn));
    whole.remove();
  } }, `Show all ${count(String(value).length)} characters`);
  return [place, whole, unreadAs ? h("span", { class: "unread" }, `could not be read as ${unreadAs}`) : null];
}

const drawn = ({ text, differs }) => (differs ? h("mark", {}, text) : text);

/** Bars of [class, from, width], all in shares of one, and the figure beside them. */
function track(bars, threshold, figure) {
  const line = threshold === null ? [] : [["limit", threshold, 0]];
  return h("span", { class: "share" },
    h("span", { class: "track", "aria-hidden": "true" }, [...bars, ...line].map(([name, from, width]) => {
      const bar = h("span", { class: name });
      bar.style.left = `${from * 100}%`;
      if (width) bar.style.width = `${width * 100}%`;
      return bar;
    })),
    figure);
}

/** What the AI said, where it was asked; `row` is the one it chose. */
export function aiNote(evidence, row) {
  const { ai } = evidence;
  if (!ai) return null;
  const chosen = ai.decision === "match" && row ? `: ${row}` : "";
  const sure = ai.confidence === null || ai.confidence === undefined ? "" : `, ${confidence(ai.confidence)} sure`;
  return h("p", { class: "ai" }, h("strong", {}, `${VERDICTS[ai.decision] ?? ai.decision}${chosen}${sure}.`), ` ${ai.rationale ?? ""} `, h("small", {}, ai.model));
}
