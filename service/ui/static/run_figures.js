// What does the run page show of a run that is under way? Phases, progress and figures, changed in place.

import { fill, h } from "./dom.js";
import { parted } from "./verdicts.js";
import { percents } from "./weights.js";
import { TERMINAL, ago, confidence, count, duration, percent, plural } from "./words.js";

const PHASES = [["queued", "Waiting"], ["loading", "Loading"], ["matching", "Matching"], ["ai_resolving", "AI"], ["finishing", "Finishing"], ["done", "Done"]];
const STALE_MILLISECONDS = 15_000;
// A reader that speaks is told of every tenth, not of every event.
const TOLD_SHARES = 10;
const TENTHS = 1000; // of a percent
const VERDICTS = [["sure", "Matched"], ["unsure", "Worth a look"], ["low", "No match"]];

/** The panel of phases and progress; `update` with the run and the moment of its last word. */
export function progressPanel() {
  const phases = h("ol", { class: "phases", "aria-label": "Phases" });
  const sentence = h("span", {});
  const share = h("strong", { class: "number" });
  const bar = h("progress", { class: "wide", max: "1", "aria-label": "Progress of this phase" });
  const rates = h("span", { class: "rates" });
  const age = h("span", { class: "dim number" });
  const told = h("p", { class: "unseen", role: "status" });
  const element = h("section", { class: "panel", "aria-label": "Progress" }, phases,
    h("div", { class: "progressed" },
      h("p", { class: "row spread" }, sentence, share), bar, h("p", { class: "row spread" }, rates, age)), told);
  let drawn = "";

  function update(run, heard) {
    const ended = TERMINAL.has(run.status);
    if (drawn !== (drawn = [run.status, run.phase, Boolean(run.ai)].join())) fill(phases, steps(run));
    say(sentence, stands(run));
    const done = shareDone(run);
    say(share, done === null ? "" : percent(done));
    bar.hidden = done === null;
    if (done !== null) bar.value = done;
    say(rates, ended ? took(run) : [rate(run), remaining(run), elapsed(run)].filter(Boolean).join(" · "));
    const silence = Date.now() - heard;
    age.classList.toggle("stale", silence > STALE_MILLISECONDS && !ended);
    say(age, ended ? ago(run.completed_at) : `last word ${duration(silence / 1000)} ago`);
    say(told, ended ? stands(run) : `${phaseName(run)}${done === null ? "" : `, ${Math.floor(done * TOLD_SHARES) * (100 / TOLD_SHARES)} %`}`);
  }
  return { element, update };
}

/** Let an element have this text; one that is told again is not touched. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const phaseName = (run) => PHASES.find(([phase]) => phase === run.phase)?.[1] ?? run.phase;

function steps(run) {
  const known = PHASES.filter(([phase]) => (phase !== "ai_resolving" || run.ai || run.phase === phase) && (phase !== "finishing" || run.phase === phase));
  const isDone = run.status === "completed";
  const at = known.findIndex(([phase]) => phase === run.phase);
  return known.map(([phase, text], place) => {
    if (phase === "done" && (run.status === "failed" || run.status === "cancelled")) return h("li", { class: "stopped" }, run.status === "failed" ? "Failed" : "Cancelled");
    if (isDone || place < at) return h("li", { class: "past" }, text);
    return place === at ? h("li", { class: "now", "aria-current": "step" }, text) : h("li", {}, text);
  });
}

function shareDone(run) {
  if (run.status === "completed") return 1;
  if (run.phase === "ai_resolving") return run.ai?.to_resolve ? (run.ai.resolved + run.ai.unresolved) / run.ai.to_resolve : null;
  return run.rows_total ? (run.rows_processed ?? 0) / run.rows_total : null;
}

function stands(run) {
  const done = plural(run.rows_processed ?? 0, "document", "documents");
  if (run.status === "completed") return `${done} done.`;
  if (run.status === "failed") return `The run failed after ${done}.`;
  if (run.status === "cancelled") return `Cancelled after ${done}; what is done is kept.`;
  if (run.phase === "queued") return "Waiting for a worker.";
  if (run.phase === "loading") return "Reading the reference data.";
  if (run.phase === "ai_resolving") return run.ai?.to_resolve ? `The AI decided ${count(run.ai.resolved)} of ${plural(run.ai.to_resolve, "document", "documents")}.` : "Choosing what to ask the AI.";
  return run.rows_total === null ? "Under way." : `${count(run.rows_processed)} of ${plural(run.rows_total, "document", "documents")} compared with the reference data.`;
}

const rate = (run) => (run.phase === "matching" && run.rows_per_second ? `${count(Math.round(run.rows_per_second))} a second` : "");
const remaining = (run) => (run.estimated_seconds_remaining ? `about ${duration(Math.max(1, run.estimated_seconds_remaining))} left` : "");
const elapsed = (run) => (run.started_at ? `${duration((Date.now() - Date.parse(run.resumed_at ?? run.started_at)) / 1000)} so far` : "");

function took(run) {
  const { seconds_worked: seconds } = run;
  if (seconds === null || seconds === undefined) return "";
  return `took ${seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds)}`;
}

/** A list of figures by name, each [value, hint]; `update` changes what changed. */
export function figures(label) {
  const element = h("dl", { class: "figures", "aria-label": label });
  const shown = new Map();
  return {
    element,
    update(all) {
      for (const [name, { row }] of shown) if (!all.some(([each]) => each === name)) { row.remove(); shown.delete(name); }
      for (const [name, value, hint] of all) {
        if (!shown.has(name)) {
          const parts = { value: h("span"), hint: h("small") };
          const row = h("div", {}, h("dt", {}, name), h("dd", {}, parts.value, " ", parts.hint));
          shown.set(name, { ...parts, row });
          element.append(row);
        }
        const parts = shown.get(name);
        if (value instanceof Node) fill(parts.value, value);
        else say(parts.value, value);
        say(parts.hint, hint ?? "");
      }
    },
  };
}

