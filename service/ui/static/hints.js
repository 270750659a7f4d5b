// What speaks against a mapping, by the values that are in the sample?

import { affinity, mapping } from "./suggest.js";

const DATE = /\d{1,4}[./ -](\d{1,2}|\p{L}{3,9}\.?)[./ ,-]+\d{1,4}|^\d{8}$/u;
const NUMBER = /\d/;
const LEAST = 0.5;
const ENOUGH = 10;

/** One sentence, or null. `field` and `column` have `name` and sample `values`. */
export function mappingHint({ strategy }, field, column) {
  if (!field?.values.length || !column) return null;
  if (strategy === "numeric_range") return unread(field, column, NUMBER, "a number");
  if (strategy === "date_range") return unread(field, column, DATE, "a date");
  return strategy === "exact" ? neverEqual(field, column) : null;
}

function unread(field, column, form, kind) {
  for (const side of [field, column]) {
    const readable = side.values.filter((value) => form.test(value)).length;
    if (readable < LEAST * side.values.length) return `Most values of “${side.name}” do not read as ${kind}, such as “${side.values.find((value) => !form.test(value))}”: compare it as text.`;
  }
  return null;
}

/** Two columns of ids that name different things agree nowhere. */
function neverEqual(field, column) {
  const squash = (value) => value.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  const known = new Set(column.values.map(squash));
  const isUnique = new Set(field.values).size === field.values.length && known.size === column.values.length;
  if (!isUnique || field.values.length < ENOUGH || field.values.some((value) => known.has(squash(value)))) return null;
  return `None of the ${field.values.length} values looked at in “${field.name}” is among the ${column.values.length} of “${column.name}”. If the two number different things, remove this comparison.`;
}

/** A mapping for a field that a person adds: with the column that is most like it, among those left first. */
export function bestMapping(field, columns, used) {
  const ranked = columns.map((column) => ({ column, score: affinity(field, column) + (used.includes(column.name) ? -1 : 0) }))
    .sort((one, other) => other.score - one.score);
  return mapping(field.name, ranked[0].column);
}
