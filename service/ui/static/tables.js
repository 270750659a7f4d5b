// What is in a file, before it is uploaded? The first rows of a CSV, how it is written, and its ids.

const PEEK_BYTES = 65536;

/**
 * Read column names and some rows of a CSV file, and what the service has to be told of it: a
 * delimiter other than the comma, an encoding other than UTF-8. Null for what is no CSV.
 */
export async function peek(file) {
  if (!/\.(csv|tsv|txt)$/i.test(file.name)) return null;
  const { text, encoding } = decode(await file.slice(0, PEEK_BYTES).arrayBuffer());
  const head = text.split("\n", 1)[0];
  const delimiter = [",", ";", "\t", "|"].map((sign) => [head.split(sign).length, sign]).sort((one, other) => other[0] - one[0])[0][1];
  const rows = parse(text, delimiter);
  if (file.size > PEEK_BYTES) rows.pop(); // it may be cut
  const [names = [], ...values] = rows;
  return { names, rows: values, delimiter, encoding };
}

/** Old spreadsheets save in Windows-1252; UTF-16 tells by its first bytes. */
function decode(buffer) {
  const start = new Uint8Array(buffer.slice(0, 2));
  if ((start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff)) {
    return { text: new TextDecoder(start[0] === 0xff ? "utf-16le" : "utf-16be").decode(buffer), encoding: null };
  }
  try {
    // A character may be cut at the end, which a stream forgives.
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(buffer, { stream: true }), encoding: null };
  } catch {
    return { text: new TextDecoder("windows-1252").decode(buffer), encoding: "windows-1252" };
  }
}

/** Write into a form how the file is to be read. */
export function describe(form, inside) {
  if (inside?.encoding) form.append("encoding", inside.encoding);
  if (inside && inside.delimiter !== ",") form.append("delimiter", inside.delimiter);
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
