// How does a match begin? Two tables, then which field compares to which column, then a sample, a run.

import { ask, withQuery } from "./api.js";
import { fill, h } from "./dom.js";
import { sweep } from "./leftovers.js";
import { may } from "./rights.js";
import { COLLECTION_STEP, TABLE_STEP, sourceStep } from "./source_step.js";
import { setUp } from "./set_up.js";
import { sampleCollection, sampleTable } from "./samples.js";

const FRESH = { mappings: null, threshold: 0.85, review: 0.5, missing: "lenient", name: "" };

/** `query` may name what is chosen already: `config` to edit one, or `reference` and `collection`. */
export async function showNew(here, query) {
  if (!may("write")) return fill(here.view, h("h1", {}, "New match"), notAllowed());
  sweep().catch(reportError); // the page does without
  const edited = query.get("config") ? await ask("GET", `/v1/matching/configs/${query.get("config")}`) : null;
  const state = edited ? stateOf(edited) : { ...FRESH, config: null, reference: null, collection: null, ids: {} };
  const places = Object.fromEntries(["table", "documents", "match"].map((each) => [each, h("section", { class: "step panel", "data-needs": "write" })]));

  const chooseTable = async (table, file) => {
    const sample = await sampleTable(table);
    Object.assign(state, { reference: table, columns: sample, ids: { ...state.ids, table: file?.id } });
    await next();
  };
  const chooseCollection = async (collection, file) => {
    const sample = await sampleCollection(collection, file?.order);
    Object.assign(state, { collection, ...sample, ids: { ...state.ids, document: file?.id } });
    await next();
  };
  const steps = {
    table: sourceStep(here, places.table, TABLE_STEP, chooseTable, () => forget("reference")),
    documents: sourceStep(here, places.documents, COLLECTION_STEP, chooseCollection, () => forget("collection")),
  };
  let setting = null;

  async function forget(what) {
    state[what] = null;
    if (!edited) state.mappings = null;
    await next().catch(here.fail);
  }

  /** Show what is chosen, and ask for what is not, one after the other. */
  async function next() {
    if (here.signal.aborted) return;
    setting?.close();
    setting = null;
    here.again = () => {}; // a file that is chosen or under way stays
    remember(state);
    if (state.reference) steps.table.chosen(state.reference.name, state.reference.row_count, state.columns, edited === null);
    else await steps.table.choose();
    if (state.collection) steps.documents.chosen(state.collection, state.documentCount, state.fields, !edited || edited.target_type === "collection");
    else if (state.reference) await steps.documents.choose();
    else steps.documents.wait();
    if (state.reference && state.collection) setting = setUp(here, places.match, state);
    else wait(places.match);
    focusNext(places, state);
  }

  fill(here.view, h("h1", {}, edited ? "Edit match" : "New match"), places.table, places.documents, places.match);
  const [table, collection] = [edited?.reference_data_id ?? query.get("reference"), edited ? state.collection : query.get("collection")];
  state.collection = null;
  if (table) Object.assign(state, await found(chosenTable(table)));
  if (collection) Object.assign(state, await found(chosenCollection(collection)));
  if (here.signal.aborted) return;
  await next();
}

/** For who comes by a link or a bookmark. */
const notAllowed = () => h("section", { class: "empty" },
  h("h2", {}, "Your key may only read"),
  h("p", {}, "To upload tables and run a match, sign in with a key that may write."),
  h("p", { class: "row" }, h("a", { class: "button", href: "#/" }, "Runs"), h("a", { class: "button", href: "#/data" }, "Data")));

/** What an address names may be gone: then it is asked for again. */
async function found(work) {
  try {
    return await work;
  } catch (error) {
    if (error.status !== 404) throw error;
    return {};
  }
}

async function chosenTable(id) {
  const reference = await ask("GET", `/v1/reference-data/${id}`);
  return { reference, columns: await sampleTable(reference) };
}

async function chosenCollection(name) {
  const sample = await sampleCollection(name);
  return sample.documentCount ? { collection: name, ...sample } : {};
}

function stateOf(config) {
  return {
    config,
    reference: null,
    collection: config.target_value.collection ?? "default",
    ids: {},
    mappings: config.field_mappings,
    threshold: config.threshold,
    review: config.review_threshold,
    margin: config.ai.min_margin,
    missing: config.missing,
    name: config.name,
  };
}

/** Let the address say what is chosen, so that a reload comes back to it. */
function remember({ config, reference, collection }) {
  const place = config ? { config: config.id } : { reference: reference?.id, collection };
  history.replaceState(null, "", withQuery("#/new", place));
}

function wait(section) {
  section.classList.add("later");
  fill(section, h("h2", {}, "Compare, and run"), h("p", { class: "dim" }, "Which field compares to which column is suggested here."));
}

/** Go on where something is to be done, unless this is where one just came in. */
function focusNext(places, { reference, collection }) {
  if (!reference && !collection) return;
  const place = !reference ? places.table : !collection ? places.documents : places.match;
  const heading = place.querySelector("h2");
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  heading.scrollIntoView({ block: "start" });
}
