// How does a file of rows get in? Dropped or chosen, looked at, described, and sent with its progress.

import { choice, field, fill, h } from "./dom.js";
import { idColumn, idHint } from "./ids.js";
import { installed } from "./installed.js";
import { clipped } from "./listing.js";
import { refusal } from "./refusal.js";
import { CalledBack, send } from "./send.js";
import { describe, fault, peek } from "./tables.js";
import { bytes, shortened } from "./words.js";

const READ_HERE = [".csv", ".tsv", ".txt", ".xlsx", ".ndjson", ".jsonl"];
const PARQUET = ".parquet";
const NO_PARQUET = "This installation does not read Parquet. Save the table as CSV or as an Excel workbook (.xlsx), and choose that. Who runs the service can add Parquet by installing pyarrow with it.";
const SHOWN_ROWS = 3;
const CALLED_BACK = "Called back: nothing was stored.";
const CALLED_BACK_LATE = "Called back. If it was stored just before, it is listed under Data.";
const SEPARATORS = [[",", "comma ,"], [";", "semicolon ;"], ["\t", "tab"], ["|", "bar |"]];
const ENCODINGS = [["utf-8", "UTF-8"], ["windows-1252", "Windows-1252 (Western Europe)"], ["utf-16le", "UTF-16"]];

/**
 * A place to drop a file. `into` says what becomes of it: `label` and `hint` of the place, `naming(name)`
 * the fields that say where it goes, with `request(form)` to add them, and
 * `done(reply, {id, order, naming})`, which gets the id's column and the order of all of them.
 */
export function uploader(here, into) {
  const root = h("div", { class: "upload" });
  const input = h("input", { type: "file", accept: READ_HERE.join(), onchange: () => take(input.files[0]) });
  const said = h("div");
  const also = h("span", {}, "");
  let readsParquet = false;
  installed().then(({ reads_parquet: isRead }) => {
    readsParquet = isRead;
    if (!isRead) return;
    input.accept += `,${PARQUET}`;
    also.textContent = " and Parquet";
  }, () => { readsParquet = true; }); // without word of it, it is not offered, and the service decides
  const place = h("label", {
    class: "drop",
    ondragover: (event) => { event.preventDefault(); place.classList.add("over"); },
    ondragleave: () => place.classList.remove("over"),
    ondrop: (event) => {
      event.preventDefault();
      place.classList.remove("over");
      take(event.dataTransfer.files[0]);
    },
  }, h("strong", {}, into.label), h("span", { class: "dim" }, into.hint, also), input);

  async function take(file) {
    if (!file) return;
    let wrong;
    let first;
    try {
      wrong = unread(file.name, readsParquet) ?? await fault(file);
      first = wrong ? null : await peek(file);
    } catch {
      wrong = unreadable(file);
    }
    if (wrong) {
      input.value = "";
      return fill(said, refusal({ detail: wrong }));
    }
    fill(said);
    const card = fileCard(here, file, first, into, () => {
      input.value = "";
      fill(root, place, said);
      input.focus();
    });
    fill(root, card.element);
    card.focus();
  }

  return fill(root, place, said);
}

/** Why files of this name are not read here; null for those that are. */
function unread(name, readsParquet) {
  const suffix = name.match(/\.[^.]+$/)?.[0].toLowerCase();
  if (READ_HERE.includes(suffix) || (suffix === PARQUET && readsParquet)) return null;
  return suffix === PARQUET ? NO_PARQUET
    : `“${name}” is no table that can be read here. Save it as CSV or as an Excel workbook (.xlsx), and choose that.`;
}

const unreadable = (file) => `“${file.name}” cannot be read. Was it changed, moved or deleted meanwhile? Choose it again.`;

