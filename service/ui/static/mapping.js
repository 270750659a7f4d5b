// What compares to what? A card for each mapping, whose weights move together, with live examples.

import { choice, field, fill, h } from "./dom.js";
import { bestMapping, mappingHint } from "./hints.js";
import { clipped } from "./listing.js";
import { STRATEGIES, hasRare, optionFields } from "./options.js";
import { mapping, proposeFor } from "./suggest.js";
import { percents, reweigh } from "./weights.js";
import { absence, confidence, shortened } from "./words.js";

const LONGEST_SAMPLE = 60;

/**
 * The cards of `state.mappings`, for `state.fields` and `state.columns`. `changed()` hears of every
 * change; `explain(results)` shows how the mappings score there.
 */
export function mappingCards(state, changed) {
  const list = h("div", { class: "mappings" });
  const adding = h("p", { class: "row" });
  const none = h("p", { class: "row" });
  let cards = [];
  let examples = [];

  function draw() {
    cards = state.mappings.map((each) => card(each));
    fill(list, cards.map((each) => each.element));
    none.hidden = cards.length > 0;
    if (!none.hidden) fill(none, nothingCompared());
    drawAdding();
    showWeights();
    cards.forEach((each) => each.explain(examples));
  }

  /** Why there is no card: nothing was found, or all was removed and can be had again. */
  function nothingCompared() {
    const proposed = proposeFor(state.fields, state.columns, state.ids);
    if (!proposed.length) return "No field looks like a column of the table. Add what belongs together:";
    return ["Nothing is compared. Add what belongs together, or ", h("button", { onclick: () => {
      state.mappings = proposed;
      draw();
      list.querySelector("select").focus();
      changed();
    } }, "Suggest again")];
  }

  function card(each) {
    const element = h("fieldset", { class: "mapping" });
    const weight = weightSlider(each);
    const chosen = [];
    const pairs = h("ul", { class: "pairs", "aria-label": `Examples of ${each.source}` });
    const drawCard = (focused) => {
      const { common, more } = optionFields(each, changed);
      const source = state.fields.find((one) => one.name === each.source);
      const column = state.columns.find((one) => one.name === each.target);
      const hint = mappingHint(each, source, column);
      const target = choice(state.columns.map((one) => [one.name, shortened(one.name)]), each.target, (name) => {
        replace(each, { ...mapping(each.source, state.columns.find((one) => one.name === name)), weight: each.weight });
        drawCard(0);
        changed();
      });
      const strategy = choice(STRATEGIES, each.strategy, (name) => {
        replace(each, { source: each.source, target: each.target, strategy: name, weight: each.weight });
        drawCard(1);
        changed();
      });
      fill(element,
        h("legend", {}, clipped(each.source)),
        h("div", { class: "row top" },
          field("compares to", target, sample(column)),
          field("as", strategy), common),
        hint ? h("p", { class: "hint" }, hint) : null,
        h("div", { class: "row spread" }, weight.element,
          h("button", { class: "quiet", "aria-label": `Remove ${each.source}`, onclick: () => remove(each) }, "Remove")),
        h("details", { open: hasRare(each) }, h("summary", {}, "More options"), h("div", { class: "row top" }, more)),
        pairs);
      if (focused !== undefined) [target, strategy][focused].focus();
    };
    drawCard();
    return { element, weight, explain: (results) => showPairs(pairs, each, state.mappings, results, chosen) };
  }

  function weightSlider(each) {
    const shown = h("span", { "aria-hidden": "true" });
    const slider = h("input", { type: "range", min: "0", max: "100", "aria-label": `Weight of ${each.source}`, oninput: () => {
      const weights = reweigh(state.mappings.map((one) => one.weight), state.mappings.indexOf(each), Number(slider.value) / 100);
      state.mappings.forEach((one, place) => { one.weight = weights[place]; });
      showWeights(slider);
      changed();
    } });
    const show = (value, moved) => {
      shown.textContent = `${value} %`;
      if (slider !== moved) slider.value = String(value);
    };
    return { show, element: h("label", { class: "field weight" }, h("span", {}, "Weight ", shown), slider) };
  }

  function showWeights(moved) {
    percents(state.mappings.map((each) => each.weight)).forEach((value, place) => cards[place].weight.show(value, moved));
  }

  function remove(each) {
    const left = state.mappings.filter((one) => one !== each);
    const sum = left.reduce((total, one) => total + one.weight, 0);
    left.forEach((one) => { one.weight = sum ? one.weight / sum : 1 / left.length; });
    state.mappings = left;
    draw();
    adding.querySelector("select")?.focus();
    changed();
  }

  function drawAdding() {
    const free = state.fields.filter((each) => !state.mappings.some((mapped) => mapped.source === each.name));
    fill(adding, free.length && state.columns.length ? choice([["", "Add a field …"], ...free.map((each) => [each.name, shortened(each.name)])], "", (name) => {
      if (!name) return;
      const used = state.mappings.map((each) => each.target);
      const added = bestMapping(free.find((each) => each.name === name), state.columns, used);
      const weights = reweigh([...state.mappings.map((each) => each.weight), 0], state.mappings.length, 1 / (state.mappings.length + 1));
      state.mappings = [...state.mappings, added];
      state.mappings.forEach((each, place) => { each.weight = weights[place]; });
      draw();
      list.lastElementChild.querySelector("select").focus();
      changed();
    }, { "aria-label": "Add a field" }) : null);
  }

  draw();
  return {
    element: h("div", {}, none, list, adding),
    explain: (results) => {
      examples = results;
      cards.forEach((each) => each.explain(results));
    },
  };
}

