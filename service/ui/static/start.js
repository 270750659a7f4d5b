// What is going on in the workspace? Its runs, the newest first, live by one stream.

import { ask, runPath, withQuery } from "./api.js";
import { choice, fill, h } from "./dom.js";
import { listing } from "./listing.js";
import { follow } from "./live.js";
import { may } from "./rights.js";
import { HEADS, runRow } from "./run_list.js";
import { RUN_EVENTS, STATUS, TERMINAL } from "./words.js";

const PAGE = 50;
// So many pages are read at once where one has nothing that is shown.
const MOST_PAGES = 5;
// A page that is open for weeks begins anew when it holds so many.
const MOST_RUNS = 2000;
const TICK_MILLISECONDS = 10_000;
const DELETED = "A deleted match";
// Whether the page is drawn anew because another state was chosen: one may be walking through them by keys.
let isChoosing = false;

export async function showStart(here, query) {
  const wanted = { config_id: query.get("config") ?? "", status: query.get("status") ?? "" };
  const runs = await readRuns(wanted);
  const known = await ask("GET", withQuery("/v1/matching/configs", { limit: 500 }));
  const names = await readNames(new Map(known.data.map((config) => [config.id, config.name])), runs.all());
  if (here.signal.aborted) return;

  const rows = new Map();
  const place = h("div");
  const said = h("p", { class: "notice", role: "alert", hidden: true });
  const table = listing("Runs", HEADS, []);
  const older = h("button", { onclick: () => showMore() }, "Show older runs");
  const tries = h("input", { type: "checkbox", onchange: () => draw() });
  const triesLabel = h("label", { class: "check" }, tries, " Dry runs too");
  const failed = (error) => {
    said.textContent = error.message;
    said.hidden = false;
  };
  const removed = (id) => {
    runs.forget(id);
    rows.delete(id);
    said.hidden = true;
    draw();
    here.view.querySelector("h1").focus();
  };

  fill(here.view,
    h("div", { class: "row spread" }, h("h1", { tabindex: "-1" }, "Runs"), h("a", { class: "button primary", href: "#/new", "data-needs": "write" }, "New match")),
    said, place);
  const filters = h("div", { class: "row narrowing" },
    choice([["", "All states"], ...Object.entries(STATUS)], wanted.status, (status) => {
      isChoosing = true;
      location.hash = withQuery("#/", { config: wanted.config_id, status });
    }, { "aria-label": "State", autofocus: isChoosing }),
    wanted.config_id ? h("span", { class: "tag" }, `only ${names.get(wanted.config_id) ?? DELETED} `, h("a", { href: "#/" }, "show all")) : null,
    triesLabel);
  const surface = h("div", { class: "panel flush" }, table.table);
  const shown = h("div", {}, filters, surface, h("p", { class: "row" }, older));
  isChoosing = false;
  const isFiltered = Boolean(wanted.status || wanted.config_id);
  const nothing = h("p", { class: "empty" }, isFiltered ? ["No run is like that. ", h("a", { href: "#/" }, "Show all runs")] : "Only dry runs so far.");
  const empty = welcome();
  fill(place, shown, nothing, empty);

  function draw() {
    const all = runs.all();
    triesLabel.hidden = !all.some((run) => run.dry_run);
    const listed = all.filter((run) => (tries.checked || !run.dry_run) && matches(run, wanted));
    for (const id of [...rows.keys()]) if (!runs.get(id)) rows.delete(id);
    const isNew = !all.length && !isFiltered && !runs.hasMore();
    for (const run of listed) {
      if (!rows.has(run.id)) rows.set(run.id, runRow(run, names.get(run.matching_config_id) ?? DELETED, { removed, failed }));
      else rows.get(run.id).update(run);
    }
    table.show(listed.map((run) => rows.get(run.id).row));
    older.hidden = !runs.hasMore();
    surface.hidden = !listed.length;
    nothing.hidden = listed.length > 0 || isNew;
    shown.hidden = isNew;
    empty.hidden = !isNew;
  }

  async function showMore() {
    older.disabled = true;
    try {
      const before = rows.size;
      await runs.more();
      await readNames(names, runs.all());
      draw();
      [...rows.values()][before]?.row.querySelector("a").focus();
    } catch (error) {
      failed(error);
    }
    older.disabled = false;
  }

  draw();
  live(here, runs, async (fresh) => {
    // What fails here is done with the next event.
    await Promise.all([runs.trim(), readNames(names, fresh)]).catch(() => null);
    for (const run of fresh) rows.get(run.id)?.rename(names.get(run.matching_config_id) ?? DELETED);
    draw();
  });
  const timer = setInterval(() => rows.forEach((row) => row.tick()), TICK_MILLISECONDS);
  here.onClose(() => clearInterval(timer));
}

const matches = (run, { status, config_id: config }) => (!status || run.status === status) && (!config || run.matching_config_id === config);

