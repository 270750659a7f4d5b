// Why was a file not taken, where is that in it, and what can one do?

import { h } from "./dom.js";
import { plural } from "./words.js";

const ADVICE = {
  wrong_delimiter: "Choose what separates the columns below “How the file is written”, and upload again.",
  bad_text: "Choose the encoding below “How the file is written”, or save the file as UTF-8, and upload again.",
  ragged_row: "Every row needs as many values as the header has names: a value that holds the separator itself must stand in quotes. If all rows are wrong, choose another separator below “How the file is written”.",
  empty_id: "Choose another column with ids, or none, or fill in the rows in the file.",
};

const COUNTED = /rows count from 1 below the header/i;

const REFUSED = "The file was not taken. Nothing was stored.";
const LOST = "The upload did not come to its end. Look under Data whether it is there before you send it again.";

/** One sentence about all places: the service's own, unless that is about the first of them. */
function summary(places, detail) {
  if (detail && !detail.startsWith(places[0].message)) return detail;
  const counted = COUNTED.test(detail) ? " (rows count from 1 below the header)" : "";
  return `${plural(places.length, "thing is", "things are")} wrong${counted}:`;
}

/** Show an error of an upload: what the service refused, it has not stored. */
export function refusal({ status = 400, detail, message, errors = [] }) {
  const places = errors.filter((each) => each.row || errors.length > 1);
  const advice = [...new Set(errors.map((each) => ADVICE[each.code]).filter(Boolean))];
  return h("div", { class: "notice bad", role: "alert" },
    h("strong", {}, status >= 400 && status < 500 ? REFUSED : LOST),
    places.length > 1 ? null : h("p", {}, detail ?? message),
    places.length > 1 ? [
      h("p", {}, summary(places, detail ?? "")),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "What is wrong" }, h("table", {},
        h("thead", {}, h("tr", {}, ["Row", "Column", "What"].map((text) => h("th", { scope: "col" }, text)))),
        h("tbody", {}, places.map((each) => h("tr", {},
          h("td", {}, each.row ? String(each.row) : ""), h("td", {}, each.column ?? ""), h("td", {}, each.message)))))),
    ] : null,
    advice.map((text) => h("p", {}, text)));
}
