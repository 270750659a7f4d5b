// Which field could compare to which column, and how? A proposal from names, types and values, the same
// as `service/cli/suggest.py` makes.

import { namesCodes, ofIds, ofNames, ofValues } from "./likeness.js";

const NAME_SHARE = 0.55;
const VALUE_SHARE = 0.6;
const KIND_SHARE = 0.25;
const LEAST = 0.4;
const SHARED_IDS = 0.1;
// An id that belongs to one thing: with a letter, or long.
const TELLING = /\p{L}|\d{5}/u;
const WEIGHTS = { fuzzy: 3, exact: 3, numeric_range: 2, date_range: 1 };
const CATEGORY_WEIGHT = 0.5;
const DATE = /^\s*(\d{1,4}[./ -](\d{1,2}|\p{L}{3,9}\.?)[./ ,-]+\d{1,4}.*|\d{8})\s*$/u;
const NUMBER = /^[^\p{L}\p{N}]*([A-Z]{3} ?)?-?[\d.,'\s]*\d[\d.,'\s]*[^\p{L}\p{N}]*([A-Z]{3})?$/u;
// With decimals: whole numbers of a text column are rather identifiers.
const AMOUNT = /^[^\p{L}\p{N}]*([A-Z]{3} ?)?-?\d[\d.,'\s]*[.,]\d{1,2}[^\p{L}\p{N}]*([A-Z]{3})?$/u;
const MOST = 0.8;
const KINDS = { date: DATE, number: NUMBER, integer: NUMBER };

/** What a column's values read as: amounts such as 1.250,00 are stored as text, and mean numbers. */
function typeOf({ type, values }) {
  if (type !== "string" || !values.length) return type;
  const most = (form) => values.filter((value) => form.test(value)).length >= MOST * values.length;
  if (most(DATE)) return "date";
  return most(AMOUNT) ? "number" : type;
}

/** Propose mappings for fields and columns, each `{name, type, values}`; weights sum to 1. */
export function propose(fields, given) {
  const columns = given.map((column) => ({ ...column, type: typeOf(column) }));
  const pairs = fields.flatMap((field) => columns.map((column) => ({ field, column, score: affinity(field, column) })))
    .filter((pair) => pair.score >= LEAST).sort((one, other) => other.score - one.score);
  const taken = new Map();
  const used = new Set();
  for (const { field, column } of pairs) {
    if (taken.has(field.name) || used.has(column.name)) continue;
    taken.set(field.name, column);
    used.add(column.name);
  }
  const chosen = fields.filter((field) => taken.has(field.name)).map((field) => mapping(field.name, taken.get(field.name)));
  return normalised(chosen);
}

/**
 * Propose mappings where a column of ids may be on either side: one that names different things than
 * the other side's values is left alone.
 */
export function proposeFor(fields, columns, { document: documentId, table: tableId }) {
  return propose(
    fields.filter((field) => field.name !== documentId || isShared(field, columns)),
    columns.filter((column) => column.name !== tableId || isShared(column, fields)));
}

/** Whether others name things by these ids; 1, 2, 3 are everywhere, and say nothing. */
function isShared({ values }, others) {
  if (2 * values.filter((value) => TELLING.test(value)).length < values.length) return false;
  return others.some((other) => ofIds(values, other.values) >= SHARED_IDS);
}

export function mapping(source, given) {
  const column = { ...given, type: typeOf(given) };
  return { source, target: column.name, strategy: strategy(column), weight: isCategory(column) ? CATEGORY_WEIGHT : WEIGHTS[strategy(column)] };
}

/** Let the weights sum to 1. */
export function normalised(mappings) {
  const sum = mappings.reduce((total, each) => total + each.weight, 0) || 1;
  return mappings.map((each) => ({ ...each, weight: each.weight / sum }));
}

export function affinity(field, column) {
  const form = KINDS[column.type];
  const sameKind = form !== undefined && field.values.filter((value) => form.test(value)).length > KIND_SHARE * field.values.length;
  if (form && field.values.length && !sameKind) return 0;
  return NAME_SHARE * ofNames(field.name, column.name) + VALUE_SHARE * ofValues(field.values, column.values, form === NUMBER) + (sameKind ? KIND_SHARE : 0);
}

function strategy(column) {
  const isMeasure = !namesCodes(column.name);
  if (isMeasure && column.type === "date") return "date_range";
  if (isMeasure && (column.type === "number" || column.type === "integer")) return "numeric_range";
  return isCategory(column) || isIdentifier(column) ? "exact" : "fuzzy";
}

function isCategory({ type, values }) {
  const distinct = new Set(values);
  return type === "string" && distinct.size <= 20 && values.length >= 2 * distinct.size && [...distinct].every((value) => value.length <= 12);
}

const isIdentifier = ({ values }) => 2 * values.filter((value) => /\d/.test(value) && !/\s/.test(value.trim())).length > values.length;
