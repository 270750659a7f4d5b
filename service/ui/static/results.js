// What came out? All results of a run as a table: filters, order, pages, export, a link to each row.

import { ask, configOf, runPath, withQuery } from "./api.js";
import { choice, field, fill, h, refill } from "./dom.js";
import { showResult } from "./result.js";
import { FILTERS as VERDICT_FILTERS, VERDICTS } from "./verdicts.js";
import { TERMINAL, RESOLVERS, REVIEWED, byKey, confidence, count, inPercent, ofPercent, plural } from "./words.js";

const SIZE = 50;
const CHOICES = [
  ["status", "Review", [["", "All"], ["pending", "Waiting"], ["approved", "Approved"], ["rejected", "Rejected"]]],
  ["resolved_by", "Decided by", [["", "All"], ["rules", "Rules"], ["ai", "AI"], ["review", "Review"]]],
];
const FILTERS = ["matched", "uncertain", "status", "resolved_by", "min_confidence", "max_confidence", "document_id"];
// Excel takes CSV for UTF-8 by its mark, and parts values by a semicolon where decimals have a comma.
const DELIMITER = (0.5).toLocaleString(navigator.language).includes(",") ? ";" : ",";
const WRITTEN = { csv: { format: "csv", bom: "true", delimiter: DELIMITER }, ndjson: { format: "ndjson" } };
const HEADS = [["Document", "document"], ["Match", null], ["Confidence", "confidence"], ["Decided by", null], ["Review", null]];

export async function showResults(here, runId, resultId, query) {
  if (resultId) return showResult(here, runId, resultId);
  const run = await ask("GET", runPath(runId));
  const config = await configOf(run);
  if (here.signal.aborted) return;
  const values = { sort: "confidence", page: 1, ...Object.fromEntries([...query].filter(([name]) => [...FILTERS, "sort", "page"].includes(name))) };
  const parts = { form: h("form", { class: "row filters", "aria-label": "Filters", onsubmit: (event) => event.preventDefault() }), note: h("p", { role: "status" }), exports: h("span", { class: "row" }), heads: h("tr"), body: h("tbody"), pages: h("nav", { class: "row pages", "aria-label": "Pages" }) };
  const table = h("div", { class: "panel flush scroll", tabindex: "0", role: "region", "aria-label": "Results" },
    h("table", { class: "results" }, h("thead", {}, parts.heads), parts.body));

  let asked = 0;
  async function load() {
    if (here.signal.aborted) return;
    const mine = ++asked;
    table.setAttribute("aria-busy", "true");
    history.replaceState(null, "", withQuery(`#/runs/${runId}/results`, { ...values, page: values.page > 1 ? values.page : "", sort: values.sort === "document" ? "document" : "" }));
    try {
      const page = await ask("GET", withQuery(`${runPath(runId)}/results`, { ...values, limit: SIZE }));
      if (here.signal.aborted || mine !== asked) return; // another filter was chosen meanwhile
      const last = Math.max(1, Math.ceil(page.pagination.total / SIZE));
      if (values.page > last) return change({ page: last }); // there were more once
      draw(page);
    } catch (error) {
      if (mine === asked) fill(parts.note, h("span", { class: "stale" }, error.message));
    }
    table.removeAttribute("aria-busy");
  }

  function draw({ data, pagination }) {
    table.hidden = !data.length;
    fill(parts.body, data.map((result) => row(runId, result)));
    refill(parts.heads, HEADS.map(([text, sort]) => head(text, sort, values.sort, (chosen) => change({ sort: chosen }))));
    refill(parts.note, said(pagination, run, values, () => {
      for (const name of FILTERS) delete values[name];
      drawForm();
      change({});
    }));
    fill(parts.exports, pagination.total ? ["csv", "ndjson"].map((format) => h("a", {
      class: "button", download: "", href: withQuery(`${runPath(runId)}/results/export`, { ...only(values, FILTERS), ...WRITTEN[format] }),
    }, `Export ${format.toUpperCase()}`)) : null);
    refill(parts.pages, pager(pagination, (page) => {
      change({ page });
      table.scrollIntoView({ block: "nearest" });
    }));
  }

  function change(changed) {
    Object.assign(values, { page: 1 }, changed);
    load();
  }

  const drawForm = () => fill(parts.form,
    field("Match", choice([["", "All"], ["sure", "Matched"], ["unsure", "Worth a look"], ["low", "No match"]], verdictAsked(values), (verdict) =>
      change({ matched: "", uncertain: "", ...VERDICT_FILTERS[verdict] }))),
    CHOICES.map(([name, text, options]) => field(text, choice(options, values[name] ?? "", (value) => change({ [name]: value })))),
    h("span", { class: "between" }, bound("Confidence from %", "min_confidence", values, change), bound("to %", "max_confidence", values, change)),
    field("Document", h("input", { type: "search", placeholder: "its whole id", value: values.document_id ?? "", onchange: (event) => change({ document_id: event.target.value.trim() }) })));

  fill(here.view,
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Runs"), h("span", {}, h("a", { href: `#/runs/${runId}` }, config?.name ?? "Run"))),
    h("div", { class: "row spread" }, h("h1", {}, "Results"), parts.exports),
    parts.form, parts.note, table, parts.pages);
  drawForm();
  await load();
}

