// What is in a file, before it is uploaded? The first rows of a CSV, to choose the column with ids.

const PEEK_BYTES = 65536;

/** Read column names and some rows of a CSV file; null for what the browser cannot read. */
export async function peek(file) {
  if (!/\.(csv|tsv|txt)$/i.test(file.name)) return null;
  const text = await file.slice(0, PEEK_BYTES).text();
  const delimiter = [",", ";", "\t", "|"].map((sign) => [text.split("\n", 1)[0].split(sign).length, sign]).sort((one, other) => other[0] - one[0])[0][1];
  const rows = parse(text, delimiter);
  if (file.size > PEEK_BYTES) rows.pop(); // it may be cut
  const [names = [], ...values] = rows;
  return { names, rows: values };
}

/** The column that looks most like an id: named so, never empty, no value twice. */
export function idColumn({ names, rows }) {
  const isUnique = (place) => rows.length > 0 && rows.every((row) => row[place]) && new Set(rows.map((row) => row[place])).size === rows.length;
  const unique = names.filter((_, place) => isUnique(place));
  return unique.find((name) => /(^|[_ -])id$/i.test(name)) ?? unique.find((name) => /(id|number|nr|no|key|code)$/i.test(name)) ?? "";
}

function parse(text, delimiter) {
  const rows = [];
  let row = [];
  let value = "";
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (quoted) {
      if (sign === '"' && text[at + 1] === '"') {
        value += '"';
        at += 1;
      } else if (sign === '"') quoted = false;
      else value += sign;
    } else if (sign === '"') quoted = true;
    else if (sign === delimiter) {
      row.push(value);
      value = "";
    } else if (sign === "\n") {
      row.push(value.replace(/\r$/, ""));
      rows.push(row);
      row = [];
      value = "";
    } else value += sign;
  }
  if (value || row.length) rows.push([...row, value]);
  return rows;
}
