// How is one run going? Phases, progress, counters, the spread of confidence; and what one can do.

import { ask, runPath } from "./api.js";
import { confirmed, fill, h } from "./dom.js";
import { counts, histogram } from "./histogram.js";
import { follow } from "./live.js";
import { RUN_EVENTS, STATUS, TERMINAL, ago, count, duration, percent, plural } from "./words.js";

const PHASES = [["queued", "Waiting"], ["loading", "Loading"], ["matching", "Matching"], ["ai_resolving", "AI"], ["done", "Done"]];
const HISTOGRAM_MILLISECONDS = 3000;
const AGE_MILLISECONDS = 1000;
const STALE_MILLISECONDS = 15000;

export async function showRun(here, id) {
  const [run, progress] = await Promise.all([ask("GET", runPath(id)), ask("GET", `${runPath(id)}/progress`)]);
  const config = await ask("GET", `/v1/matching/configs/${run.matching_config_id}`).catch(() => null);
  if (here.signal.aborted) return;
  const state = { run: { ...run, ...progress, id }, config, heard: Date.now(), spread: null };
  const parts = { head: h("div"), body: h("div"), warnings: h("div"), spread: h("section"), error: h("p", { role: "alert" }) };
  fill(here.view, parts.head, parts.error, parts.body, parts.warnings, parts.spread);

  const draw = () => drawRun(parts, state, actions);
  const spread = throttled(async () => {
    state.spread = await counts(id);
    if (!here.signal.aborted) drawSpread(parts.spread, state);
  }, HISTOGRAM_MILLISECONDS);
  const act = (work) => async () => {
    parts.error.textContent = "";
    try {
      await work();
    } catch (error) {
      parts.error.textContent = error.message;
    }
  };
  const actions = {
    cancel: act(async () => {
      if (await confirmed("Cancel this run? What is done is kept.", "Cancel the run")) await ask("POST", `${runPath(id)}/cancel`);
    }),
    again: act(async () => {
      const next = await ask("POST", `/v1/matching/configs/${run.matching_config_id}/run`, {});
      location.hash = `#/runs/${next.id}`;
    }),
    resolve: act(async () => {
      await ask("POST", `${runPath(id)}/ai-resolve`);
      listen();
    }),
    remove: act(async () => {
      if (!(await confirmed("Delete this run with its results and reviews? This cannot be undone.", "Delete"))) return;
      await ask("DELETE", runPath(id));
      location.hash = "#/";
    }),
  };

  let stream = null;
  const listen = () => {
    stream?.close();
    stream = follow(`${runPath(id)}/events`, ["run.snapshot", ...RUN_EVENTS], (type, data) => {
      state.heard = Date.now();
      Object.assign(state.run, data.run ?? {}, data.progress ?? {}, { id });
      if (TERMINAL.has(state.run.status)) {
        state.run.phase = "done";
        stream.close(); // all is told; the browser would ask again and again
      }
      draw();
      spread();
    }, (word) => {
      if (word === "live") state.heard = Date.now();
      here.connection(word);
    });
  };
  draw();
  spread();
  listen();
  const clock = setInterval(draw, AGE_MILLISECONDS);
  here.onClose(() => {
    stream.close();
    clearInterval(clock);
  });
}

