// How is one run going? What one can do with it, its progress, and how its confidences spread.

import { ask, configOf, runPath, withQuery } from "./api.js";
import { confirmed, fill, h, refill } from "./dom.js";
import { agreedToAsk } from "./estimate.js";
import { bounds, countTies, counts, histogram, legend, redraw } from "./histogram.js";
import { follow } from "./live.js";
import { reviewing } from "./rights.js";
import { aiFigures, countReviewed, figures, progressPanel, reviewFigures, runFigures } from "./run_figures.js";
import { tally } from "./verdicts.js";
import { warningList } from "./warnings.js";
import { RUN_EVENTS, STATUS, TERMINAL, count } from "./words.js";

const HISTOGRAM_MILLISECONDS = 2000;
const TICK_MILLISECONDS = 1000;
const COPIED_MILLISECONDS = 2000;
const TRIGGERS = { manual: "by hand", api: "by the API", schedule: "by a schedule", smart: "with the AI" };
export const DEFAULT_LIMITS = { threshold: 0.85, review_threshold: 0.5 };

/** Say so where the levels that are shown are not those that the run went by. */
export const changedSince = (run, config) => (config && run.config_version && config.version !== run.config_version
  ? h("p", { class: "dim" }, "The match was changed after this run: lines and colours are those of its levels of today.") : null);

export async function showRun(here, id) {
  const [run, progress] = await Promise.all([ask("GET", runPath(id)), ask("GET", `${runPath(id)}/progress`)]);
  const config = await configOf(run);
  if (here.signal.aborted) return;
  here.again = () => {}; // streams go on by themselves, and keep what was chosen and typed
  const state = { run: { ...run, ...progress, id }, config, heard: lastWord(progress), tally: null };
  const parts = { head: h("div"), error: h("p", { class: "notice bad", role: "alert", hidden: true }), progress: progressPanel(), figures: figures("Figures"), reviewed: h("div"), ai: figures("The AI"), said: h("div"), spread: h("section", { class: "panel", hidden: true }), warnings: h("div") };
  fill(here.view, parts.head, parts.error, parts.progress.element, parts.figures.element, parts.reviewed, parts.ai.element, parts.said, parts.warnings, parts.spread);

  const draw = () => drawRun(parts, state, actions);
  const spread = throttled(here, async () => {
    const limits = config ?? DEFAULT_LIMITS;
    const [values, counted] = await Promise.all([counts(id), tally(state.run, limits)]);
    const ties = counted.ties ? await countTies(id, limits) : [];
    if (here.signal.aborted) return;
    state.tally = counted;
    drawSpread(parts.spread, state, values, ties);
    draw();
  }, HISTOGRAM_MILLISECONDS);
  const stream = listening(here, state, () => {
    draw();
    spread();
  });
  const actions = actionsOn(here, state, parts, stream);
  draw();
  spread();
  stream.open();
  const clock = setInterval(draw, TICK_MILLISECONDS);
  here.onClose(() => clearInterval(clock));
}

/** Follow the run to its end; `open` again when it goes on after that. */
function listening(here, state, changed) {
  let stream = null;
  here.onClose(() => stream?.close());
  return {
    open() {
      if (here.signal.aborted) return;
      stream?.close();
      stream = follow(`${runPath(state.run.id)}/events`, ["run.snapshot", ...RUN_EVENTS], (type, data) => {
        state.heard = type === "run.snapshot" ? lastWord(data.progress) : Date.now();
        Object.assign(state.run, data.run ?? {}, data.progress ?? {}, { id: state.run.id });
        if (TERMINAL.has(state.run.status)) {
          state.run.phase = "done";
          stream.close(); // all is told; the browser would ask again and again
        }
        changed();
      }, here.connection);
    },
  };
}

function actionsOn(here, state, parts, stream) {
  const { id, matching_config_id: configId } = state.run;
  let isBusy = false;
  const act = (work) => async () => {
    if (isBusy) return; // a second click means the same
    isBusy = true;
    parts.error.hidden = true;
    try {
      await work();
    } catch (error) {
      parts.error.textContent = error.message;
      parts.error.hidden = false;
    }
    isBusy = false;
  };
  return {
    cancel: act(async () => {
      if (await confirmed("Cancel this run? What is done is kept.", "Cancel the run")) await ask("POST", `${runPath(id)}/cancel`);
    }),
    again: act(async () => {
      const next = await ask("POST", `/v1/matching/configs/${configId}/run`, { triggered_by: "manual" });
      here.go(`#/runs/${next.id}`);
    }),
    resolve: act(async () => {
      if (!(await agreedToAsk(here, state))) return;
      await ask("POST", `${runPath(id)}/ai-resolve`);
      stream.open();
    }),
    remove: act(async () => {
      if (!(await confirmed("Delete this run with its results and reviews? This cannot be undone.", "Delete"))) return;
      await ask("DELETE", runPath(id));
      here.go("#/");
    }),
  };
}

/** When the run was last heard of; not later than now, whatever the clocks say. */
const lastWord = ({ updated_at: moment }) => Math.min(Date.now(), Date.parse(moment));