/** How many documents, how many of them matched, how surely; the verdicts add up to what is done. */
export function runFigures(run, tally) {
  const { rows_total: all, rows_processed: done, rows_matched: matched } = run;
  const parts = done && tally ? parted(run, tally) : {};
  const shares = done && tally ? sharesOf(VERDICTS.map(([verdict]) => parts[verdict])) : [];
  return [
    ["Documents", all === null ? "–" : count(done), all === null ? "" : `of ${count(all)}`],
    ...VERDICTS.map(([verdict, name], place) => 
      [name, count(parts[verdict]), [shares[place], verdict === "unsure" ? left(tally) : ""].filter(Boolean).join(", ")]),
    ["Mean confidence", confidence(run.avg_confidence), matched ? "of the matches found" : ""],
  ];
}

/** How many of those worth a look nobody has reviewed, where somebody has begun. */
const left = (tally) => (tally && tally.left < tally.unsure ? `${count(tally.left)} not reviewed` : "");

/** Shares in percent that add up to 100 as they are shown; only nothing is none. */
export function sharesOf(values) {
  const parts = percents(values, TENTHS);
  for (const [place, value] of values.entries()) {
    if (!value || parts[place]) continue;
    parts[parts.indexOf(Math.max(...parts))] -= 1;
    parts[place] = 1;
  }
  return parts.map((part) => percent(part / TENTHS));
}

export const countReviewed = ({ approved, rejected }) => approved + rejected;

/** What people have made of an ended run. */
export function reviewFigures(run, tally) {
  if (tally?.approved === undefined || run.dry_run || !TERMINAL.has(run.status) || !run.rows_processed) return [];
  const reviewed = countReviewed(tally);
  return [["Reviewed", count(reviewed), reviewed ? `${count(tally.approved)} approved, ${count(tally.rejected)} rejected` : ""]];
}

const AI_STATES = { pending: "waiting", running: "under way", done: "done", partial: "not all", failed: "failed" };

/** What the AI pass decided and took. */
export function aiFigures(ai) {
  const cost = `$${(ai.cost_usd ?? 0).toFixed(4)}`;
  if (ai.estimated) {
    return [["AI would be asked about", count(ai.to_resolve), ai.to_resolve === 1 ? "document" : "documents"], ["in requests", count(ai.requests), ""], ["Tokens", count(ai.input_tokens + ai.output_tokens), ""], ["It would cost", cost, ""]];
  }
  const left = ai.to_resolve === null ? "" : `of ${count(ai.to_resolve)}`;
  return [
    ["AI decided", count(ai.resolved), [left, AI_STATES[ai.status] ?? ai.status].filter(Boolean).join(", ")],
    ["AI requests", count(ai.requests), ai.cached ? `${count(ai.cached)} known before` : ""],
    ["AI tokens", count(ai.input_tokens + ai.output_tokens), `${count(ai.input_tokens)} sent`],
    ["AI cost", cost, ai.unresolved ? `${count(ai.unresolved)} left to the rules` : ""],
  ];
}