function drawRun({ head, body, warnings: told }, { run, config, heard }, actions) {
  const ended = TERMINAL.has(run.status);
  const key = JSON.stringify([run.status, run.phase, run.version, Boolean(run.ai)]);
  if (head.dataset.key !== key) {
    head.dataset.key = key;
    fill(head,
      h("p", { class: "dim" }, h("a", { href: "#/" }, "Runs"), " / ", run.id),
      h("div", { class: "row spread" },
        h("h1", {}, config?.name ?? "A deleted config"),
        h("span", { class: `status ${run.status}` }, STATUS[run.status])),
      run.error ? h("p", { class: "notice", role: "alert" }, run.error) : null,
      h("p", { class: "row" },
        ended && !run.dry_run && run.rows_processed ? h("a", { class: "button primary", href: `#/runs/${run.id}/review` }, "Review") : null,
        run.rows_processed ? h("a", { class: "button", href: `#/runs/${run.id}/results` }, "Results") : null,
        ended ? null : h("button", { onclick: actions.cancel }, "Cancel"),
        run.status === "completed" && !run.dry_run ? h("button", { onclick: actions.resolve }, "Ask the AI about the unsure") : null,
        ended && config ? h("button", { onclick: actions.again }, "Run again") : null,
        ended ? h("button", { class: "quiet", onclick: actions.remove }, "Delete") : null));
  }
  const age = Date.now() - heard;
  fill(body,
    timeline(run),
    h("p", { class: "row spread" },
      h("span", { role: "status" }, sentence(run)),
      h("span", { class: age > STALE_MILLISECONDS && !ended ? "stale" : "dim" }, ended ? `Ended ${ago(run.completed_at)}` : `Last word ${duration(age / 1000)} ago`)),
    bar(run),
    h("dl", { class: "figures" },
      figure("Documents", run.rows_total === null ? "–" : `${count(run.rows_processed)} of ${count(run.rows_total)}`),
      figure("Matched", run.rows_processed ? `${count(run.rows_matched)} (${percent(run.rows_matched / run.rows_processed)})` : "–"),
      figure("Mean confidence", percent(run.avg_confidence)),
      ended ? figure("Took", run.started_at && run.completed_at ? duration((Date.parse(run.completed_at) - Date.parse(run.started_at)) / 1000) : "–")
        : figure("Documents per second", run.rows_per_second ? count(Math.round(run.rows_per_second)) : "–"),
      ...aiFigures(run.ai)));
  const list = run.warnings ?? [];
  // Only when they change: what a reader has opened stays open.
  if (told.dataset.list !== JSON.stringify(list)) {
    told.dataset.list = JSON.stringify(list);
    fill(told, warnings(list));
  }
}

function timeline(run) {
  const phases = PHASES.filter(([phase]) => phase !== "ai_resolving" || run.ai || run.phase === phase);
  const at = phases.findIndex(([phase]) => phase === run.phase);
  return h("ol", { class: "phases", "aria-label": "Phases" }, phases.map(([, text], place) =>
    h("li", { class: place < at || run.phase === "done" ? "past" : place === at ? "now" : "", ...(place === at ? { "aria-current": "step" } : {}) }, text)));
}

function bar(run) {
  const isAsking = run.phase === "ai_resolving" && run.ai?.to_resolve;
  const [done, all, what] = isAsking ? [run.ai.resolved, run.ai.to_resolve, "Documents decided by the AI so far"] : [run.rows_processed ?? 0, run.rows_total, "Documents matched so far"];
  return all ? h("progress", { class: "wide", max: all, value: done, "aria-label": what }) : null;
}

function sentence(run) {
  if (run.status === "completed") return `${plural(run.rows_processed, "document", "documents")} done.`;
  if (run.status === "failed") return "The run failed; what was done before is kept.";
  if (run.status === "cancelled") return `Cancelled after ${plural(run.rows_processed ?? 0, "document", "documents")}.`;
  if (run.estimated_seconds_remaining) return `About ${duration(run.estimated_seconds_remaining)} left.`;
  return run.phase === "queued" ? "Waiting for a worker." : "Under way.";
}

const figure = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

function aiFigures(ai) {
  if (!ai) return [];
  return [
    figure("AI", ai.to_resolve === null ? ai.status : `${ai.status}: ${count(ai.resolved)} of ${count(ai.to_resolve)}`),
    figure("AI requests", count(ai.requests)),
    figure("AI cost", ai.cost_usd === null || ai.cost_usd === undefined ? "–" : `$${ai.cost_usd.toFixed(4)}`),
    ...(ai.error ? [figure("AI says", ai.error)] : []),
  ];
}

function warnings(list) {
  if (!list.length) return null;
  return h("details", { class: "warnings" }, h("summary", {}, plural(list.length, "warning", "warnings")),
    h("ul", {}, list.map((each) => h("li", {}, h("code", {}, each.code), ` (${count(each.count)}): ${each.sample}`))));
}

function drawSpread(section, { spread, run, config }) {
  if (!spread.some(Boolean)) return fill(section);
  fill(section, h("h2", {}, "Confidence"),
    histogram(spread, config ?? { threshold: 0.85, review_threshold: 0.5 }),
    h("p", { class: "legend dim" }, h("span", { class: "sure" }, "matched"), h("span", { class: "unsure" }, "worth a look"), h("span", { class: "low" }, "no match")),
    run.dry_run ? h("p", { class: "dim" }, "A dry run: nothing to review.") : null);
}

/** Let work be done at once, and after that once per interval at most; the last call counts. */
function throttled(work, milliseconds) {
  let next = 0;
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    setTimeout(async () => {
      waiting = false;
      next = Date.now() + milliseconds;
      try {
        await work();
      } catch {
        // the stream says when the service is away; the next event asks again
      }
    }, Math.max(0, next - Date.now()));
  };
}
