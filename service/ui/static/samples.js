// What do the values of a table and of documents look like? Some of them, from several places.

import { ask, withQuery } from "./api.js";

const SAMPLE = 200;
const SHOWN = 3;

/** The columns of a table with values from its begin, its middle and its end. */
export async function sampleTable(table) {
  const pages = Math.ceil(table.row_count / SAMPLE);
  const places = [...new Set([1, Math.ceil(pages / 2), pages])].filter(Boolean);
  const read = await Promise.all(places.map((page) => ask("GET", withQuery(table.links.rows, { limit: SAMPLE, page }))));
  return sides(table.columns, read.flatMap((page) => page.data), valueIn);
}

/** The value of a column in a row; one that is called `id` and names no rows is written apart. */
export const valueIn = (row, name) => (name === "id" && "column.id" in row ? row["column.id"] : row[name]);

/**
 * The fields of a collection, how many documents it has, and the ids of the first ones. `order` names
 * fields as their file has them, which the service does not keep.
 */
export async function sampleCollection(collection, order = []) {
  const page = await ask("GET", withQuery("/v1/documents", { collection, limit: SAMPLE }));
  const there = new Set(page.data.flatMap((document) => Object.keys(document.fields)));
  const names = [...new Set([...order.filter((name) => there.has(name)), ...there])];
  return {
    fields: sides(names.map((name) => ({ name, type: "string" })), page.data, (document, name) => document.fields[name]),
    documentIds: page.data.map((document) => document.id),
    documentCount: page.pagination.total,
  };
}

/** Columns with the first values as they are, and with the values that are there. */
function sides(columns, rows, read) {
  const isThere = (value) => value !== null && value !== undefined && value !== "";
  return columns.map(({ name, type }) => {
    const values = rows.map((row) => read(row, name));
    return { name, type, first: values.slice(0, SHOWN).map((value) => (isThere(value) ? String(value) : "")), values: values.filter(isThere).map(String) };
  });
}
