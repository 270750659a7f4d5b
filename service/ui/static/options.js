// What can be said of a comparison beside its weight? A table of the options, in words for people.

import { choice, field, h } from "./dom.js";

export const STRATEGIES = [
  ["fuzzy", "similar text"],
  ["exact", "the same value"],
  ["numeric_range", "a near number"],
  ["date_range", "a near date"],
];

export const MISSING = [
  ["lenient", "the other fields decide; a gap in the table costs some"],
  ["ignore", "the other fields decide; a gap in the table costs all"],
  ["zero", "a gap on either side costs all of its weight"],
];

const SCORERS = [
  ["idf", "rare words count most"],
  ["token_sort", "all words count the same"],
  ["token_set", "the words of the shorter one suffice"],
  ["ratio", "letter by letter, in their order"],
  ["jaro_winkler", "the first letters count most"],
];

// `isMore`: shown only to who asks for more. `usual`: the service's own default.
export const OPTIONS = {
  fuzzy: [
    { name: "scorer", text: "Alike means", kind: "choice", choices: SCORERS, usual: "idf" },
    { name: "min_score", text: "Count nothing below", kind: "percent", usual: 0, isMore: true, hint: "In %: values less alike than this add nothing." },
  ],
  exact: [
    { name: "near", text: "A near miss counts too", kind: "switch", usual: true, hint: "A digit mistyped, O for 0: up to 90 %." },
    { name: "case_sensitive", text: "Capital letters must agree", kind: "switch", usual: false, isMore: true },
    { name: "verbatim", text: "Every space and sign must agree", kind: "switch", usual: false, isMore: true },
  ],
  numeric_range: [
    { kind: "tolerance", hint: "Equal counts fully, so far off half, twice as far nothing." },
    { name: "flat", text: "Anything within counts fully", kind: "switch", usual: false, isMore: true },
  ],
  date_range: [
    { name: "tolerance_days", text: "Days apart", kind: "number", usual: 7, hint: "The same day counts fully, so far off half, twice as far nothing." },
    { name: "day_first", text: "Read 03/04/2024 as", kind: "choice", choices: [["true", "3 April"], ["false", "4 March"]], usual: true, isMore: true, hint: "Where the column itself does not tell." },
    { name: "flat", text: "Anything within counts fully", kind: "switch", usual: false, isMore: true },
  ],
};

/** Draw the options of a mapping; a change is written into it, then told. */
export function optionFields(mapping, changed) {
  const draw = (isMore) => OPTIONS[mapping.strategy].filter((each) => Boolean(each.isMore) === isMore)
    .map((option) => CONTROLS[option.kind](mapping, option, changed));
  return { common: draw(false), more: draw(true) };
}

/** Whether something below "more" is not as usual. */
export const hasRare = (mapping) => OPTIONS[mapping.strategy].some((each) => each.isMore && mapping[each.name] !== undefined && mapping[each.name] !== each.usual);

const set = (mapping, name, value, changed) => {
  mapping[name] = value;
  changed();
};

function number(value, input, attributes = {}) {
  const made = h("input", { type: "number", min: "0", step: "any", value: String(value), ...attributes, oninput: () => {
    if (made.value !== "" && made.checkValidity()) input(Number(made.value));
  } });
  return made;
}

const CONTROLS = {
  choice: (mapping, { name, text, choices, usual, hint }, changed) =>
    field(text, choice(choices, String(mapping[name] ?? usual), (value) => set(mapping, name, typeof usual === "boolean" ? value === "true" : value, changed)), hint),
  number: (mapping, { name, text, usual, hint }, changed) =>
    field(text, number(mapping[name] ?? usual, (value) => set(mapping, name, value, changed)), hint),
  percent: (mapping, { name, text, usual, hint }, changed) =>
    field(text, number(Math.round((mapping[name] ?? usual) * 100), (value) => set(mapping, name, value / 100, changed), { max: "100" }), hint),
  switch: (mapping, { name, text, usual, hint }, changed) => {
    const box = h("input", { type: "checkbox", checked: mapping[name] ?? usual, onchange: () => set(mapping, name, box.checked, changed) });
    return h("label", { class: "field" }, h("span", { class: "check" }, box, text), hint ? h("small", {}, hint) : null);
  },
  tolerance: (mapping, { hint }, changed) => {
    const isAbsolute = mapping.tolerance_absolute !== undefined && mapping.tolerance_absolute !== null;
    let unit = isAbsolute ? "tolerance_absolute" : "tolerance_percent";
    const write = (value) => {
      delete mapping.tolerance_absolute;
      delete mapping.tolerance_percent;
      set(mapping, unit, value, changed);
    };
    const amount = number(mapping[unit] ?? 5, write, { "aria-label": "Tolerance" });
    const units = choice([["tolerance_percent", "% of the reference"], ["tolerance_absolute", "in the number's own unit"]], unit, (value) => {
      unit = value;
      write(Number(amount.value));
    }, { "aria-label": "Unit of the tolerance" });
    return h("div", { class: "field" }, h("span", {}, "Tolerance"), h("span", { class: "row" }, amount, units), h("small", {}, hint));
  },
};