function drawRun(parts, state, actions) {
  const { run, heard } = state;
  const key = JSON.stringify([run.status, run.phase, run.version, Boolean(run.ai), Boolean(run.rows_processed)]);
  if (parts.head.dataset.key !== key) {
    parts.head.dataset.key = key;
    refill(parts.head, heading(state, actions));
  }
  parts.progress.update(run, heard);
  parts.figures.update([...runFigures(run, state.tally), ...reviewFigures(run, state.tally)]);
  once(parts.reviewed, Boolean(reviewFigures(run, state.tally).length && countReviewed(state.tally)), (isSaid) => isSaid
    && h("p", { class: "dim" }, "Matched, worth a look and no match are what the run found. Reviews do not change these figures; the results and their export have what was decided."));
  parts.ai.update(run.ai ? aiFigures(run.ai) : []);
  once(parts.said, run.ai?.error, (error) => error && h("p", { class: "notice" }, h("strong", {}, "The AI: "), error));
  once(parts.warnings, run.warnings ?? [], warningList);
}

/** Draw only what changed: what a reader has chosen or opened stays. */
function once(place, value, draw) {
  const key = JSON.stringify(value ?? null);
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  fill(place, draw(value) || null);
}

function heading({ run, config }, actions) {
  const ended = TERMINAL.has(run.status);
  const isReviewable = ended && !run.dry_run && run.rows_processed;
  return [
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Runs")),
    h("div", { class: "title" }, h("h1", {}, config?.name ?? "A deleted match"), h("span", { class: `status ${run.status}` }, STATUS[run.status] ?? run.status)),
    h("p", { class: "ident" }, `${run.dry_run ? "Dry run" : "Run"} `, h("code", {}, run.id), copy("Copy id", () => run.id), copy("Copy link", () => location.href),
      h("span", {}, `started ${new Date(run.created_at).toLocaleString()} ${TRIGGERS[run.triggered_by] ?? ""}`)),
    run.error ? h("div", { class: "notice bad", role: "alert" }, h("p", {}, h("strong", {}, run.error)),
      h("p", {}, run.rows_processed ? `${count(run.rows_processed)} results from before are kept. ` : "", h("span", { "data-needs": "write" }, config ? "Once that is mended, run it again." : "Its match was deleted: make a new one."))) : null,
    run.dry_run ? h("p", { class: "notice" }, "A dry run: it counts and asks nobody, and there is nothing to review.") : null,
    h("p", { class: "row" },
      isReviewable ? h("a", { class: "button primary", href: `#/runs/${run.id}/review` }, reviewing()) : null,
      run.status === "ai_resolving" ? h("button", { disabled: true, "data-needs": "write" }, "Review") : null,
      run.rows_processed ? h("a", { class: "button", href: `#/runs/${run.id}/results` }, "Results") : null,
      ended ? null : h("button", { class: "danger", "data-needs": "write", onclick: actions.cancel }, "Cancel"),
      run.status === "completed" && !run.dry_run && config && run.rows_processed ? h("button", { "data-needs": "write", onclick: actions.resolve }, "Ask the AI …") : null,
      ended && config ? h("button", { class: isReviewable ? "" : "primary", "data-needs": "write", onclick: actions.again }, "Run again") : null,
      ended ? h("button", { class: "quiet", "data-needs": "write", onclick: actions.remove }, "Delete") : null),
    run.status === "ai_resolving" ? h("p", { class: "dim", "data-needs": "write" }, "Reviews can go on when the AI has answered.") : null,
  ];
}

/** A button that puts a text where it can be pasted from; only where the browser lets a page do so. */
function copy(label, text) {
  if (!navigator.clipboard) return null;
  const button = h("button", { class: "quiet small", onclick: async () => {
    button.textContent = await navigator.clipboard.writeText(text()).then(() => "Copied", () => "The browser does not let it");
    setTimeout(() => { button.textContent = label; }, COPIED_MILLISECONDS);
  } }, label);
  return button;
}

function drawSpread(section, { run, config }, values, ties) {
  section.hidden = !values.some(Boolean);
  const drawn = section.querySelector("figure");
  if (drawn) return redraw(drawn, values, ties);
  const href = (bin) => withQuery(`#/runs/${run.id}/results`, bounds(bin));
  fill(section, h("h2", {}, "How sure the answers are"), histogram(values, config ?? DEFAULT_LIMITS, { href, ties }),
    h("div", { class: "row spread" }, legend(), h("small", {}, "Confidence of each document's best candidate. A bar leads to its results.")),
    changedSince(run, config));
}

/**
 * Let work be done at once, and after that with pauses as long as it took; the last call counts. What
 * fails is done again: an ended run has no more events that would ask for it.
 */
function throttled(here, work, milliseconds) {
  let next = 0;
  let waiting = false;
  const begin = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(async () => {
      waiting = false;
      if (here.signal.aborted) return;
      const began = Date.now();
      next = began + milliseconds;
      try {
        await work();
      } catch (error) {
        if (!error.isPassing) return here.fail(error);
        begin();
      }
      next = Math.max(next, Date.now() + 2 * (Date.now() - began));
    }, Math.max(0, next - Date.now()));
  };
  return begin;
}
