// Which table, which documents? One step of a new match: upload some, or use what is there.

import { choice, field, fill, h } from "./dom.js";
import { searchable } from "./listing.js";
import { COLLECTION_HEADS, TABLE_HEADS, collectionLine, deleteCollection, deleteTable, readCollections, readTables, remover, tableLine } from "./sources.js";
import { preview, uploader } from "./upload.js";
import { ago, plural, shortened } from "./words.js";

const LONGEST_NAME = 200;
const use = (name, work) => h("button", { "aria-label": `Use ${name}`, onclick: work }, "Use");

export const TABLE_STEP = {
  title: "Reference table",
  about: "What you match with: purchase orders, customers, products. One row each.",
  later: "",
  label: "Drop a table here, or choose a file",
  hint: "CSV or Excel (.xlsx); also NDJSON",
  listed: "Reference tables that are there",
  heads: TABLE_HEADS,
  summary: (name, count) => `${name}: ${plural(count, "row", "rows")}`,
  read: readTables,
  naming: nameTable,
  rows: (items, chosen, remove) => items.filter((table) => table.status === "ready").map((table) => [table.name, tableLine(table, [
    use(table.name, () => chosen(table)), deleteTable(table, remove),
  ])]),
  made: (reply) => reply,
};

export const COLLECTION_STEP = {
  title: "Documents",
  about: "What you want matched: invoices, payments, records. One row each.",
  later: "Upload them when the table is chosen.",
  label: "Drop the documents here, or choose a file",
  hint: "CSV or Excel (.xlsx), one document a row; also NDJSON",
  listed: "Documents that are there",
  heads: COLLECTION_HEADS,
  summary: (name) => `Collection ${name}`,
  read: readCollections,
  naming: nameCollection,
  rows: (items, chosen, remove) => items.map((collection) => [collection.name, collectionLine(collection, [
    use(collection.name, () => chosen(collection.name)), deleteCollection(collection, remove),
  ])]),
  made: (_, naming) => naming.name(),
};

/** Draw a step into its section; `chosen(what, file)` goes on, `again()` takes the choice back. */
export function sourceStep(here, section, kind, chosen, again) {
  const heading = h("h2", {}, kind.title);

  async function choose() {
    section.classList.remove("later");
    const notice = h("p", { class: "notice", role: "alert", hidden: true });
    const listed = h("div");
    let known = { items: [], rest: 0 };
    const say = (error) => {
      notice.textContent = error.message;
      notice.hidden = false;
    };
    const goOn = async (what) => {
      fill(listed, h("p", { class: "dim", role: "status" }, "Looking at the values …"));
      try {
        await chosen(what);
      } catch (error) {
        say(error);
        await list().catch(say);
      }
    };
    const list = async () => {
      known = await kind.read();
      const rows = kind.rows(known.items, goOn, remover(notice, list));
      fill(listed, rows.length ? [h("h3", {}, "Or use what is there"), searchable(kind.listed, kind.heads, rows, known.rest)] : null);
    };
    await list();
    if (here.signal.aborted) return;
    fill(section, heading, h("p", { class: "dim" }, kind.about), uploader(here, {
      label: kind.label,
      hint: kind.hint,
      naming: (name) => kind.naming(name, known.items),
      done: (reply, { naming, ...file }) => chosen(kind.made(reply, naming), file),
    }), notice, listed);
  }

  return {
    choose,
    wait: () => {
      section.classList.add("later");
      fill(section, heading, h("p", { class: "dim" }, kind.later));
    },
    chosen: (name, count, sides, canChange) => {
      section.classList.remove("later");
      const title = kind.summary(name, count);
      const rows = [0, 1, 2].map((place) => sides.map((side) => side.first[place] ?? ""));
      fill(section, heading,
        h("p", { class: "row spread" }, h("strong", { class: "name" }, title),
          canChange ? h("button", { class: "quiet", "aria-label": `Change ${title}`, onclick: again }, "Change") : null),
        preview({ names: sides.map((side) => side.name), rows: rows.filter((row) => row.some(Boolean)) }, title));
    },
  };
}

/** A new table, or new rows for one that is called the same. */
function nameTable(proposed, known) {
  const name = h("input", { value: proposed.slice(0, LONGEST_NAME), maxlength: String(LONGEST_NAME), required: true });
  const place = h("div");
  let target = "";
  const offer = () => {
    target = "";
    const same = known.filter((table) => table.name === name.value.trim());
    fill(place, same.length ? field("There is a table of this name", choice([["", "make another one"],
      ...same.map((table) => [table.id, `replace its ${plural(table.row_count, "row", "rows")} (${ago(table.updated_at)})`])], target, (value) => { target = value; })) : null);
  };
  name.addEventListener("input", offer);
  offer();
  return {
    fields: [field("Name of the table", name), place],
    request: (form) => {
      if (target) return { method: "PUT", path: `/v1/reference-data/${target}/rows` };
      form.append("name", name.value.trim() || proposed);
      return { method: "POST", path: "/v1/reference-data" };
    },
  };
}

/** A collection: a new one unless a person names one that is there. */
function nameCollection(proposed, known) {
  const taken = new Map(known.map((collection) => [collection.name, collection]));
  let free = proposed.slice(0, LONGEST_NAME);
  for (let number = 2; taken.has(free); number += 1) free = `${proposed.slice(0, LONGEST_NAME - 6)} (${number})`;
  const name = h("input", { value: free, maxlength: String(LONGEST_NAME), required: true });
  const note = h("p", { class: "hint", role: "status" });
  const tell = () => {
    const there = taken.get(name.value.trim());
    note.hidden = !there;
    note.textContent = there ? `“${shortened(there.name)}” has ${plural(there.document_count, "document", "documents")}: these come to them, and replace those of the same id.` : "";
  };
  name.addEventListener("input", tell);
  tell();
  return {
    name: () => name.value.trim() || free,
    fields: [field("Name of the collection", name), note],
    request: (form) => {
      form.append("collection", name.value.trim() || free);
      return { method: "POST", path: "/v1/documents" };
    },
  };
}
