// What is going on in the workspace? All runs, the newest first, live by one stream.

import { ask, withQuery } from "./api.js";
import { fill, h } from "./dom.js";
import { follow } from "./live.js";
import { RUN_EVENTS, STATUS, TERMINAL, ago, count, percent, plural } from "./words.js";

const SHOWN = 50;
const HEADS = [["Match", ""], ["Status", ""], ["Documents", "number"], ["Matched", "number"], ["Confidence", "number"], ["Started", ""]];

export async function showStart(here) {
  const [page, configs] = await Promise.all([
    ask("GET", withQuery("/v1/matching/runs", { limit: SHOWN })),
    ask("GET", withQuery("/v1/matching/configs", { limit: 500 })),
  ]);
  if (here.signal.aborted) return;
  const names = new Map(configs.data.map((config) => [config.id, config.name]));
  const runs = new Map(page.data.map((run) => [run.id, run]));
  const list = h("tbody");
  const table = h("table", { class: "runs" },
    h("thead", {}, h("tr", {}, HEADS.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))),
    list);
  const place = h("div");
  fill(here.view, h("div", { class: "row spread" }, h("h1", {}, "Runs"), h("a", { class: "button primary", href: "#/new" }, "New match")), place);

  const draw = () => {
    if (!runs.size) return fill(place, welcome());
    fill(place, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs" }, table));
    const newest = [...runs.values()].sort((one, other) => (one.id < other.id ? 1 : -1)).slice(0, SHOWN);
    fill(list, newest.map((run) => row(run, names.get(run.matching_config_id) ?? "A deleted config")));
  };
  draw();

  const stream = follow("/v1/events", ["workspace.snapshot", ...RUN_EVENTS], (type, data) => {
    const told = type === "workspace.snapshot" ? data.runs : [data.run ?? merged(runs.get(data.run_id), data.progress)];
    for (const run of told) if (run) runs.set(run.id, { ...runs.get(run.id), ...run });
    draw();
  }, here.connection);
  here.onClose(() => stream.close());
}

function merged(run, progress) {
  if (!run || !progress) return run;
  const { status, rows_total, rows_processed, rows_matched, avg_confidence } = progress;
  return { ...run, status, rows_total, rows_processed, rows_matched, avg_confidence };
}

function row(run, name) {
  const done = TERMINAL.has(run.status);
  return h("tr", {},
    h("th", { scope: "row" }, h("a", { href: `#/runs/${run.id}` }, name), run.dry_run ? h("small", {}, " dry run") : null),
    h("td", {}, h("span", { class: `status ${run.status}` }, STATUS[run.status] ?? run.status)),
    h("td", { class: "number" }, done || !run.rows_total ? count(run.rows_processed)
      : h("progress", { max: run.rows_total, value: run.rows_processed ?? 0, "aria-label": `${count(run.rows_processed)} of ${plural(run.rows_total, "document", "documents")}` })),
    h("td", { class: "number" }, count(run.rows_matched)),
    h("td", { class: "number" }, percent(run.avg_confidence)),
    h("td", {}, ago(run.created_at)));
}

function welcome() {
  return h("section", { class: "empty" },
    h("h2", {}, "Nothing has run yet"),
    h("ol", {},
      h("li", {}, "Upload a reference table: purchase orders, vendors, a customer list."),
      h("li", {}, "Upload the documents to match with it, and say which field compares to which column."),
      h("li", {}, "Run, and review what is unsure.")),
    h("p", {}, h("a", { class: "button primary", href: "#/new" }, "Start")),
    h("p", {}, "You would rather use the API? The ", h("a", { href: "/first-steps" }, "first steps"), " are a few commands."));
}
