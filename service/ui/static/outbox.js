// How does a verdict reach the service, so that none is lost? One after the other, kept until it is saved.

import { ask, runPath } from "./api.js";
import { isAskedToSignIn } from "./session.js";

const PLACE = "matchstream.unsaved.";
const RETRY_MILLISECONDS = 3000;
const boxes = new Map();
let tellUnheard = () => {};

/**
 * The verdicts on a run's results that are not saved yet. They outlive the view and a reload of the
 * tab; one that cannot be sent now is tried again, one that is refused is handed back.
 */
export function outboxOf(runId) {
  if (!boxes.has(runId)) boxes.set(runId, open(runId));
  return boxes.get(runId);
}

/** Let `tell(runIds)` hear for which runs a verdict was refused while nobody looks at them. */
export function onUnheard(tell) {
  tellUnheard = () => tell([...boxes].filter(([, box]) => box.unheard()).map(([runId]) => runId));
}

/** Let what nobody looked at be forgotten. */
export function forgetUnheard() {
  for (const box of boxes.values()) box.forget();
  tellUnheard();
}

/** Send what a tab that was loaded anew had not sent yet, wherever in the pages one is now. */
export function sendWhatWaits() {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PLACE)) outboxOf(key.slice(PLACE.length)).retry();
}

addEventListener("online", () => boxes.forEach((box) => box.retry()));
addEventListener("beforeunload", (event) => {
  // Who has to sign in first comes back to them.
  if (!isAskedToSignIn() && [...boxes.values()].some((box) => box.size() + box.unheard())) event.preventDefault();
});

function open(runId) {
  const place = PLACE + runId;
  const items = JSON.parse(sessionStorage.getItem(place) ?? "[]");
  const versions = new Map();
  const unheard = [];
  let listeners = {};
  let trouble = null;
  let isSending = false;
  let timer = null;

  const changed = () => {
    if (items.length) sessionStorage.setItem(place, JSON.stringify(items));
    else sessionStorage.removeItem(place);
    tell(() => listeners.changed?.());
  };

  // What a view makes of it holds up no verdict: its faults are the browser's to report.
  const tell = (work) => {
    try {
      work();
    } catch (fault) {
      reportError(fault);
    }
  };

  async function pump() {
    if (isSending) return;
    isSending = true;
    clearTimeout(timer);
    while (items.length) {
      const [item] = items;
      const { result, error } = await post(item).then((result) => ({ result }), (error) => ({ error }));
      if (error?.isPassing) {
        trouble = error.message;
        timer = setTimeout(pump, RETRY_MILLISECONDS);
        break;
      }
      trouble = null;
      if (error) {
        // What follows on the same result was meant for what is refused now.
        items.splice(0, items.length, ...items.filter((each) => each.id !== item.id));
        versions.delete(item.id);
      } else {
        versions.set(item.id, result.version);
        items.shift();
        for (const each of items) if (each.id === item.id) each.version = Math.max(each.version, result.version);
      }
      if (error) refuse(item, error);
      else tell(() => listeners.saved?.(item, result));
      changed();
    }
    isSending = false;
    changed();
  }

  function refuse(item, error) {
    if (listeners.refused) return tell(() => listeners.refused(item, error));
    unheard.push([item, error]);
    tell(tellUnheard);
  }

  // By the key, the service carries out once what had to be sent twice.
  const post = (item) => ask("POST", `${runPath(runId)}/results/${item.id}/review`, item.body, {
    "If-Match": `"${item.version}"`,
    "Idempotency-Key": item.key,
  });

  return {
    /** Take a verdict: the result's id and version as they were looked at, and the body to send. */
    add(id, version, body, label) {
      // What was saved of ours since the result was looked at is known.
      const known = Math.max(versions.get(id) ?? 0, version);
      items.push({ key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, id, version: known, body, label });
      changed();
      pump();
    },
    has: (id) => items.some((item) => item.id === id),
    size: () => items.length,
    trouble: () => trouble,
    unheard: () => unheard.length,
    forget: () => unheard.splice(0),
    retry: () => items.length && pump(),
    /**
     * Hear `saved(item, result)`, `refused(item, error)` and `changed()`, what was refused before too;
     * who listens last is told.
     */
    listen(heard) {
      listeners = heard;
      for (const [item, error] of unheard.splice(0)) refuse(item, error);
      tell(tellUnheard);
      pump();
    },
    /** Leave: what is refused from now on is kept for the next one. */
    leave() {
      listeners = {};
    },
  };
}
