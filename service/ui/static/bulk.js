// How are many results approved at once? From a confidence up, and counted before.

import { ask, runPath } from "./api.js";
import { fill, h } from "./dom.js";
import { count, inPercent, ofPercent, plural } from "./words.js";

const SETTLE_MILLISECONDS = 250;
const MOST_ITEMS = 500; // that the service takes at once

/**
 * Ask from which confidence up matched results that wait shall be approved, and do it. Resolves to
 * those that were, each with its version, once the dialog is closed.
 */
export function approveMany(runId, from) {
  return new Promise((resolve) => {
    const line = h("input", { type: "number", min: "0", max: "100", step: "any", value: String(inPercent(from)), required: true, oninput: () => recount() });
    const told = h("p", { role: "status" });
    const bar = h("progress", { class: "wide", hidden: true, max: "1", "aria-label": "Approved so far" });
    const go = h("button", { class: "primary", disabled: true }, "Approve");
    const close = h("button", { type: "button", onclick: () => dialog.close() }, "Back");
    let timer = null;
    let asked = 0;
    const done = [];

    const dialog = h("dialog", { "aria-labelledby": "many", onclose: () => {
      clearTimeout(timer);
      dialog.remove();
      resolve(done);
    } },
    h("form", { onsubmit: (event) => {
      event.preventDefault();
      work().catch((error) => fail(error));
    } },
    h("h2", { id: "many" }, "Approve many"),
    h("p", {}, "All matched results that still wait, from this confidence up. Those with a close second stay for you:"),
    h("label", { class: "field" }, h("span", {}, "Confidence at least, in %"), line),
    told, bar, h("p", { class: "row" }, go, close)));

    const review = (isDry) => ask("POST", `${runPath(runId)}/results/review`, {
      filter: { status: "pending", matched: true, uncertain: false, min_confidence: ofPercent(line.value) }, status: "approved", dry_run: isDry,
    });
    const fail = (error) => {
      told.textContent = `${done.length ? `${plural(done.length, "result", "results")} approved, then: ` : ""}${error.message}`;
      go.textContent = "Go on";
      close.textContent = "Back";
      go.disabled = line.disabled = false;
    };

    function recount() {
      clearTimeout(timer);
      go.disabled = true;
      const mine = ++asked; // what was asked before is about another line
      timer = setTimeout(async () => {
        if (!line.checkValidity()) return fill(told, "Give a confidence from 0 to 100 %.");
        try {
          const { total } = await review(true);
          if (mine !== asked) return;
          fill(told, total ? `${plural(total, "result", "results")} would be approved.` : "None waits there.");
          go.textContent = total ? `Approve ${count(total)}` : "Approve";
          go.disabled = !total;
        } catch (error) {
          if (mine === asked) told.textContent = error.message;
        }
      }, SETTLE_MILLISECONDS);
    }

    async function work() {
      go.disabled = line.disabled = true;
      bar.hidden = false;
      close.textContent = "Stop";
      for (let left = 1; left > 0 && dialog.open;) {
        const { reviewed, remaining, outcomes } = await review(false);
        done.push(...outcomes.filter(({ outcome }) => outcome === "ok"));
        bar.value = done.length / Math.max(1, done.length + remaining);
        told.textContent = `${count(done.length)} approved, ${count(remaining)} to go.`;
        // What could not be reviewed now stays in the filter: going on would not end.
        left = reviewed ? remaining : 0;
      }
      dialog.close();
    }

    document.body.append(dialog);
    dialog.showModal();
    recount();
  });
}

/** Let approved results wait again, but for those that someone has reviewed since; how many do. */
export async function takeBack(runId, approved) {
  let done = 0;
  for (let at = 0; at < approved.length; at += MOST_ITEMS) {
    const items = approved.slice(at, at + MOST_ITEMS).map(({ result_id, version }) => ({ result_id, version, status: "pending" }));
    done += (await ask("POST", `${runPath(runId)}/results/review`, { items })).reviewed;
  }
  return done;
}
