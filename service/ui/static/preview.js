// How would some documents come out? A dry run of them, and another whenever the mappings change.

import { ask, runPath, withQuery } from "./api.js";
import { discard, remember } from "./leftovers.js";
import { follow } from "./live.js";
import { RUN_EVENTS, TERMINAL } from "./words.js";

// The name of a config that is there for a preview alone: lists leave it out.
export const PREVIEW = "Preview of a match that is being set up";
const PAUSE_MILLISECONDS = 450;
const WAITING = { queued: "Waiting for another run to end …", running: "Matching the sample …" };

/**
 * Make a previewer of these documents. `tell` gets {text} while it works, {results} and {error}.
 * What it makes (one config, one run at a time) it deletes.
 */
export function previewer(here, { reference, collection, documentIds }, tell) {
  let wanted = null;
  let isBusy = false;
  let timer = null;
  let config = null;
  let run = null;
  let isClosed = false;

  /** Ask for another preview; a burst of changes is one, and an old one is called off. */
  function update(rules) {
    wanted = rules;
    tell({ text: "Matching the sample …" });
    clearTimeout(timer);
    timer = setTimeout(isBusy ? callOff : work, PAUSE_MILLISECONDS);
  }

  async function callOff() {
    if (run) await ask("POST", `${runPath(run)}/cancel`).catch(() => null); // it may have ended just now
  }

  async function work() {
    isBusy = true;
    while (wanted && !isClosed) {
      const rules = wanted;
      wanted = null;
      try {
        const results = await once(rules).catch((error) => again(rules, error));
        if (!wanted && !isClosed) tell(results ? { results } : { error: new Error("Somebody cancelled it.") });
      } catch (error) {
        if (!wanted && !isClosed) tell({ error });
      }
    }
    isBusy = false;
  }

  /** Another tab may have tidied up what this one made: then it is made anew, once. */
  async function again(rules, error) {
    if (error.status !== 404 || isClosed) throw error;
    config = null;
    return await once(rules);
  }

  async function once(rules) {
    if (config) await ask("PUT", config, rules);
    else {
      const made = await ask("POST", "/v1/matching/configs", { ...rules, name: PREVIEW, reference_data_id: reference.id, target_type: "collection", target_value: { collection } });
      config = `/v1/matching/configs/${made.id}`;
      remember(config);
    }
    if (isClosed) return tidy();
    const started = await ask("POST", `${config}/run`, { dry_run: true, triggered_by: "manual", collection, document_ids: documentIds });
    run = started.id;
    remember(runPath(run));
    try {
      const end = await ended(run, here, (status) => wanted || tell({ text: WAITING[status] ?? WAITING.running }));
      if (end.status === "cancelled") return null;
      if (end.status === "failed") throw new Error(end.error);
      return (await ask("GET", withQuery(`${runPath(run)}/results`, { limit: documentIds.length }))).data;
    } finally {
      await discard(runPath(run));
      run = null;
    }
  }

  function close() {
    isClosed = true;
    clearTimeout(timer);
    removeEventListener("pagehide", tidy);
    tidy();
  }

  function tidy() {
    if (run) fetch(`${runPath(run)}/cancel`, { method: "POST", keepalive: true, headers: { "X-Requested-With": "Matchstream" } }).catch(() => null);
    if (config) discard(config);
    config = null;
  }

  addEventListener("pagehide", tidy);
  here.onClose(close);
  return { update, close };
}

/** Wait until a run has ended; returns it, as cancelled where it is gone. */
function ended(runId, here, onStatus) {
  return new Promise((resolve) => {
    const finish = (run) => {
      stream.close();
      resolve(run);
    };
    const take = (type, data) => {
      if (!data.run) return;
      onStatus(data.run.status);
      if (TERMINAL.has(data.run.status)) finish(data.run);
    };
    const stream = follow(`${runPath(runId)}/events`, ["run.snapshot", ...RUN_EVENTS], take, (state) => {
      here.connection(state);
      if (state === "ended") finish({ status: "cancelled" }); // somebody deleted it
    });
    here.onClose(() => stream.close());
  });
}