/** The runs that were read so far, and those that the stream told of. */
async function readRuns(wanted) {
  const runs = new Map();
  let cursor = null;
  let hasMore = true;
  let newestRead = ""; // ids rise with time
  const readPage = (from) => ask("GET", withQuery("/v1/matching/runs", { ...wanted, limit: PAGE, cursor: from }));
  const take = ({ data, pagination }) => {
    for (const run of data) runs.set(run.id, { ...run, ...runs.get(run.id) });
    cursor = pagination.next_cursor;
    hasMore = pagination.has_more;
    if (data.length && data[0].id > newestRead) newestRead = data[0].id;
  };
  const more = async () => {
    for (let page = 0; page < MOST_PAGES && hasMore; page += 1) {
      const read = await readPage(cursor);
      take(read);
      if (read.data.some((run) => !run.dry_run)) return;
    }
  };
  // Begin anew with the newest ones and those under way; the others are read again on demand.
  const renew = (newest) => {
    for (const run of [...runs.values()]) if (TERMINAL.has(run.status)) runs.delete(run.id);
    take(newest);
  };
  /** What the stream did not tell: runs that began and ended before it, or while it was away. */
  const catchUp = async (alive) => {
    const there = new Set(alive.map((run) => run.id));
    const lost = [...runs.values()].filter((run) => !TERMINAL.has(run.status) && !there.has(run.id));
    const newest = await readPage(null);
    const isGap = newest.pagination.has_more && newest.data.at(-1).id > newestRead;
    const fresh = newest.data.filter((run) => !runs.has(run.id));
    if (isGap) renew(newest);
    const read = new Set(newest.data.map((run) => run.id));
    const others = await Promise.all(lost.filter((run) => !read.has(run.id)).map((run) => ask("GET", runPath(run.id)).catch(() => run)));
    for (const run of [...newest.data, ...others]) if (isNewer(run, runs.get(run.id))) runs.set(run.id, run);
    return fresh;
  };
  await more();
  return {
    more,
    catchUp,
    trim: async () => {
      if (runs.size > MOST_RUNS) renew(await readPage(null));
    },
    hasMore: () => hasMore,
    get: (id) => runs.get(id),
    set: (run) => runs.set(run.id, { ...runs.get(run.id), ...run }),
    forget: (id) => runs.delete(id),
    all: () => [...runs.values()].sort((one, other) => (one.id < other.id ? 1 : -1)),
  };
}

/** Whether a run that was read is not older than what the stream told of it meanwhile. */
const isNewer = (run, known) => !known || run.last_event_id >= known.last_event_id;

/** Add the names of configs that are not among those read at first. */
async function readNames(names, runs) {
  const unknown = [...new Set(runs.map((run) => run.matching_config_id))].filter((id) => !names.has(id));
  await Promise.all(unknown.map(async (id) => {
    try {
      names.set(id, (await ask("GET", `/v1/matching/configs/${id}`)).name);
    } catch (error) {
      if (error.status !== 404) throw error;
      names.set(id, DELETED);
    }
  }));
  return names;
}

/** Follow the workspace; `changed` gets the runs nobody had heard of, at most once a frame. */
function live(here, runs, changed) {
  let fresh = new Map();
  let isWaiting = false;
  const flush = () => {
    isWaiting = false;
    const told = [...fresh.values()];
    fresh = new Map();
    if (!here.signal.aborted) changed(told).catch(here.fail);
  };
  const wake = () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(flush);
  };
  const stream = follow("/v1/events", ["workspace.snapshot", ...RUN_EVENTS], (type, data) => {
    const told = type === "workspace.snapshot" ? data.runs : [data.run ?? merged(runs.get(data.run_id), data.progress)];
    for (const run of told.filter(Boolean)) {
      if (!runs.get(run.id)) fresh.set(run.id, run);
      runs.set(run);
    }
    if (type === "workspace.snapshot") {
      runs.catchUp(data.runs).then((missed) => {
        for (const run of missed) fresh.set(run.id, run);
        wake();
      }, () => null); // the stream is what says that the service is away
    }
    wake();
  }, here.connection);
  here.onClose(() => stream.close());
}

function merged(run, progress) {
  if (!run || !progress) return null;
  const { status, rows_total, rows_processed, rows_matched, avg_confidence, last_event_id } = progress;
  return { ...run, status, rows_total, rows_processed, rows_matched, avg_confidence, last_event_id };
}

function welcome() {
  if (!may("write")) {
    return h("section", { class: "empty" }, h("h2", {}, "Nothing has run yet"),
      h("p", {}, "A run is shown here, live, as soon as someone starts one."));
  }
  const steps = [
    ["Upload a reference table", "Purchase orders, vendors, a customer list: what you match with. CSV or Excel."],
    ["Upload documents", "Invoices or payments, one a row. Which field compares to which column is suggested."],
    ["Run, and review", "Sure matches are found by themselves. You look at what is worth a look."],
  ];
  return h("section", { class: "empty" },
    h("h2", {}, "Nothing has run yet"),
    h("ol", { class: "columns way" }, steps.map(([title, text]) => h("li", {}, h("strong", {}, title), h("span", {}, text)))),
    h("p", {}, h("a", { class: "button primary", href: "#/new", "data-needs": "write" }, "Start")),
    h("p", { class: "dim" }, "You would rather use the API? The ", h("a", { href: "/first-steps" }, "first steps"), " are a few commands."));
}
