// Which column tells the rows of a table apart, and what speaks against one that was chosen?

const MEASURE = /^\s*([A-Z]{3} ?|[^\p{L}\p{N}\s]*)-?\d[\d.,' ]*[.,]\d{1,2}\s*([A-Z]{3}|[^\p{L}\p{N}]*)$/u;
const DAY = /^\s*\d{1,4}[./-]\d{1,2}[./-]\d{1,4}/;
const MOST = 0.8;

/** The column that looks most like an id: named so, never empty, no value twice. */
export function idColumn({ names, rows }) {
  const unique = names.filter((name, place) => name && isUnique(rows, [place]) && !isMeasured(rows, place));
  return unique.find((name) => /(^|[_ -])id$/i.test(name)) ?? unique.find((name) => /(id|number|nummer|nr|no|key|code)$/i.test(name)) ?? "";
}

/** Say what one should know about the choice; null where there is nothing. */
export function idHint({ names, rows, delimiter }, chosen) {
  if (!rows.length) return null;
  if (delimiter && names.length === 1) return "Only one column is found. If there are more, choose what separates them below “How the file is written”.";
  return chosen ? whatIsWrong(names.indexOf(chosen), chosen, rows) : whatElse(names, rows);
}

function whatIsWrong(place, name, rows) {
  const values = rows.map((row) => row[place] ?? "");
  const empty = values.findIndex((value) => !value.trim());
  if (empty >= 0) return `Row ${empty + 1} has nothing in “${name}”: an id must be there in every row.`;
  const seen = new Map();
  for (const [at, value] of values.entries()) {
    if (seen.has(value)) return `“${value}” is in “${name}” twice, in the rows ${seen.get(value) + 1} and ${at + 1}: an id must be there once.`;
    seen.set(value, at);
  }
  if (isMeasured(rows, place)) return `“${name}” looks like an amount or a date. Two rows may have the same one day: rather choose a number or code that belongs to one row.`;
  return null;
}

function whatElse(names, rows) {
  const single = names.filter((name, place) => name && isUnique(rows, [place]) && !isMeasured(rows, place));
  if (single.length) return `Rows will be called row_1, row_2 and so on. “${single[0]}” is different in every row: as the id, it names rows in results, and a row that is uploaded again replaces itself.`;
  const pair = pairs(names.length).find((places) => isUnique(rows, places));
  if (!pair) return null;
  const [one, other] = pair.map((place) => names[place]);
  return `No column alone tells the rows apart, but “${one}” and “${other}” together do. Rows will be called row_1, row_2 and so on; for ids of your own, add a column that joins the two.`;
}

const isUnique = (rows, places) => {
  const keys = rows.map((row) => places.map((place) => row[place] ?? ""));
  return rows.length > 0 && keys.every((key) => key.some(Boolean)) && (places.length > 1 || keys.every(([value]) => value))
    && new Set(keys.map((key) => JSON.stringify(key))).size === rows.length;
};

const isMeasured = (rows, place) => {
  const measured = rows.filter((row) => MEASURE.test(row[place] ?? "") || DAY.test(row[place] ?? ""));
  return measured.length >= MOST * rows.length;
};

const PAIRED = 12;
const pairs = (width) => Array.from({ length: Math.min(width, PAIRED) }, (_, one) =>
  Array.from({ length: one }, (__, other) => [other, one])).flat();
