// How is a match set up, once both sides are there? Mappings beside a sample that follows them, then the run.

import { ask } from "./api.js";
import { choice, field, fill, h } from "./dom.js";
import { forgetDraft, keepDraft, keptDraft } from "./draft.js";
import { samplePanel } from "./level.js";
import { mappingCards } from "./mapping.js";
import { MISSING } from "./options.js";
import { previewer } from "./preview.js";
import { proposeFor } from "./suggest.js";
import { ago, plural, shortened } from "./words.js";

const TRIED = 100;
const LONGEST_NAME = 200;

/** Draw the last step for a complete `state`; `close` ends its preview. */
export function setUp(here, section, state) {
  Object.assign(state, keptDraft(state));
  state.mappings ??= proposeFor(state.fields, state.columns, state.ids);
  const documentIds = state.documentIds.slice(0, TRIED);
  const panel = samplePanel(state, { explained: (results) => cards.explain(results), moved: () => keepDraft(state) });
  const sample = previewer(here, { reference: state.reference, collection: state.collection, documentIds }, panel.tell);
  const buttons = runButtons(here, state);
  const changed = () => {
    keepDraft(state);
    buttons.allow(state.mappings.length > 0);
    if (state.mappings.length) sample.update({ field_mappings: state.mappings, missing: state.missing });
    else panel.tell({ results: [] });
  };
  const cards = mappingCards(state, changed);
  const missing = choice(MISSING, state.missing, (value) => {
    state.missing = value;
    changed();
  });

  section.classList.remove("later");
  fill(section, h("h2", {}, "Compare, and run"),
    h("p", { class: "dim" }, "A document's confidence is the sum of what its fields score, each by its weight."),
    h("div", { class: "setup" },
      h("div", {}, cards.element, h("details", { open: state.missing !== "lenient" }, h("summary", {}, "Where a value is missing"), field("A value that is missing", missing))),
      h("aside", { class: "sample", "aria-label": "Sample" },
        h("h3", {}, `A sample of ${plural(documentIds.length, "document", "documents")}`), panel.element, buttons.element)),
    panel.why);
  changed();
  here.again = changed;
  return { close: sample.close };
}

function runButtons(here, state) {
  const name = h("input", { value: state.name || proposedName(state), maxlength: String(LONGEST_NAME), oninput: () => {
    state.name = name.value;
    keepDraft(state);
  } });
  const said = h("div", { role: "alert" });
  const working = (work) => async function begin() {
    fill(said);
    allow(false);
    try {
      const config = await save(state, name.value.trim() || proposedName(state));
      forgetDraft();
      await work(config);
    } catch (error) {
      if (error.status === 412) await sayChanged(here, said, state, begin).catch(refused);
      else refused(error);
    }
    allow(true);
  };
  const refused = (error) => fill(said, h("p", { class: "stale" }, error.message));
  const run = h("button", { class: "primary", onclick: working(async (config) => {
    const started = await ask("POST", `/v1/matching/configs/${config.id}/run`, { triggered_by: "manual" });
    here.go(`#/runs/${started.id}`);
  }) }, "Run");
  const keep = h("button", { class: "quiet", onclick: working(() => here.go("#/data")) }, "Save without a run");
  const allow = (may) => { run.disabled = keep.disabled = !may; };
  return {
    allow,
    element: h("div", { class: "run" }, field("Name of the match", name),
      h("p", { class: "row" }, run, keep),
      h("p", { class: "dim" }, `Runs over all ${plural(state.documentCount, "document", "documents")}.`), said),
  };
}

const proposedName = ({ collection, reference }) => `${shortened(collection)} to ${shortened(reference.name)}`;

/** Somebody has saved the match that is edited meanwhile: a person says whose is to stay. */
async function sayChanged(here, said, state, saveAgain) {
  const theirs = await ask("GET", `/v1/matching/configs/${state.config.id}`);
  fill(said, h("div", { class: "notice bad" },
    h("p", {}, h("strong", {}, "Nothing was saved."), ` Somebody else has changed “${shortened(theirs.name)}” since you opened it, ${ago(theirs.updated_at)}.`),
    h("p", { class: "row" },
      h("button", { onclick: () => {
        forgetDraft();
        here.reopen();
      } }, "Drop mine, open theirs"),
      h("button", { class: "danger", onclick: () => {
        state.config = theirs;
        saveAgain();
      } }, "Save mine over theirs"))));
}

/** Make the match, or change the one that is edited, as long as nobody else has. */
async function save(state, name) {
  const body = { name, field_mappings: state.mappings, missing: state.missing, threshold: state.threshold, review_threshold: Math.min(state.review, state.threshold) };
  const target = { target_type: "collection", target_value: { collection: state.collection } };
  const isFixed = state.config && state.config.target_type !== "collection";
  state.config = state.config
    ? await ask("PUT", `/v1/matching/configs/${state.config.id}`, isFixed ? body : { ...body, ...target }, { "If-Match": `"${state.config.version}"` })
    : await ask("POST", "/v1/matching/configs", { ...body, ...target, reference_data_id: state.reference.id });
  return state.config;
}
