// How does a view hear what happens? By one event stream, which says how old its last word is.

import { askToSignIn } from "./session.js";

const RETRY_MILLISECONDS = 3000;
// They carry the number to go on from also for who does not ask for them.
const SNAPSHOTS = ["run.snapshot", "workspace.snapshot"];

/**
 * Follow a stream until `close` is called. `onEvent(type, data)` gets each event; `onState` gets
 * "live" when the stream is open, "lost" when it is not, "ended" when there is nothing more to tell.
 * A tab that nobody sees lets its stream go, as a browser lends a host only six connections; it goes
 * on where it was when it is seen again.
 */
export function follow(path, types, onEvent, onState) {
  let source = null;
  let last = null;
  let timer = null;
  let isEnded = false;

  const resumed = () => (last === null ? path : `${path}${path.includes("?") ? "&" : "?"}last_event_id=${last}`);

  function open() {
    const opened = new EventSource(resumed());
    source = opened;
    opened.onopen = () => onState("live");
    opened.onerror = () => {
      // The browser itself resumes a stream that was cut; one that was refused it leaves to us.
      if (opened.readyState !== EventSource.CLOSED) return onState("lost");
      check(opened);
    };
    for (const type of new Set([...types, ...SNAPSHOTS])) {
      opened.addEventListener(type, (event) => {
        last = event.lastEventId;
        if (types.includes(type)) onEvent(type, JSON.parse(event.data));
      });
    }
  }

  // A stream ends with 204 when all is told, and otherwise when the service is away or we are out.
  async function check(refused) {
    const controller = new AbortController();
    const reply = await fetch(resumed(), { headers: { Accept: "text/event-stream" }, signal: controller.signal })
      .catch(() => null); // still away
    controller.abort();
    if (refused !== source) return; // nobody follows any more
    if (reply?.status === 401) return askToSignIn();
    if (reply?.status === 204 || reply?.status === 404) {
      isEnded = true;
      return onState("ended");
    }
    onState("lost");
    timer = setTimeout(open, RETRY_MILLISECONDS);
  }

  function letGo() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  const look = () => {
    if (document.hidden) letGo();
    else if (!source && !isEnded) open();
  };

  document.addEventListener("visibilitychange", look);
  look();
  return {
    close() {
      document.removeEventListener("visibilitychange", look);
      letGo();
    },
  };
}
