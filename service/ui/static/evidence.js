// Why this score? The two records side by side, and a waterfall whose bars add up to the confidence.

import { h } from "./dom.js";
import { confidence } from "./words.js";

const STRATEGIES = { exact: "exact", fuzzy: "alike", date_range: "date", numeric_range: "number" };

/** A table of the mappings: both values with what differs marked, and each one's share. */
export function evidenceTable(evidence) {
  let sum = 0;
  const rows = Object.entries(evidence).filter(([name, each]) => name !== "ai" && "score" in each).map(([name, each]) => {
    const from = sum;
    sum += each.score * each.weight;
    return h("tr", {},
      h("th", { scope: "row" }, name, h("small", {}, ` ${STRATEGIES[each.strategy] ?? each.strategy}`)),
      h("td", { "data-label": "Document" }, marked(each.document_value, each.reference_value, each.score)),
      h("td", { "data-label": "Reference" }, marked(each.reference_value, each.document_value, each.score)),
      h("td", { "data-label": "Share" }, bar(from, each)));
  });
  return h("table", { class: "evidence" },
    h("thead", {}, h("tr", {}, ...["Field", "Document", "Reference", "Share of the confidence"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, rows),
    h("tfoot", {}, h("tr", {}, h("th", { scope: "row", colspan: "3" }, "Sum"), h("td", {}, confidence(Math.round(sum * 10000) / 10000)))));
}

/** What the AI said, where it was asked. */
export function aiNote(evidence) {
  const ai = evidence.ai;
  if (!ai) return null;
  return h("p", { class: "ai" }, h("strong", {}, `${ai.model}: ${ai.decision ?? "none of these"}`),
    ` (${confidence(ai.confidence)}) – ${ai.rationale ?? ai.error ?? ""}`);
}

function bar(from, { score, weight }) {
  const share = score * weight;
  const full = h("span", { class: "possible" });
  const part = h("span", { class: "earned" });
  full.style.left = part.style.left = `${from * 100}%`;
  full.style.width = `${weight * 100}%`;
  part.style.width = `${share * 100}%`;
  return h("span", { class: "share" },
    h("span", { class: "track", "aria-hidden": "true" }, full, part),
    h("span", { class: "number", title: `score ${confidence(score)} × weight ${confidence(weight)}` }, confidence(share)));
}

/** A value, with the words that the other one lacks marked, unless the two mean the same. */
function marked(value, other, score) {
  if (value === null || value === undefined || value === "") return h("span", { class: "dim" }, "missing");
  if (other === null || other === undefined || other === "" || score === 1) return h("span", {}, String(value));
  const known = new Set(words(other));
  const parts = String(value).split(/(\s+)/).map((part) =>
    part.trim() && words(part).some((word) => !known.has(word)) ? h("mark", {}, part) : part);
  return h("span", {}, parts);
}

const words = (value) => String(value ?? "").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
