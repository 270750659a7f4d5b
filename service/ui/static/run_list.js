// How does a run stand in the list? A row that is changed in place, so that nothing jumps or loses focus.

import { ask, runPath } from "./api.js";
import { confirmed, fill, h } from "./dom.js";
import { clipped, line } from "./listing.js";
import { reviewing } from "./rights.js";
import { STATUS, TERMINAL, ago, confidence, count, percent, plural, shortened } from "./words.js";

export const HEADS = [["Match", ""], ["Status", ""], ["Documents", "number"], ["Match found", "number"], ["Mean confidence", "number"], ["Started", ""], ["Actions", "actions"]];

/** Make a row; `update(run)` changes what is different, `tick()` what time changes. */
export function runRow(run, name, { removed, failed }) {
  const cells = Object.fromEntries(["status", "documents", "matched", "confidence", "actions"].map((each) => [each, h("div")]));
  const started = h("time", { datetime: run.created_at, title: new Date(run.created_at).toLocaleString() });
  const link = clipped(name, "a", { href: `#/runs/${run.id}` });
  const row = line(HEADS, [
    [link, run.dry_run ? h("small", { class: "tag" }, "dry run") : null],
    cells.status, cells.documents, cells.matched, cells.confidence, started, cells.actions,
  ]);
  let isTerminal = null;
  let drawn = null;

  function update(now) {
    if (now === drawn) return; // most events are about another run
    drawn = now;
    fill(cells.status, h("span", { class: `status ${now.status}` }, STATUS[now.status] ?? now.status));
    fill(cells.documents, progress(now));
    fill(cells.matched, count(now.rows_matched), share(now));
    fill(cells.confidence, confidence(now.avg_confidence));
    if (isTerminal === TERMINAL.has(now.status)) return;
    isTerminal = TERMINAL.has(now.status);
    fill(cells.actions, actions(now));
  }

  function actions(now) {
    if (!isTerminal) return h("a", { class: "button", href: `#/runs/${run.id}`, "aria-label": `Watch ${name}` }, "Watch");
    const canReview = now.status === "completed" && !run.dry_run && now.rows_processed > 0;
    return [
      canReview ? h("a", { class: "button", href: `#/runs/${run.id}/review`, "aria-label": `${reviewing()} ${name}` }, reviewing()) : null,
      h("button", { class: "quiet", "data-needs": "write", "aria-label": `Delete the run of ${name}, ${ago(run.created_at)}`, onclick: () => remove(now) }, "Delete"),
    ];
  }

  async function remove(now) {
    const what = `Delete this run of “${shortened(name)}” with its ${plural(now.rows_processed ?? 0, "result", "results")}? What was reviewed in it goes too. Documents and tables stay.`;
    if (!(await confirmed(what, "Delete the run"))) return;
    try {
      await ask("DELETE", runPath(run.id));
    } catch (error) {
      if (error.status !== 404) return failed(error); // else it was deleted elsewhere
    }
    removed(run.id);
  }

  const tick = () => { started.textContent = ago(run.created_at); };
  update(run);
  tick();
  return { row, update, tick, rename: (text) => { link.textContent = text; } };
}

function progress(run) {
  if (TERMINAL.has(run.status) || !run.rows_total) return count(run.rows_processed);
  const done = `${count(run.rows_processed ?? 0)} of ${count(run.rows_total)}`;
  return [h("progress", { max: run.rows_total, value: run.rows_processed ?? 0, "aria-label": `Documents done: ${done}` }), h("small", { class: "below" }, done)];
}

function share(run) {
  return run.rows_processed ? h("small", { class: "below" }, percent(run.rows_matched / run.rows_processed)) : null;
}
