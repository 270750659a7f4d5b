// How does a match begin? Two tables, then which field compares to which column, then a try, a run.

import { ask, runPath, withQuery } from "./api.js";
import { choice, field, fill, h } from "./dom.js";
import { evidenceTable } from "./evidence.js";
import { histogram } from "./histogram.js";
import { follow } from "./live.js";
import { mapping, normalised, propose } from "./suggest.js";
import { describe, idColumn, peek } from "./tables.js";
import { RUN_EVENTS, TERMINAL, confidence, plural } from "./words.js";

const SAMPLE = 200;
const SHOWN = 3;
const TRIED = 100;
const BINS = 20;
const STRATEGIES = [["fuzzy", "alike (text)"], ["exact", "exact"], ["numeric_range", "near (number)"], ["date_range", "near (date)"]];
const OPTIONS = {
  fuzzy: [],
  exact: [],
  numeric_range: [["tolerance_percent", "Tolerance in %", 5]],
  date_range: [["tolerance_days", "Tolerance in days", 7]],
};

export async function showNew(here) {
  const known = await ask("GET", withQuery("/v1/reference-data", { limit: 100 }));
  if (here.signal.aborted) return;
  const state = { reference: null, collection: null, fields: [], columns: [], mappings: [], threshold: 0.85, review: 0.5, config: null };
  const parts = { reference: h("section"), documents: h("section"), map: h("section"), go: h("section") };
  fill(here.view, h("h1", {}, "New match"), parts.reference, parts.documents, parts.map, parts.go);

  const steps = {
    reference: async (reference) => {
      state.reference = reference;
      state.columns = await sampleColumns(reference);
      drawReference(parts.reference, known.data, state, steps);
      drawDocuments(parts.documents, state, steps);
      parts.documents.scrollIntoView({ behavior: "auto", block: "nearest" });
    },
    documents: async (collection) => {
      state.collection = collection;
      state.fields = await sampleFields(collection);
      const ids = new Set([state.documentId, state.referenceId]);
      const real = (side) => !ids.has(side.name);
      state.mappings = propose(state.fields.filter(real), state.columns.filter(real));
      drawDocuments(parts.documents, state, steps);
      steps.map();
    },
    map: () => {
      drawMap(parts.map, state, steps);
      drawGo(parts.go, state, steps, here);
    },
  };
  drawReference(parts.reference, known.data, state, steps);
}

async function sampleColumns(reference) {
  const page = await ask("GET", withQuery(reference.links.rows, { limit: SAMPLE }));
  return sides(reference.columns, page.data);
}

async function sampleFields(collection) {
  const page = await ask("GET", withQuery("/v1/documents", { collection, limit: SAMPLE }));
  const rows = page.data.map((document) => document.fields);
  return sides([...new Set(rows.flatMap(Object.keys))].map((name) => ({ name, type: "string" })), rows);
}

/** Columns with the first rows as they are, and with the values that are there. */
function sides(columns, rows) {
  const isThere = (value) => value !== null && value !== undefined && value !== "";
  return columns.map(({ name, type }) => ({
    name,
    type,
    first: rows.slice(0, SHOWN).map((row) => (isThere(row[name]) ? String(row[name]) : "")),
    values: rows.map((row) => row[name]).filter(isThere).map(String),
  }));
}

/** A place to drop a file, or to choose one; asks for the column with ids where it can look inside. */
function upload(label, hint, send) {
  const said = h("p", { role: "status", class: "said" });
  const ids = h("div");
  const input = h("input", { type: "file", accept: ".csv,.tsv,.txt,.xlsx,.ndjson,.parquet", onchange: () => take(input.files[0]) });
  const place = h("label", {
    class: "drop",
    ondragover: (event) => { event.preventDefault(); place.classList.add("over"); },
    ondragleave: () => place.classList.remove("over"),
    ondrop: (event) => {
      event.preventDefault();
      place.classList.remove("over");
      take(event.dataTransfer.files[0]);
    },
  }, h("strong", {}, label), h("span", { class: "dim" }, hint), input);

  async function take(file) {
    if (!file) return;
    const inside = await peek(file);
    let id = inside ? idColumn(inside) : "";
    const go = h("button", { class: "primary", onclick: async () => {
      go.disabled = true;
      said.textContent = `Uploading ${file.name} …`;
      try {
        await send(file, id, inside);
      } catch (error) {
        said.textContent = error.message;
      }
      go.disabled = false;
    } }, `Upload ${file.name}`);
    said.textContent = "";
    fill(ids, inside ? field("Column with ids", choice([["", "none: number the rows"], ...inside.names.map((name) => [name, name])], id, (value) => { id = value; })) : null, h("p", {}, go));
  }
  return h("div", {}, place, ids, said);
}

