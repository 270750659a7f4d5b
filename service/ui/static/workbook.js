// What is in an XLSX workbook? Its sheets and the first rows of one, unpacked by the browser itself.

const END_OF_ZIP = 0x06054b50;
const LONGEST_END = 65_557;
const PART_CHARACTERS = 400_000;
const ROWS = 60;
const DATE_FORMATS = new Set([14, 15, 16, 17, 22, 27, 30, 36, 50, 57]);
const EPOCH = Date.UTC(1899, 11, 30);
const DAY_MILLISECONDS = 86_400_000;

/** Read `{names, rows, sheets, sheet}`; raises for what is no workbook. */
export async function lookInto(file, wanted) {
  const parts = await directory(file);
  const sheets = await sheetPaths(file, parts);
  const shown = sheets.filter((sheet) => !sheet.hidden);
  const sheet = sheets.find((each) => each.name === wanted) ?? shown[0];
  const dates = await dateStyles(file, parts);
  const cells = cellsOf(await text(file, parts.get(sheet.path), PART_CHARACTERS));
  const strings = await sharedStrings(file, parts, cells);
  const rows = cells.map((row) => row.map((cell) => cell && shownValue(cell, strings, dates))).filter((row) => row.some(Boolean));
  const width = Math.max(0, ...rows.map((row) => row.length));
  const full = rows.map((row) => Array.from({ length: width }, (_, place) => row[place] ?? ""));
  const [names = [], ...values] = full;
  return { names, rows: values, sheets: shown.map((each) => each.name), sheet: sheet.name };
}

/** Where each part of the archive lies. */
async function directory(file) {
  const tail = new DataView(await file.slice(Math.max(0, file.size - LONGEST_END)).arrayBuffer());
  let end = tail.byteLength - 22;
  while (tail.getUint32(end, true) !== END_OF_ZIP) end -= 1;
  const start = tail.getUint32(end + 16, true);
  const view = new DataView(await file.slice(start, start + tail.getUint32(end + 12, true)).arrayBuffer());
  const parts = new Map();
  for (let at = 0; at < view.byteLength;) {
    const [name, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    const path = new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, name));
    parts.set(path, { method: view.getUint16(at + 10, true), size: view.getUint32(at + 20, true), offset: view.getUint32(at + 42, true) });
    at += 46 + name + extra + comment;
  }
  return parts;
}

/** Unpack the begin of a part. */
async function text(file, part, most) {
  const head = new DataView(await file.slice(part.offset, part.offset + 30).arrayBuffer());
  const from = part.offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const packed = file.slice(from, from + part.size).stream();
  const reader = (part.method === 8 ? packed.pipeThrough(new DecompressionStream("deflate-raw")) : packed)
    .pipeThrough(new TextDecoderStream()).getReader();
  let found = "";
  while (found.length < most) {
    const { done, value } = await reader.read();
    if (done) return found;
    found += value;
  }
  await reader.cancel();
  return found;
}

async function xml(file, part) {
  return new DOMParser().parseFromString(await text(file, part, Infinity), "text/xml");
}

async function sheetPaths(file, parts) {
  const book = await xml(file, parts.get("xl/workbook.xml"));
  const links = await xml(file, parts.get("xl/_rels/workbook.xml.rels"));
  const targets = new Map([...links.getElementsByTagName("*")].map((each) => [each.getAttribute("Id"), each.getAttribute("Target")]));
  return [...book.getElementsByTagNameNS("*", "sheet")].map((sheet) => {
    const target = targets.get([...sheet.attributes].find((each) => each.localName === "id" && each.prefix).value);
    return { name: sheet.getAttribute("name"), hidden: sheet.hasAttribute("state") && sheet.getAttribute("state") !== "visible", path: target.startsWith("/") ? target.slice(1) : `xl/${target}` };
  });
}

/** Which styles of cells show a number as a date. */
async function dateStyles(file, parts) {
  if (!parts.has("xl/styles.xml")) return new Set();
  const styles = await xml(file, parts.get("xl/styles.xml"));
  const own = new Set([...styles.getElementsByTagNameNS("*", "numFmt")]
    .filter((each) => /[ymd]/i.test(each.getAttribute("formatCode").replace(/"[^"]*"|\[[^\]]*\]|\\./g, "")))
    .map((each) => Number(each.getAttribute("numFmtId"))));
  const formats = [...(styles.getElementsByTagNameNS("*", "cellXfs")[0]?.children ?? [])];
  return new Set(formats.flatMap((each, place) => {
    const format = Number(each.getAttribute("numFmtId"));
    return DATE_FORMATS.has(format) || own.has(format) ? [String(place)] : [];
  }));
}

/** The cells of the first rows, by regular expressions: the text may be cut anywhere. */
function cellsOf(sheet) {
  const rows = [];
  for (const [, inside = ""] of sheet.matchAll(/<(?:\w+:)?row\b[^>]*?(?:\/>|>(.*?)<\/(?:\w+:)?row>)/gs)) {
    const row = [];
    for (const [, attributes, content = ""] of inside.matchAll(/<(?:\w+:)?c\b([^>]*?)(?:\/>|>(.*?)<\/(?:\w+:)?c>)/gs)) {
      const read = (name) => attributes.match(new RegExp(`\\b${name}="([^"]*)"`))?.[1];
      row[column(read("r")) ?? row.length] = { type: read("t"), style: read("s"), content };
    }
    rows.push(row);
    if (rows.length > ROWS) break;
  }
  return rows;
}

const column = (place) => place && [...place.match(/^[A-Z]+/)[0]].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;

/** The texts that the cells name by number. */
async function sharedStrings(file, parts, cells) {
  const part = parts.get("xl/sharedStrings.xml");
  const last = Math.max(-1, ...cells.flat().filter((cell) => cell?.type === "s").map((cell) => Number(value(cell))));
  if (!part || last < 0) return [];
  return [...(await text(file, part, PART_CHARACTERS)).matchAll(/<(?:\w+:)?si\b[^>]*?(?:\/>|>(.*?)<\/(?:\w+:)?si>)/gs)].map(([, inside = ""]) => plain(inside));
}

const value = ({ content }) => content.match(/<(?:\w+:)?v\b[^>]*>(.*?)<\/(?:\w+:)?v>/s)?.[1] ?? "";
const plain = (markup) => [...markup.matchAll(/<(?:\w+:)?t\b[^>]*>(.*?)<\/(?:\w+:)?t>/gs)].map(([, each]) => unescaped(each)).join("");
const unescaped = (markup) => new DOMParser().parseFromString(`<t>${markup}</t>`, "text/xml").documentElement.textContent;

function shownValue(cell, strings, dates) {
  if (cell.type === "s") return strings[Number(value(cell))] ?? "…";
  if (cell.type === "inlineStr") return plain(cell.content);
  const given = unescaped(value(cell));
  if ((cell.type && cell.type !== "n") || !given || !dates.has(cell.style)) return given;
  return new Date(EPOCH + Math.floor(Number(given)) * DAY_MILLISECONDS).toISOString().slice(0, 10);
}
