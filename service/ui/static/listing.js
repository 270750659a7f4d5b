// How is a list of things shown? As a table whose rows become cards where there is no room.

import { h } from "./dom.js";

/** Make a table; `heads` are [text, kind], the last one is that of the actions and is not seen. */
export function listing(label, heads, rows) {
  const body = h("tbody", {}, rows);
  const table = h("table", { class: "listing", "aria-label": label },
    h("thead", {}, h("tr", {}, heads.map(([text, kind], place) =>
      h("th", { scope: "col", class: kind }, place === heads.length - 1 ? h("span", { class: "unseen" }, text) : text)))),
    body);
  return { table, show: (shown) => arrange(body, shown) };
}

/** Let these be the rows; one that stays where it is keeps the focus. */
function arrange(body, rows) {
  const wanted = new Set(rows);
  for (const row of [...body.children]) if (!wanted.has(row)) row.remove();
  rows.forEach((row, place) => {
    if (body.children[place] !== row) body.insertBefore(row, body.children[place] ?? null);
  });
}

/** Make a row; `cells` are what stands in it, the first one names it. */
export function line(heads, cells) {
  return h("tr", {}, cells.map((cell, place) => place === 0
    ? h("th", { scope: "row" }, cell)
    : h("td", { class: heads[place][1], "data-label": place === heads.length - 1 ? null : heads[place][0] }, cell)));
}

/** Text that may be far too long: two lines of it, and all of it for whoever points at it. */
export const clipped = (text, tag = "span", attributes = {}) => h(tag, { ...attributes, class: "clipped", title: text.length > 40 ? text : null }, text);

const FEW = 8;

/**
 * A list that is searched when it is long. `items` are [text to search, row]; `rest` says how many
 * more there are than were read.
 */
export function searchable(label, heads, items, rest = 0) {
  const list = listing(label, heads, []);
  const more = h("button", { class: "quiet" }, "");
  const search = h("input", { type: "search", placeholder: "Search by name", "aria-label": `Search ${label.toLowerCase()}` });
  let all = items.length <= FEW;
  const place = h("p", { class: "row" }, more);
  const draw = () => {
    const wanted = search.value.trim().toLowerCase();
    const found = items.filter(([text]) => text.toLowerCase().includes(wanted)).map(([, row]) => row);
    const shown = all || wanted ? found : found.slice(0, FEW);
    list.show(shown.length ? shown : [h("tr", {}, h("td", { colspan: String(heads.length), class: "dim" }, "Nothing is called so."))]);
    place.hidden = shown.length === found.length;
    more.textContent = `Show all ${found.length}`;
  };
  search.addEventListener("input", draw);
  more.addEventListener("click", () => {
    all = true;
    draw();
  });
  draw();
  return h("div", { class: "listed" },
    items.length > FEW ? h("p", {}, search) : null, list.table, place,
    rest > 0 ? h("p", { class: "dim" }, `${rest} more are not shown here: the API lists them all.`) : null);
}