function drawReference(section, known, state, steps) {
  const ready = known.filter((each) => each.status === "ready");
  fill(section, h("h2", {}, "1. The reference table"),
    state.reference ? summary(`${state.reference.name}: ${plural(state.reference.row_count, "row", "rows")}`, state.columns, () => {
      state.reference = null;
      drawReference(section, known, state, steps);
    }) : h("div", { class: "columns" },
      upload("Drop a table here, or choose one", "CSV, XLSX, NDJSON or Parquet", async (file, id, inside) => {
        const form = new FormData();
        describe(form, inside);
        form.append("name", file.name.replace(/\.[^.]+$/, ""));
        if (id) form.append("id_column", id);
        form.append("file", file);
        state.referenceId = id;
        await steps.reference(await ask("POST", "/v1/reference-data", form));
      }),
      ready.length ? h("div", {}, h("p", {}, "or use one that is there:"), h("ul", { class: "plain" }, ready.map((each) =>
        h("li", {}, h("button", { onclick: () => steps.reference(each) }, `${each.name} (${plural(each.row_count, "row", "rows")})`))))) : null));
}

function drawDocuments(section, state, steps) {
  const existing = h("input", { value: "default", "aria-label": "Collection", maxlength: "200" });
  const said = h("p", { role: "status", class: "said" });
  fill(section, h("h2", {}, "2. The documents"),
    state.collection ? summary(`Collection ${state.collection}`, state.fields, () => {
      state.collection = null;
      drawDocuments(section, state, steps);
    }) : h("div", { class: "columns" },
      upload("Drop the documents here, or choose a file", "CSV or XLSX: one document a row", async (file, id, inside) => {
        const collection = file.name.replace(/\.[^.]+$/, "");
        const form = new FormData();
        form.append("collection", collection);
        describe(form, inside);
        if (id) form.append("id_column", id);
        form.append("file", file);
        await ask("POST", "/v1/documents", form);
        state.documentId = id;
        await steps.documents(collection);
      }),
      h("div", {}, h("p", {}, "or use a collection that is there:"), h("p", { class: "row" }, existing, h("button", { onclick: async () => {
        const page = await ask("GET", withQuery("/v1/documents", { collection: existing.value, limit: 1 })).catch((error) => ({ error }));
        if (page.error || !page.data.length) said.textContent = page.error?.message ?? `The collection ${existing.value} has no documents.`;
        else await steps.documents(existing.value);
      } }, "Use")), said)));
}

function summary(title, sides, change) {
  return h("div", {},
    h("p", { class: "row spread" }, h("strong", {}, title), h("button", { class: "quiet", onclick: change }, "Change")),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Columns of ${title}` }, h("table", {},
      h("thead", {}, h("tr", {}, sides.map((side) => h("th", { scope: "col" }, side.name, h("small", {}, side.type === "string" ? "" : ` ${side.type}`))))),
      h("tbody", {}, Array.from({ length: SHOWN }, (_, place) => h("tr", {}, sides.map((side) => h("td", {}, side.first[place] ?? ""))))))));
}

function drawMap(section, state, steps) {
  const free = state.fields.filter((each) => !state.mappings.some((mapped) => mapped.source === each.name));
  const rows = state.mappings.map((each, place) => mapRow(state, each, place, steps));
  fill(section, h("h2", {}, "3. What compares to what"),
    state.mappings.length ? null : h("p", {}, "No field looks like a column. Add what belongs together:"),
    h("div", { class: "mappings" }, rows),
    free.length && state.columns.length ? h("p", { class: "row" }, choice([["", "Add a field …"], ...free.map((each) => [each.name, each.name])], "", (name) => {
      if (!name) return;
      state.mappings = normalised([...state.mappings, { ...mapping(name, state.columns[0]), weight: 1 / (state.mappings.length + 1) }]);
      steps.map();
    }, { "aria-label": "Add a field" })) : null);
}

function mapRow(state, each, place, steps) {
  const column = state.columns.find((one) => one.name === each.target);
  const source = state.fields.find((one) => one.name === each.source);
  const shown = h("output", {}, `${Math.round(each.weight * 100)} %`);
  const slider = h("input", { type: "range", min: "0", max: "100", value: String(Math.round(each.weight * 100)), "aria-label": `Weight of ${each.source}`, onchange: () => {
    reweigh(state.mappings, place, Number(slider.value) / 100);
    steps.map();
  }, oninput: () => { shown.textContent = `${slider.value} %`; } });
  return h("fieldset", { class: "mapping" },
    h("legend", {}, each.source, h("small", { class: "dim" }, source ? ` e.g. ${source.values[0] ?? ""}` : "")),
    field("compares to", choice(state.columns.map((one) => [one.name, one.name]), each.target, (target) => {
      Object.assign(each, mapping(each.source, state.columns.find((one) => one.name === target)), { weight: each.weight });
      steps.map();
    }), column ? `e.g. ${column.values[0] ?? ""}` : null),
    field("as", choice(STRATEGIES, each.strategy, (strategy) => {
      state.mappings[place] = { source: each.source, target: each.target, strategy, weight: each.weight };
      steps.map();
    })),
    OPTIONS[each.strategy].map(([name, text, usual]) => field(text, h("input", { type: "number", min: "0", step: "any", value: String(each[name] ?? usual), onchange: (event) => { each[name] = Number(event.target.value); } }))),
    h("label", { class: "field" }, h("span", {}, "Weight ", shown), slider),
    h("button", { class: "quiet", "aria-label": `Remove ${each.source}`, onclick: () => {
      state.mappings = normalised(state.mappings.filter((one) => one !== each));
      steps.map();
    } }, "Remove"));
}

/** Give one mapping a weight, and the others what is left in their old proportions. */
function reweigh(mappings, place, weight) {
  const others = mappings.reduce((sum, each, at) => (at === place ? sum : sum + each.weight), 0);
  mappings.forEach((each, at) => {
    if (at === place) each.weight = mappings.length === 1 ? 1 : weight;
    else each.weight = others ? (each.weight / others) * (1 - weight) : (1 - weight) / (mappings.length - 1);
  });
}

function drawGo(section, state, steps, here) {
  const said = h("p", { role: "status", class: "said" });
  const tried = h("div");
  const name = h("input", { value: state.name ?? `${state.collection} to ${state.reference.name}`, maxlength: "200", onchange: () => { state.name = name.value; } });
  const threshold = level("Match from", "threshold", state);
  const review = level("Worth a look from", "review", state);
  const working = (work) => async () => {
    said.textContent = "";
    try {
      await work();
    } catch (error) {
      said.textContent = error.message;
    }
  };
  fill(section, h("h2", {}, "4. Try and run"),
    h("div", { class: "row" }, field("Name", name), threshold, review),
    h("p", { class: "row" },
      h("button", { disabled: !state.mappings.length, onclick: working(async () => {
        said.textContent = `Trying ${TRIED} documents …`;
        await attempt(state, name.value, tried, here);
        said.textContent = "";
      }) }, `Try on ${TRIED} documents`),
      h("button", { class: "primary", disabled: !state.mappings.length, onclick: working(async () => {
        const config = await save(state, name.value);
        const run = await ask("POST", `/v1/matching/configs/${config.id}/run`, { triggered_by: "manual" });
        location.hash = `#/runs/${run.id}`;
      }) }, "Run")),
    said, tried);
}

