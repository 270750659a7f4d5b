// What is in a table or a collection? Its first rows, in a dialog over the list.

import { ask, withQuery } from "./api.js";
import { fill, h } from "./dom.js";
import { clipped } from "./listing.js";
import { count, plural } from "./words.js";

const SHOWN = 50;

/** A button that shows the first rows of a table. */
export const lookAtTable = (table) => looking(table.name, async () => {
  const { data } = await ask("GET", withQuery(table.links.rows, { limit: SHOWN }));
  const names = table.columns.map((column) => column.name);
  return { total: table.row_count, names, rows: data.map((row) => names.map((name) => row[`column.${name}`] ?? row[name])) };
});

/** A button that shows the first documents of a collection, each below its id. */
export const lookAtCollection = (collection) => looking(collection.name, async () => {
  const { data, pagination } = await ask("GET", withQuery("/v1/documents", { collection: collection.name, limit: SHOWN }));
  const names = [...new Set(data.flatMap((document) => Object.keys(document.fields)))];
  return { total: pagination.total, names: ["document", ...names], rows: data.map((document) => [document.id, ...names.map((name) => document.fields[name])]) };
});

function looking(title, read) {
  return h("button", { class: "quiet", "aria-label": `Look at ${title}`, onclick: async () => {
    const inside = h("div", {}, h("p", { class: "dim", role: "status" }, "Loading …"));
    const dialog = h("dialog", { class: "looking", "aria-label": title, onclose: () => dialog.remove() },
      h("form", { method: "dialog", class: "row spread" }, clipped(title, "strong"), h("button", {}, "Close")), inside);
    document.body.append(dialog);
    dialog.showModal();
    try {
      const { total, names, rows } = await read();
      fill(inside, h("p", { class: "dim" }, total > rows.length ? `The first ${rows.length} of ${count(total)}` : plural(total, "row", "rows")),
        h("div", { class: "scroll peek", tabindex: "0", role: "region", "aria-label": `Rows of ${title}` }, h("table", {},
          h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, clipped(name))))),
          h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value) => h("td", {}, clipped(String(value ?? ""))))))))));
    } catch (error) {
      fill(inside, h("p", { class: "notice", role: "alert" }, error.message));
    }
  } }, "Look");
}
