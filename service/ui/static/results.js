// What came out? All results of a run as a table: filters, order, export, a link to each row.

import { ask, runPath, withQuery } from "./api.js";
import { choice, field, fill, h } from "./dom.js";
import { aiNote, evidenceTable } from "./evidence.js";
import { confidence, plural } from "./words.js";

const PAGE = 100;
const FILTERS = [
  ["sort", "Order", [["confidence", "Surest first"], ["document", "By document"]]],
  ["matched", "Match", [["", "All"], ["true", "Matched"], ["false", "Not matched"]]],
  ["status", "Review", [["", "All"], ["pending", "Waiting"], ["approved", "Approved"], ["rejected", "Rejected"]]],
  ["resolved_by", "Decided by", [["", "All"], ["rules", "Rules"], ["ai", "AI"], ["review", "Review"]]],
];

export async function showResults(here, runId, resultId, query) {
  if (resultId) return showOne(here, runId, resultId);
  const values = Object.fromEntries(query ?? []);
  const body = h("tbody");
  const note = h("p", { class: "dim", role: "status" });
  const more = h("button", { hidden: true, onclick: () => load(true) }, "Show more");
  const exports = h("span", { class: "row" });
  let cursor = null;

  async function load(isMore) {
    try {
      const page = await ask("GET", withQuery(`${runPath(runId)}/results`, { ...values, limit: PAGE, cursor: isMore ? cursor : null }));
      if (here.signal.aborted) return;
      if (!isMore) body.replaceChildren();
      body.append(...page.data.map((result) => row(runId, result)));
      cursor = page.pagination.next_cursor;
      more.hidden = !page.pagination.has_more;
      note.textContent = page.pagination.total ? `${plural(page.pagination.total, "result", "results")}, ${body.children.length} shown.` : "No result is like that.";
    } catch (error) {
      note.textContent = error.message;
    }
    fill(exports, ["csv", "ndjson"].map((format) => h("a", { class: "button", href: withQuery(`${runPath(runId)}/results/export`, { format }), download: "" }, `Export ${format.toUpperCase()}`)));
  }

  const change = (name) => (value) => {
    values[name] = value;
    load(false);
  };
  fill(here.view,
    h("p", { class: "dim" }, h("a", { href: `#/runs/${runId}` }, "Run"), " / Results"),
    h("div", { class: "row spread" }, h("h1", {}, "Results"), exports),
    h("form", { class: "row filters", onsubmit: (event) => event.preventDefault() },
      FILTERS.map(([name, text, options]) => field(text, choice(options, values[name] ?? options[0][0], change(name)))),
      field("Document", h("input", { type: "search", value: values.document_id ?? "", onchange: (event) => change("document_id")(event.target.value.trim()) }))),
    note,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Results" },
      h("table", {}, h("thead", {}, h("tr", {}, ["Document", "Match", "Confidence", "By", "Review"].map((text) => h("th", { scope: "col" }, text)))), body)),
    h("p", {}, more));
  await load(false);
}

function row(runId, result) {
  return h("tr", {},
    h("th", { scope: "row" }, h("a", { href: `#/runs/${runId}/results/${result.id}` }, result.document_filename ?? result.document_id)),
    h("td", {}, result.error ? h("span", { class: "stale" }, result.error) : result.matched_reference_row_id ?? h("span", { class: "dim" }, "none")),
    h("td", { class: "number" }, confidence(result.confidence)),
    h("td", {}, result.resolved_by),
    h("td", {}, h("span", { class: `status ${result.status}` }, result.status)));
}

async function showOne(here, runId, resultId) {
  const result = await ask("GET", `${runPath(runId)}/results/${resultId}`);
  if (here.signal.aborted) return;
  fill(here.view,
    h("p", { class: "dim" }, h("a", { href: `#/runs/${runId}` }, "Run"), " / ", h("a", { href: `#/runs/${runId}/results` }, "Results")),
    h("h1", {}, result.document_filename ?? result.document_id),
    h("p", {}, h("span", { class: `status ${result.status}` }, result.status), ` ${result.matched_reference_row_id ? `matched with ${result.matched_reference_row_id}` : "no match"}, confidence ${confidence(result.confidence)}, by ${result.resolved_by}`,
      result.reviewed_by ? `, reviewed by ${result.reviewed_by} on ${new Date(result.reviewed_at).toLocaleString()}` : ""),
    result.notes ? h("blockquote", {}, result.notes) : null,
    result.error ? h("p", { class: "notice" }, result.error) : null,
    aiNote(result.evidence),
    h("div", { class: "scroll" }, evidenceTable(result.evidence)),
    result.candidates.length > 1 ? h("h2", {}, "Other candidates") : null,
    result.candidates.filter((each) => each.reference_row_id !== result.matched_reference_row_id).map((each) =>
      h("details", {}, h("summary", {}, `${each.reference_row_id}, ${confidence(each.confidence)}`), h("div", { class: "scroll" }, evidenceTable(each.evidence)))));
}
