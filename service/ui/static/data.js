// What lies in the workspace? Tables, collections of documents and saved matches, to use again or delete.

import { ask, withQuery } from "./api.js";
import { fill, h } from "./dom.js";
import { discard, sweep } from "./leftovers.js";
import { clipped, line, searchable } from "./listing.js";
import { lookAtCollection, lookAtTable } from "./look.js";
import { PREVIEW } from "./preview.js";
import { may } from "./rights.js";
import { COLLECTION_HEADS, TABLE_HEADS, collectionLine, deleteCollection, deleteTable, readCollections, readTables, remover, tableLine } from "./sources.js";
import { ago, percent, shortened } from "./words.js";

const MATCH_HEADS = [["Match", ""], ["With the table", ""], ["Documents", ""], ["Match from", "number"], ["Changed", ""], ["Actions", "actions"]];
const MOST = 500;
const DAY_MILLISECONDS = 86_400_000;

export async function showData(here) {
  const places = Object.fromEntries(["matches", "tables", "collections"].map((each) => [each, h("section", { class: "panel" })]));
  fill(here.view,
    h("div", { class: "row spread" }, h("h1", { tabindex: "-1" }, "Data"), h("a", { class: "button primary", href: "#/new", "data-needs": "write" }, "New match")),
    places.matches, places.tables, places.collections);
  if (may("write")) sweep().catch(reportError); // the page does without
  await draw(here, places);
}

async function draw(here, places) {
  const [tables, collections, configs] = await Promise.all([
    readTables(), readCollections(), ask("GET", withQuery("/v1/matching/configs", { limit: MOST })),
  ]);
  if (here.signal.aborted) return;
  if (may("write")) forgetPreviews(configs.data);
  const again = async () => {
    await draw(here, places).catch(here.fail);
    if (!here.signal.aborted) here.view.querySelector("h1").focus();
  };
  drawMatches(here, places.matches, configs, tables, again);
  drawTables(places.tables, tables, again);
  drawCollections(places.collections, collections, again);
}

/** Delete previews that nobody has touched for a day: their pages were closed before they could. */
function forgetPreviews(configs) {
  const old = configs.filter((config) => config.name === PREVIEW && Date.now() - Date.parse(config.updated_at) > DAY_MILLISECONDS);
  for (const config of old) discard(`/v1/matching/configs/${config.id}`);
}

function drawMatches(here, section, { data, pagination }, tables, again) {
  const notice = h("p", { class: "notice", role: "alert", hidden: true });
  const remove = remover(notice, again);
  const rows = data.filter((config) => config.name !== PREVIEW).map((config) => [config.name, matchLine(here, config, tables, remove, notice)]);
  fill(section, h("h2", {}, "Saved matches"), notice,
    rows.length ? searchable("Saved matches", MATCH_HEADS, rows, pagination.total - data.length)
      : h("p", { class: "dim" }, "None yet. A match is saved with its first run: it can be run again with new documents."));
}

function matchLine(here, config, tables, remove, notice) {
  const { name, id } = config;
  const table = tables.items.find((each) => each.id === config.reference_data_id)?.name;
  // Of very many tables not all were read: what is not among them may be there.
  const isDeleted = !table && !tables.rest;
  const run = h("button", { "data-needs": "write", "aria-label": `Run ${name}`, disabled: isDeleted, title: isDeleted ? "Its table is deleted." : null, onclick: async () => {
    run.disabled = true;
    try {
      const started = await ask("POST", `/v1/matching/configs/${id}/run`, { triggered_by: "manual" });
      here.go(`#/runs/${started.id}`);
    } catch (error) {
      notice.textContent = error.message;
      notice.hidden = false;
      run.disabled = false;
    }
  } }, "Run");
  return line(MATCH_HEADS, [
    clipped(name), table ? clipped(table) : h("span", { class: "dim" }, isDeleted ? "a deleted table" : "–"), clipped(documentsOf(config)),
    percent(config.threshold), ago(config.updated_at),
    [run, " ",
      h("a", { class: "button", href: `#/new?config=${id}`, "data-needs": "write", "aria-label": `Edit ${name}` }, "Edit"), " ",
      h("a", { class: "button quiet", href: `#/?config=${id}`, "aria-label": `Runs of ${name}` }, "Runs"),
      h("button", { class: "quiet", "data-needs": "write", "aria-label": `Delete the match ${name}`, onclick: () =>
        remove(`Delete the match “${shortened(name)}”? Its past runs and their results stay.`, `/v1/matching/configs/${id}`) }, "Delete")],
  ]);
}

/** Which documents a run of the config takes. */
function documentsOf({ target_type: type, target_value: value }) {
  if (type === "collection") return value.collection;
  if (type === "document_filter") return `where ${value.field} is ${value.equals}`;
  return "named at the start, else default";
}

function drawTables(section, tables, again) {
  const notice = h("p", { class: "notice", role: "alert", hidden: true });
  const remove = remover(notice, again);
  const rows = tables.items.map((table) => [table.name, tableLine(table, [
    h("a", { class: "button", href: withQuery("#/new", { reference: table.id }), "data-needs": "write", "aria-label": `Match with ${table.name}` }, "Match"),
    lookAtTable(table),
    h("a", { class: "button quiet", href: table.links.export, download: "", "aria-label": `Download ${table.name}` }, "Download"),
    deleteTable(table, remove),
  ])]);
  fill(section, h("h2", {}, "Reference tables"), notice,
    rows.length ? searchable("Reference tables", TABLE_HEADS, rows, tables.rest)
      : h("p", { class: "dim" }, "None yet", h("span", { "data-needs": "write" }, ": ", h("a", { href: "#/new" }, "upload one")), "."));
}

function drawCollections(section, collections, again) {
  const notice = h("p", { class: "notice", role: "alert", hidden: true });
  const remove = remover(notice, again);
  const rows = collections.items.map((collection) => [collection.name, collectionLine(collection, [
    h("a", { class: "button", href: withQuery("#/new", { collection: collection.name }), "data-needs": "write", "aria-label": `Match ${collection.name}` }, "Match"), lookAtCollection(collection, again),
    deleteCollection(collection, remove),
  ])]);
  fill(section, h("h2", {}, "Documents"), notice,
    rows.length ? searchable("Collections of documents", COLLECTION_HEADS, rows, collections.rest)
      : h("p", { class: "dim" }, "None yet. Documents that are uploaded together lie in one collection."));
}