function level(text, key, state) {
  const shown = h("output", {}, state[key].toFixed(2));
  const slider = h("input", { type: "range", min: "0", max: "1", step: "0.01", value: String(state[key]), oninput: () => {
    state[key] = Number(slider.value);
    shown.textContent = state[key].toFixed(2);
  } });
  return h("label", { class: "field" }, h("span", {}, `${text} `, shown), slider);
}

/** Make the config, or change the one that was made for a try before. */
async function save(state, name) {
  const body = { name, field_mappings: state.mappings, threshold: state.threshold, review_threshold: Math.min(state.review, state.threshold) };
  state.config = state.config
    ? await ask("PUT", `/v1/matching/configs/${state.config.id}`, body)
    : await ask("POST", "/v1/matching/configs", { ...body, reference_data_id: state.reference.id, target_type: "collection", target_value: { collection: state.collection } });
  return state.config;
}

/** Match some documents without keeping anything to review, and show how they come out. */
async function attempt(state, name, place, here) {
  const config = await save(state, name);
  const some = await ask("GET", withQuery("/v1/documents", { collection: state.collection, limit: TRIED }));
  const run = await ask("POST", `/v1/matching/configs/${config.id}/run`, { dry_run: true, triggered_by: "manual", collection: state.collection, document_ids: some.data.map((document) => document.id) });
  await ended(run.id, here);
  const page = await ask("GET", withQuery(`${runPath(run.id)}/results`, { limit: TRIED }));
  const values = Array(BINS).fill(0);
  for (const result of page.data) values[Math.min(BINS - 1, Math.floor(result.confidence * BINS))] += 1;
  const matched = page.data.filter((result) => result.matched_reference_row_id).length;
  fill(place,
    h("p", {}, h("strong", {}, `${matched} of ${plural(page.data.length, "document", "documents")} would match.`)),
    histogram(values, { threshold: state.threshold, review_threshold: state.review }),
    h("h3", {}, "Why these scores?"),
    examples(page.data, state.threshold).map((result) => h("details", {},
      h("summary", {}, `${result.document_filename ?? result.document_id} and ${result.candidates[0].reference_row_id}: ${confidence(result.confidence)}`),
      h("div", { class: "scroll" }, evidenceTable(result.candidates[0].evidence)))));
}

/** The surest result, those nearest to the threshold on both sides, and the least sure. */
function examples(results, threshold) {
  const found = results.filter((result) => result.candidates.length);
  const near = [...found].sort((one, other) => Math.abs(one.confidence - threshold) - Math.abs(other.confidence - threshold)).slice(0, 4);
  return [...new Set([found[0], ...near, found.at(-1)])].filter(Boolean).sort((one, other) => other.confidence - one.confidence);
}

function ended(runId, here) {
  return new Promise((resolve, reject) => {
    const finish = (work, value) => {
      stream.close();
      work(value);
    };
    const take = (type, data) => {
      if (!data.run || !TERMINAL.has(data.run.status)) return;
      if (data.run.status === "completed") finish(resolve);
      else finish(reject, new Error(data.run.error ?? "The try was cancelled."));
    };
    const stream = follow(`${runPath(runId)}/events`, ["run.snapshot", ...RUN_EVENTS], take, () => {});
    here.onClose(() => stream.close());
  });
}