/** Let one mapping be another: what holds it goes on holding it. */
function replace(mapping, other) {
  for (const name of Object.keys(mapping)) delete mapping[name];
  Object.assign(mapping, other);
}

const sample = (side) => (side?.values.length ? `such as ${cut(side.values[0])}` : null);
const cut = (text) => (text.length > LONGEST_SAMPLE ? `${text.slice(0, LONGEST_SAMPLE)}…` : text);

/** How the mapping scores some pairs: the same documents again and again, so that one sees what a change does. */
function showPairs(list, each, mappings, results, chosen) {
  const isRepeated = mappings.filter((one) => one.source === each.source).length > 1;
  const key = isRepeated ? `${each.source}→${each.target}` : each.source;
  const pairs = results.map((result) => ({ id: result.document_id, ...result.candidates[0]?.evidence[key] }))
    .filter((pair) => String(pair.document_value ?? "").trim())
    .sort((one, other) => other.score - one.score);
  if (!chosen.some((id) => pairs.some((pair) => pair.id === id))) {
    const places = [0, Math.floor((pairs.length - 1) / 2), pairs.length - 1];
    chosen.splice(0, chosen.length, ...new Set(places.map((place) => pairs[place]?.id)));
  }
  fill(list, pairs.filter((pair) => chosen.includes(pair.id)).map((pair) => h("li", {},
    h("span", { class: "pair" }, valueOf(pair, "document"), h("span", { class: "dim" }, " and "), valueOf(pair, "reference")),
    counts(pair, each) ? h("strong", { class: "number" }, confidence(pair.score)) : h("span", { class: "dim" }, "not counted"))));
}

/** What is missing in a document has no score: its weight went to the other fields. */
const counts = (pair, each) => pair.weight > 0 || !each.weight;

/** A value of one side, or what stands for it; one that was not understood says so. */
function valueOf(pair, side) {
  const value = pair[`${side}_value`];
  if (absence(value)) return h("span", { class: "dim" }, absence(value));
  const isUnread = pair.unreadable === side || pair.unreadable === "both";
  return [cut(String(value)), isUnread ? h("span", { class: "unread" }, " unreadable") : null];
}
