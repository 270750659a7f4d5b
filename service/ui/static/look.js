// What is in a table or a collection? Its first rows, in a dialog over the list; a document can be deleted there.

import { ask, withQuery } from "./api.js";
import { field, fill, h } from "./dom.js";
import { clipped } from "./listing.js";
import { may } from "./rights.js";
import { valueIn } from "./samples.js";
import { remover } from "./sources.js";
import { count, plural, shortened } from "./words.js";

const SHOWN = 50;

/** A button that shows the first rows of a table. */
export const lookAtTable = (table) => looking(table.name, async (inside) => {
  const { data } = await ask("GET", withQuery(table.links.rows, { limit: SHOWN }));
  const names = table.columns.map((column) => column.name);
  const rows = data.map((row) => names.map((name) => valueIn(row, name)));
  fill(inside, of(rows.length, table.row_count, ["row", "rows"]), grid(`Rows of ${table.name}`, names, rows));
});

/**
 * A button that shows the first documents of a collection, each below its id, to find one and delete it;
 * `changed()` hears when that is closed after one was.
 */
export function lookAtCollection({ name }, changed) {
  let deleted = 0;
  return looking(name, async (inside) => {
    deleted = 0;
    const place = h("div");
    const notice = h("p", { class: "notice", role: "alert", hidden: true });
    const wanted = h("input", { type: "search", placeholder: "its whole id", onchange: () => draw() });
    const remove = remover(notice, async () => {
      deleted += 1;
      wanted.value = "";
      await draw();
      wanted.focus();
    });

    async function draw() {
      notice.hidden = true;
      try {
        fill(place, await shown(name, wanted.value.trim(), remove));
      } catch (error) {
        notice.textContent = error.message;
        notice.hidden = false;
      }
    }
    fill(inside, field("Find a document", wanted), notice, place);
    await draw();
  }, () => deleted && changed());
}

/** The document that is wanted, else the first ones. */
async function shown(collection, wanted, remove) {
  const path = (id) => withQuery(`/v1/documents/${encodeURIComponent(id)}`, { collection });
  const { data, pagination } = wanted ? await only(path(wanted)) : await ask("GET", withQuery("/v1/documents", { collection, limit: SHOWN }));
  if (wanted && !data.length) return h("p", { role: "status" }, "No document here has this id.");
  const names = [...new Set(data.flatMap((document) => Object.keys(document.fields)))];
  const removal = (id) => h("button", { class: "quiet small", "data-needs": "write", "aria-label": `Delete the document ${id}`, onclick: () => remove(
    `Delete the document “${shortened(id)}” of “${shortened(collection)}” with its fields? What past results tell of its fields goes too.`, path(id)) }, "Delete");
  const actions = may("write") ? [removal] : [];
  const rows = data.map(({ id, fields }) => [id, ...actions.map((make) => make(id)), ...names.map((name) => fields[name])]);
  return [of(data.length, pagination.total, ["document", "documents"]), grid(`Documents of ${collection}`, ["Document", ...actions.map(() => ""), ...names], rows)];
}

async function only(path) {
  try {
    return { data: [await ask("GET", path)], pagination: { total: 1 } };
  } catch (error) {
    if (error.status !== 404) throw error;
    return { data: [] };
  }
}

const of = (shown, total, words) => h("p", { class: "dim" }, total > shown ? `The first ${shown} of ${count(total)}` : plural(total, ...words));

/** A table of values; a control stands as it is. */
const grid = (label, names, rows) => h("div", { class: "scroll peek", tabindex: "0", role: "region", "aria-label": label }, h("table", {},
  h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name ? clipped(name) : h("span", { class: "unseen" }, "Actions"))))),
  h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value) => h("td", {}, value instanceof Node ? value : clipped(String(value ?? "")))))))));

/** A button that opens a dialog; `draw(inside)` fills it, `closed()` hears of its end. */
function looking(title, draw, closed = () => {}) {
  return h("button", { class: "quiet", "aria-label": `Look at ${title}`, onclick: async () => {
    const inside = h("div", {}, h("p", { class: "dim", role: "status" }, "Loading …"));
    const dialog = h("dialog", { class: "looking", "aria-label": title, onclose: () => {
      dialog.remove();
      closed();
    } },
    h("form", { method: "dialog", class: "row spread" }, clipped(title, "strong"), h("button", {}, "Close")), inside);
    document.body.append(dialog);
    dialog.showModal();
    try {
      await draw(inside);
    } catch (error) {
      fill(inside, h("p", { class: "notice", role: "alert" }, error.message));
    }
  } }, "Look");
}
