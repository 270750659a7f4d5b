// How does a view hear what happens? By one event stream, which says how old its last word is.

import { askToSignIn } from "./session.js";

const RETRY_MILLISECONDS = 3000;

/**
 * Follow a stream until `close` is called. `onEvent(type, data)` gets each event; `onState` gets
 * "live" when the stream is open, "lost" when it is not, "ended" when there is nothing more to tell.
 */
export function follow(path, types, onEvent, onState) {
  let source = null;
  let last = null;
  let timer = null;

  const open = () => {
    source = new EventSource(last === null ? path : `${path}${path.includes("?") ? "&" : "?"}last_event_id=${last}`);
    source.onopen = () => onState("live");
    source.onerror = () => {
      // The browser itself resumes a stream that was cut; one that was refused it leaves to us.
      if (source.readyState !== EventSource.CLOSED) return onState("lost");
      check();
    };
    for (const type of types) {
      source.addEventListener(type, (event) => {
        last = event.lastEventId;
        onEvent(type, JSON.parse(event.data));
      });
    }
  };

  // A stream ends with 204 when all is told, and otherwise when the service is away or we are out.
  const check = async () => {
    try {
      const query = last === null ? "" : `${path.includes("?") ? "&" : "?"}last_event_id=${last}`;
      const controller = new AbortController();
      const reply = await fetch(path + query, { headers: { Accept: "text/event-stream" }, signal: controller.signal });
      controller.abort();
      if (reply.status === 204) return onState("ended");
      if (reply.status === 401) return askToSignIn();
      if (reply.status === 404) return onState("ended");
    } catch {
      // still away
    }
    onState("lost");
    timer = setTimeout(open, RETRY_MILLISECONDS);
  };

  open();
  return {
    close() {
      clearTimeout(timer);
      source.close();
    },
  };
}