/** The verdict that the filters ask for, if it is one. */
const verdictAsked = (values) => Object.keys(VERDICT_FILTERS).find((verdict) =>
  ["matched", "uncertain"].every((name) => (values[name] ?? "") === (VERDICT_FILTERS[verdict][name] ?? ""))) ?? "";

const only = (values, names) => Object.fromEntries(names.map((name) => [name, values[name]]));

function bound(label, name, values, change) {
  const input = h("input", { type: "number", min: "0", max: "100", step: "any", value: values[name] ? String(inPercent(values[name])) : "", onchange: () =>
    input.reportValidity() && change({ [name]: input.value === "" ? "" : String(ofPercent(input.value)) }) });
  return field(label, input);
}

/** How many there are; where none is, why that may be, and the way back. */
function said({ total, page }, run, values, clear) {
  const isFiltered = FILTERS.some((name) => values[name]);
  const again = isFiltered ? h("button", { class: "quiet small", type: "button", onclick: clear }, "Show all") : null;
  if (total) {
    const last = Math.min(page * SIZE, total);
    const alive = TERMINAL.has(run.status) ? "" : " The run is under way: more come.";
    return [h("span", { class: "dim" }, `${plural(total, "result", "results")}${isFiltered ? " like that" : ""}, ${count((page - 1) * SIZE + 1)} to ${count(last)} shown.${alive} `), again];
  }
  return h("span", { class: "empty row" }, isFiltered ? "No result is like that. " : "This run has no results.", again);
}

function head(text, sort, current, choose) {
  if (!sort) return h("th", { scope: "col" }, text);
  const isChosen = current === sort;
  return h("th", { scope: "col", "aria-sort": isChosen ? (sort === "confidence" ? "descending" : "ascending") : "none" },
    h("button", { class: "sort", type: "button", onclick: () => choose(sort) }, text, h("span", { "aria-hidden": "true" }, isChosen ? (sort === "confidence" ? " ↓" : " ↑") : " ↕")));
}

function row(runId, result) {
  const { document_filename: filename, document_id: id, matched_reference_row_id: matched } = result;
  const told = Object.values(result.evidence).filter((each) => each.strategy === "fuzzy").sort((one, other) => other.weight - one.weight)[0];
  const isOpen = result.uncertain && result.status === "pending";
  const bar = h("span", { class: "earned" });
  bar.style.width = `${result.confidence * 100}%`;
  return h("tr", {},
    h("th", { scope: "row" }, h("a", { class: "clip", title: filename ?? id, href: `#/runs/${runId}/results/${result.id}` }, filename ?? id), hint(told?.document_value)),
    h("td", { "data-label": "Match" }, result.error ? h("span", { class: "stale" }, result.error) : matched === null ? [h("span", { class: "dim" }, isOpen ? VERDICTS.unsure : VERDICTS.low), hint(result.candidates[0] ? `best: ${result.candidates[0].reference_row_id}` : null)]
      : [h("span", { class: "clip", title: matched }, matched), hint(told?.reference_value), isOpen ? h("small", { class: "tag" }, VERDICTS.unsure) : null]),
    h("td", { "data-label": "Confidence" }, h("span", { class: "share" }, h("span", { class: "track", "aria-hidden": "true" }, bar), h("span", { class: "number" }, confidence(result.confidence)))),
    h("td", { "data-label": "Decided by" }, RESOLVERS[result.resolved_by] ?? result.resolved_by),
    h("td", { "data-label": "Review" }, h("span", { class: `status ${result.status}` }, REVIEWED[result.status]), result.reviewed_by ? hint(byKey(result.reviewed_by)) : null));
}

const hint = (value) => (value === null || value === undefined ? null : h("small", { class: "clip", title: String(value) }, String(value)));

function pager({ total, page }, go) {
  const pages = Math.ceil(total / SIZE);
  if (pages < 2) return null;
  const to = (text, target, isOff) => h("button", { type: "button", "aria-disabled": String(isOff), onclick: () => isOff || go(target) }, text);
  const input = h("input", { type: "number", min: "1", max: String(pages), value: String(page), "aria-label": "Page", onchange: () => input.reportValidity() && go(Number(input.value)) });
  return [to("Back", page - 1, page <= 1), h("span", {}, "Page ", input, ` of ${count(pages)}`), to("Next", page + 1, page >= pages)];
}