/** What one sees of a file before it is sent, and while it is. */
function fileCard(here, file, first, into, back) {
  const state = { inside: first, id: first ? idColumn(first) : "" };
  const naming = into.naming(file.name.replace(/\.[^.]+$/, ""));
  const looks = h("div");
  const ids = h("div");
  const hint = h("p", { class: "hint", role: "status" });
  const said = h("div");
  const go = h("button", { type: "submit", class: "primary" }, `Upload ${shortened(file.name)}`);
  const other = h("button", { type: "button", class: "quiet", onclick: back }, "Choose another file");
  const details = written(state.inside, async (changed) => {
    try {
      state.inside = await peek(file, { ...settings(state.inside), ...changed }) ?? { ...state.inside, ...changed, names: [], rows: [] };
    } catch {
      return fill(said, refusal({ detail: unreadable(file) }));
    }
    if (!state.inside.names.includes(state.id)) state.id = idColumn(state.inside);
    draw();
  });

  function draw() {
    const { inside } = state;
    fill(looks, inside ? preview(inside, file.name) : h("p", { class: "dim" }, "Its columns are shown when it is uploaded."));
    const tell = () => {
      const text = inside && idHint(inside, state.id);
      hint.textContent = text ?? "";
      hint.hidden = !text;
    };
    const choose = (value) => {
      state.id = value;
      tell();
    };
    fill(ids, field("Column with ids", inside
      ? choice([["", "none: number the rows"], ...inside.names.filter(Boolean).map((name) => [name, shortened(name)])], state.id, choose)
      : h("input", { placeholder: "none: number the rows", oninput: (event) => { state.id = event.target.value.trim(); } }),
    "Names each row in results, such as an order number."));
    tell();
  }

  async function upload() {
    const form = new FormData();
    describe(form, state.inside);
    if (state.id) form.append("id_column", state.id);
    const { method, path } = naming.request(form);
    form.append("file", file);
    go.disabled = other.disabled = true;
    const sending = progress(file);
    fill(said, sending.element);
    here.signal.addEventListener("abort", sending.callBack);
    try {
      const reply = await send(method, path, form, sending);
      await into.done(reply, { id: state.id, order: state.inside?.names ?? [], naming })
        .catch((error) => fill(said, h("p", { class: "notice", role: "alert" }, `“${file.name}” is stored, but cannot be shown: ${error.message}`)));
    } catch (error) {
      fill(said, error instanceof CalledBack ? h("p", { role: "status" }, sending.isSent() ? CALLED_BACK_LATE : CALLED_BACK) : refusal(error));
      if (error.errors?.some((each) => ["wrong_delimiter", "bad_text"].includes(each.code))) details?.setAttribute("open", "");
    }
    go.disabled = other.disabled = false;
  }

  draw();
  const title = h("strong", { tabindex: "-1" }, file.name);
  return {
    focus: () => title.focus(),
    element: h("form", { class: "file", onsubmit: (event) => {
      event.preventDefault();
      if (!go.disabled) upload();
    } },
      h("p", { class: "row spread" }, h("span", { class: "name" }, title, h("small", {}, ` ${bytes(file.size)}`)), other),
      looks, h("div", { class: "row top" }, naming.fields, ids), hint, details, h("p", { class: "row" }, go), said),
  };
}

const settings = (inside) => ({ delimiter: inside?.delimiter, encoding: inside?.encoding ?? "utf-8", sheet: inside?.sheet });

/** How the file is written, guessed, for whoever knows better; null where there is nothing to say. */
function written(inside, changed) {
  if (inside?.sheets?.length > 1) {
    return h("div", {}, field("Sheet", choice(inside.sheets.map((name) => [name, name]), inside.sheet, (sheet) => changed({ sheet }))));
  }
  if (!inside?.delimiter) return null;
  const separators = SEPARATORS.some(([sign]) => sign === inside.delimiter) ? SEPARATORS : [[inside.delimiter, inside.delimiter], ...SEPARATORS];
  return h("details", {}, h("summary", {}, "How the file is written"),
    h("div", { class: "row" },
      field("Columns are separated by", choice(separators, inside.delimiter, (delimiter) => changed({ delimiter }))),
      field("Encoding", choice(ENCODINGS, inside.encoding ?? "utf-8", (encoding) => changed({ encoding })), "Another one where letters like ä or é look wrong.")));
}

/** The first rows as they will be read. */
export function preview({ names, rows }, title) {
  return h("div", { class: "scroll peek", tabindex: "0", role: "region", "aria-label": `First rows of ${title}` }, h("table", {},
    h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, clipped(name || "(no name)"))))),
    h("tbody", {}, rows.slice(0, SHOWN_ROWS).map((row) => h("tr", {}, names.map((_, place) => h("td", {}, clipped(row[place] ?? ""))))))));
}

/** How far an upload is, and a way to call it back. */
function progress(file) {
  const bar = h("progress", { max: "1", value: "0", class: "wide", "aria-label": `Upload of ${file.name}` });
  const text = h("span", {}, "Sending …");
  const told = h("span", { class: "unseen", role: "status" }, "Sending …"); // of every step, not of every piece
  const controller = new AbortController();
  const callBack = () => controller.abort();
  let isSent = false;
  const onSent = (share) => {
    isSent = share === 1;
    if (share < 1) {
      bar.value = share;
      text.textContent = `${bytes(share * file.size)} of ${bytes(file.size)} sent`;
    } else {
      bar.removeAttribute("value");
      told.textContent = text.textContent = "Sent. Its rows are being read …";
    }
  };
  const element = h("div", {}, bar, h("p", { class: "row spread" }, text, told, h("button", { type: "button", onclick: callBack }, "Cancel the upload")));
  return { element, signal: controller.signal, onSent, callBack, isSent: () => isSent };
}
