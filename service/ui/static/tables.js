// What is in a file, before it is uploaded? Its columns, the first rows, and how it is written.

import { lookInto } from "./workbook.js";

const PEEK_BYTES = 65536;
const BEGIN_BYTES = 4096;
// How archives begin, which workbooks are: those of today, and those of before 2007.
const PACKED = "PK\u0003\u0004";
const OLD_WORKBOOK = "\u00d0\u00cf\u0011\u00e0";
const COMPARED = 20;
// What spreadsheets write above the header, to say which sign it is.
const SEPARATOR_LINE = /^\ufeff?"?sep=([^\w\r\n"])"?(\r\n|\r|\n)/i;
// Where two would do, the comma is rather the decimal one.
const DELIMITERS = [";", "\t", "|", ","];

/** What a file is instead of the table that its name says, and what to do; null where nothing tells. */
export async function fault(file) {
  if (!file.size) return `“${file.name}” is empty: there is nothing in it, not even the names of columns.`;
  const begin = String.fromCharCode(...new Uint8Array(await file.slice(0, BEGIN_BYTES).arrayBuffer()));
  const suffix = file.name.match(/\.[^.]+$/)?.[0] ?? "";
  if (begin.startsWith(OLD_WORKBOOK)) return `“${file.name}” is an Excel workbook of the old kind (.xls). Save it in Excel as .xlsx, and choose that.`;
  if (!begin.startsWith(PACKED) || /\.xlsx$/i.test(suffix)) return null;
  return /\[Content_Types\]\.xml|xl\//.test(begin)
    ? `“${file.name}” is an Excel workbook named ${suffix}: rename it to .xlsx, and choose it again.`
    : `“${file.name}” is a packed archive named ${suffix}: unpack it, and choose the table that is in it.`;
}

/**
 * Look at the begin of a file: `{names, rows}`, with `delimiter` and `encoding` where it is CSV (null:
 * UTF-8, or UTF-16 that says so) and `sheets` and `sheet` where it is a workbook. What `wanted` says of
 * these is not guessed. Null for what cannot be looked into here.
 */
export async function peek(file, wanted = {}) {
  if (/\.xlsx$/i.test(file.name)) return lookInto(file, wanted.sheet).catch(() => null);
  const isLines = /\.(ndjson|jsonl)$/i.test(file.name);
  if (!isLines && !/\.(csv|tsv|txt)$/i.test(file.name)) return null;
  const { text, encoding } = decode(await file.slice(0, PEEK_BYTES).arrayBuffer(), wanted.encoding);
  const isCut = file.size > PEEK_BYTES;
  if (isLines) return objects(text, isCut);
  const named = SEPARATOR_LINE.exec(text);
  const table = named ? text.slice(named[0].length) : text;
  const delimiter = wanted.delimiter ?? named?.[1] ?? guessDelimiter(table);
  const rows = parse(table, delimiter);
  if (isCut) rows.pop();
  const [names = [], ...values] = rows;
  return { names, rows: values, delimiter, encoding };
}

/** Old spreadsheets save in Windows-1252; UTF-16 tells by its first bytes. */
function decode(buffer, wanted) {
  const start = new Uint8Array(buffer.slice(0, 2));
  if ((start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff)) {
    return { text: new TextDecoder(start[0] === 0xff ? "utf-16le" : "utf-16be").decode(buffer), encoding: null };
  }
  if (wanted) return { text: new TextDecoder(wanted).decode(buffer), encoding: wanted === "utf-8" ? null : wanted };
  try {
    // A character may be cut at the end, which a stream forgives.
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(buffer, { stream: true }), encoding: null };
  } catch {
    return { text: new TextDecoder("windows-1252").decode(buffer), encoding: "windows-1252" };
  }
}

/** The sign that cuts most of the first rows into as many columns as the header has. */
export function guessDelimiter(text) {
  const [found] = DELIMITERS.map((sign) => {
    const [head = [], ...rows] = parse(text, sign, COMPARED);
    const fitting = rows.filter((row) => row.length === head.length).length;
    return { sign, width: head.length, share: head.length > 1 ? (fitting + 1) / (rows.length + 1) : 0 };
  }).sort((one, other) => other.share - one.share || other.width - one.width);
  return found.share ? found.sign : ",";
}

function objects(text, isCut) {
  const lines = text.split("\n");
  if (isCut) lines.pop();
  try {
    const found = lines.filter((each) => each.trim()).map((each) => JSON.parse(each));
    const names = [...new Set(found.flatMap(Object.keys))];
    return names.length ? { names, rows: found.map((each) => names.map((name) => String(each[name] ?? ""))) } : null;
  } catch {
    return null; // the service says what is wrong with it
  }
}

/** Write into a form how the file is to be read. */
export function describe(form, inside) {
  if (inside?.encoding) form.append("encoding", inside.encoding);
  if (inside?.delimiter && inside.delimiter !== ",") form.append("delimiter", inside.delimiter);
  if (inside?.sheets?.length > 1) form.append("sheet", inside.sheet);
}

/** Cut CSV into rows of values, up to `most`. */
function parse(text, delimiter, most = Infinity) {
  const rows = [];
  let row = [];
  let value = "";
  let quoted = false;
  for (let at = text.charCodeAt(0) === 0xfeff ? 1 : 0; at < text.length && rows.length < most; at += 1) {
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
  if (rows.length < most && (value || row.length)) rows.push([...row, value.replace(/\r$/, "")]);
  return rows;
}
