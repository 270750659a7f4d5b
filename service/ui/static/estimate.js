// What would asking the AI take? A dry run counts it, before anything is spent.

import { ask, runPath } from "./api.js";
import { fill, h } from "./dom.js";
import { installed } from "./installed.js";
import { discard, remember } from "./leftovers.js";
import { follow } from "./live.js";
import { countOpen } from "./verdicts.js";
import { RUN_EVENTS, TERMINAL, count, percent } from "./words.js";

/**
 * Ask whether the AI shall look at what is open in a run, with an estimate of what that takes. Resolves
 * to true or false; the dry run that counted is removed in either case.
 */
export function agreedToAsk(here, { run, config }) {
  return new Promise((resolve) => {
    const body = h("div");
    const lacking = h("div");
    const no = h("button", { value: "no" }, "Not now");
    const yes = h("button", { value: "yes", class: "primary" }, "Ask the AI");
    const dialog = h("dialog", { "aria-labelledby": "estimate", onclose: () => {
      work.close();
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    } },
    h("form", { method: "dialog" },
      h("h2", { id: "estimate" }, "Ask the AI about what is worth a look?"),
      h("p", {}, "It gets the compared fields of these documents and of their candidates, and chooses one of them or none. Reviewed results stay as they are."),
      lacking, body,
      h("p", { class: "row" }, yes, no)));
    const mayNot = () => {
      yes.remove();
      no.textContent = "Close";
    };
    document.body.append(dialog);
    dialog.showModal();
    const work = estimating({ run, config, nothing: mayNot }, body);
    installed().then(({ has_ai: hasAi }) => {
      if (hasAi) return;
      mayNot();
      fill(lacking, h("p", { class: "notice", role: "alert" }, h("strong", {}, "No key for the AI is set. "),
        "Who runs the service sets ANTHROPIC_API_KEY and starts it again. What it would take is counted all the same."));
    }, () => null); // then the service says so
    here.onClose(() => dialog.close());
  });
}

/**
 * Count with a dry run, and show it in `body` as it goes; `nothing` is called where there is nothing to
 * ask, `close` ends and removes the dry run.
 */
function estimating({ run: matched, config, nothing }, body) {
  let stream = null;
  let isClosed = false;
  let run = null;
  const bar = h("progress", { class: "wide", max: "1", value: "0", "aria-label": "Estimate" });
  const say = (text) => fill(body, h("p", { role: "status" }, text), bar);

  const begin = async () => {
    say("Estimating what it takes …");
    const open = Math.min(await countOpen(matched.id), Math.trunc((config.ai.max_share ?? 1) * matched.rows_total));
    if (isClosed) return;
    if (!open) {
      nothing();
      return fill(body, h("p", { role: "status" }, "Nothing is left that is worth a look: there is nothing to ask."));
    }
    run = await ask("POST", `/v1/matching/configs/${config.id}/run`, { dry_run: true, triggered_by: "manual" });
    remember(runPath(run.id));
    if (isClosed) return endAndDiscard(run);
    stream = follow(`${runPath(run.id)}/events`, ["run.snapshot", ...RUN_EVENTS], (_, data) => {
      run = { ...run, ...data.run, ...data.progress, id: run.id };
      if (run.rows_total) bar.value = (run.rows_processed ?? 0) / run.rows_total;
      if (!TERMINAL.has(run.status)) return;
      stream.close();
      fill(body, run.ai ? told(run.ai, open, matched.rows_total) : h("p", { class: "notice" }, run.error ?? "The estimate did not come to an end."));
    }, () => {});
  };
  begin().catch((error) => fill(body, h("p", { class: "notice", role: "alert" }, `There is no estimate: ${error.message}`)));
  return {
    close() {
      isClosed = true;
      stream?.close();
      if (run) endAndDiscard(run);
    },
  };
}

/** `open` of the run's documents are asked about: the dry run counts those that were reviewed, too. */
function told(ai, open, all) {
  const share = ai.to_resolve ? open / ai.to_resolve : 0;
  const figures = [
    ["Documents", `${count(open)}${all ? ` (${percent(open / all)} of all)` : ""}`],
    ["Requests", count(Math.ceil(ai.requests * share))],
    ["Tokens", `${count(Math.round(ai.input_tokens * share))} sent, ${count(Math.round(ai.output_tokens * share))} answered`],
    ["Cost", `about $${(ai.cost_usd * share).toFixed(4)}`],
  ];
  return h("div", { role: "status" },
    h("dl", { class: "estimate" }, figures.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("p", { class: "dim" }, "An estimate. What was answered before costs nothing."));
}

/** Remove a dry run that has told what it should; one that ends a moment later is removed later. */
async function endAndDiscard({ id, status }) {
  if (!TERMINAL.has(status)) await ask("POST", `${runPath(id)}/cancel`).catch(() => null); // it had ended
  await discard(runPath(id));
}
