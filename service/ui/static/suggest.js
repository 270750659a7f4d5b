// Which field could compare to which column, and how? A proposal from names, types and values, the same
// as `service/cli/suggest.py` makes.

const NAME_SHARE = 0.55;
const VALUE_SHARE = 0.3;
const KIND_SHARE = 0.25;
const LEAST = 0.4;
const SHARED_IDS = 0.1;
const TELLING_LENGTH = 5;
const CONTAINED = 0.8;
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
  if (2 * values.filter((value) => value.trim().length >= TELLING_LENGTH).length < values.length) return false;
  return others.some((other) => overlap(values, other.values) >= SHARED_IDS);
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
  return NAME_SHARE * nameLikeness(field.name, column.name) + VALUE_SHARE * overlap(field.values, column.values) + (sameKind ? KIND_SHARE : 0);
}

function nameLikeness(one, other) {
  const [words, others] = [one, other].map((name) => new Set(name.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []));
  const shared = [...words].filter((word) => others.has(word)).length;
  const smaller = Math.min(words.size, others.size);
  if (smaller && shared === smaller) return words.size === others.size ? 1 : CONTAINED;
  return Math.max(shared / Math.max(1, new Set([...words, ...others]).size), letters(one.toLowerCase(), other.toLowerCase()));
}

/** Dice's coefficient of the pairs of letters. */
function letters(one, other) {
  const pairs = (text) => Array.from({ length: Math.max(0, text.length - 1) }, (_, at) => text.slice(at, at + 2));
  const left = pairs(other);
  const all = pairs(one).length + left.length;
  let shared = 0;
  for (const pair of pairs(one)) {
    const at = left.indexOf(pair);
    if (at < 0) continue;
    left.splice(at, 1);
    shared += 1;
  }
  return all ? (2 * shared) / all : 0;
}

function overlap(values, others) {
  const [mine, known] = [folded(values), folded(others)];
  let shared = 0;
  for (const value of mine) if (known.has(value)) shared += 1;
  return shared / Math.max(1, mine.size);
}

const foldedOnce = new WeakMap();

/** The values without case, made once and not for every pair of columns. */
function folded(values) {
  if (!foldedOnce.has(values)) foldedOnce.set(values, new Set(values.map((value) => String(value).toLowerCase().trim())));
  return foldedOnce.get(values);
}

function strategy(column) {
  if (column.type === "date") return "date_range";
  if (column.type === "number" || column.type === "integer") return "numeric_range";
  return isCategory(column) || isIdentifier(column) ? "exact" : "fuzzy";
}

function isCategory({ type, values }) {
  const distinct = new Set(values);
  return type === "string" && distinct.size <= 20 && values.length >= 2 * distinct.size && [...distinct].every((value) => value.length <= 12);
}

const isIdentifier = ({ values }) => 2 * values.filter((value) => /\d/.test(value) && !/\s/.test(value.trim())).length > values.length;
