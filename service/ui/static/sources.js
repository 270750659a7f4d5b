// What can be matched, and with what? The tables and collections that are there, and how to delete one.

import { ask, withQuery } from "./api.js";
import { confirmed, h } from "./dom.js";
import { clipped, line } from "./listing.js";
import { ago, count, plural, shortened } from "./words.js";

export const TABLE_HEADS = [["Table", ""], ["Rows", "number"], ["Columns", "number"], ["Uploaded", ""], ["Actions", "actions"]];
export const COLLECTION_HEADS = [["Collection", ""], ["Documents", "number"], ["Changed", ""], ["Actions", "actions"]];
const MOST = 500;

const read = async (path) => {
  const { data, pagination } = await ask("GET", withQuery(path, { limit: MOST }));
  return { items: data, rest: pagination.total - data.length };
};

/** The tables, the newest first, and how many more there are. */
export const readTables = () => read("/v1/reference-data");

/** The collections, the one that changed last first. */
export async function readCollections() {
  const { items, rest } = await read("/v1/collections");
  return { items: items.sort((one, other) => (one.updated_at < other.updated_at ? 1 : -1)), rest };
}

export function tableLine(table, actions) {
  const state = table.status === "ready" ? null : h("small", { class: "tag", title: table.error }, table.status);
  return line(TABLE_HEADS, [[clipped(table.name), state], count(table.row_count), count(table.columns.length),
    h("span", { title: new Date(table.updated_at).toLocaleString() }, ago(table.updated_at)), actions]);
}

export const collectionLine = (collection, actions) => line(COLLECTION_HEADS, [
  clipped(collection.name), count(collection.document_count),
  h("span", { title: new Date(collection.updated_at).toLocaleString() }, ago(collection.updated_at)), actions]);

/** A button that deletes; `remove` is what `remover` made. */
export const deleteTable = (table, remove) => h("button", { class: "quiet", "data-needs": "write", "aria-label": `Delete the table ${table.name}`, onclick: () => remove(
  `Delete the table “${shortened(table.name)}” with its ${plural(table.row_count, "row", "rows")}? Results of past runs stay; matches saved with it cannot run any more.`,
  table.links.self) }, "Delete");

export const deleteCollection = (collection, remove) => h("button", { class: "quiet", "data-needs": "write", "aria-label": `Delete the collection ${collection.name}`, onclick: () => remove(
  `Delete all ${plural(collection.document_count, "document", "documents")} of “${shortened(collection.name)}”? What past results tell of their fields goes too.`,
  withQuery("/v1/documents", { collection: collection.name })) }, "Delete");

/** Delete what a person confirms, and draw again; what the service refuses stands in the notice. */
export function remover(notice, again) {
  return async (question, path) => {
    if (!(await confirmed(question, "Delete"))) return;
    notice.hidden = true;
    try {
      await ask("DELETE", path).catch((error) => {
        if (error.status !== 404) throw error; // else it was deleted elsewhere
      });
      await again();
    } catch (error) {
      notice.textContent = error.message;
      notice.hidden = false;
    }
  };
}
