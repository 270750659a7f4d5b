// How does a verdict reach the service, so that none is lost? One after the other, kept until it is saved.

import { ask, runPath } from "./api.js";

const RETRY_MILLISECONDS = 3000;
const boxes = new Map();

/**
 * The verdicts on a run's results that are not saved yet. They outlive the view and a reload of the
 * tab; one that cannot be sent now is tried again, one that is refused is handed back.
 */
export function outboxOf(runId) {
  if (!boxes.has(runId)) boxes.set(runId, open(runId));
  return boxes.get(runId);
}

addEventListener("online", () => boxes.forEach((box) => box.retry()));
addEventListener("beforeunload", (event) => {
  if ([...boxes.values()].some((box) => box.size())) event.preventDefault();
});

function open(runId) {
  const place = `matchstream.unsaved.${runId}`;
  const items = JSON.parse(sessionStorage.getItem(place) ?? "[]");
  const versions = new Map();
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
      if (error && isPassing(error)) {
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
      }
      tell(() => (error ? listeners.refused?.(item, error) : listeners.saved?.(item, result)));
      changed();
    }
    isSending = false;
    changed();
  }

  // By the key, the service carries out once what had to be sent twice.
  const post = (item) => ask("POST", `${runPath(runId)}/results/${item.id}/review`, item.body, {
    "If-Match": `"${Math.max(versions.get(item.id) ?? 0, item.version)}"`,
    "Idempotency-Key": item.key,
  });

  return {
    /** Take a verdict: the result's id and version as they were looked at, and the body to send. */
    add(id, version, body, label) {
      items.push({ key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, id, version, body, label });
      changed();
      pump();
    },
    has: (id) => items.some((item) => item.id === id),
    size: () => items.length,
    trouble: () => trouble,
    retry: () => items.length && pump(),
    /** Hear `saved(item, result)`, `refused(item, error)` and `changed()`; who listens last is told. */
    listen(heard) {
      listeners = heard;
      pump();
    },
  };
}

const isPassing = (error) => error.status === 0 || error.status >= 500 || Boolean(error.retryable);
