// Which view does the address ask for? One at a time; the last one is closed before the next opens.

import { ApiError } from "./api.js";
import { showData } from "./data.js";
import { fill, h } from "./dom.js";
import { showNew } from "./new.js";
import { forgetUnheard, onUnheard, sendWhatWaits } from "./outbox.js";
import { showResults } from "./results.js";
import { showReview } from "./review.js";
import { isKnown, learn } from "./rights.js";
import { showRun } from "./run.js";
import { comeBack, forgetSession } from "./session.js";
import { showSettings } from "./settings.js";
import { showStart } from "./start.js";

const ROUTES = [
  [/^\/$/, showStart],
  [/^\/new$/, showNew],
  [/^\/data$/, showData],
  [/^\/settings$/, showSettings],
  [/^\/runs\/([^/]+)$/, showRun],
  [/^\/runs\/([^/]+)\/review$/, showReview],
  [/^\/runs\/([^/]+)\/results(?:\/([^/]+))?$/, showResults],
];

const view = document.getElementById("view");
const connection = document.getElementById("connection");
const refused = document.getElementById("refused");
let open = null;

/** What a view gets: where to draw, when to stop, and how to say that the stream is lost. */
function context() {
  const abort = new AbortController();
  const here = {
    view,
    signal: abort.signal,
    reopen: show,
    /** What to do when the network is back; by default the view is drawn anew, and loses what one typed. */
    again: show,
    /** Call when the view closes, at once where it has. */
    onClose: (work) => (abort.signal.aborted ? work() : abort.signal.addEventListener("abort", work)),
    /** Go to another place, unless a person has gone elsewhere meanwhile. */
    go: (place) => {
      if (!abort.signal.aborted) location.hash = place;
    },
    connection: (state) => {
      if (!abort.signal.aborted) sayConnection(state);
    },
    fail: (error) => {
      if (abort.signal.aborted) return;
      here.again = show;
      fill(view, problem(error));
    },
    close: () => abort.abort(),
  };
  return here;
}

async function show() {
  open?.close();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  sayConnection("live");
  const [path, query] = (location.hash.slice(1) || "/").split("?");
  const route = ROUTES.map(([pattern, work]) => [path.match(pattern), work]).find(([match]) => match);
  const here = (open = context());
  for (const link of document.querySelectorAll("nav a")) {
    const href = link.getAttribute("href");
    if (href === `#${path}`) link.setAttribute("aria-current", "page");
    else if (href === "#/" && path.startsWith("/runs/")) link.setAttribute("aria-current", "true"); // one of them
    else link.removeAttribute("aria-current");
  }
  fill(view, h("p", { class: "dim", role: "status" }, "Loading …"));
  const learnt = learn(); // anew each time: one may have signed in anew in another tab
  try {
    if (!isKnown()) await learnt;
    if (!route) throw new ApiError(404, { detail: "There is no such page." });
    await route[1](here, ...route[0].slice(1).map((each) => each && decodeURIComponent(each)), new URLSearchParams(query));
  } catch (error) {
    here.fail(error);
  }
  if (!here.signal.aborted) {
    document.title = `${view.querySelector("h1")?.textContent ?? "Matchstream"} – Matchstream`;
    (view.querySelector("[autofocus]") ?? view).focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

function sayConnection(state) {
  connection.hidden = state !== "lost";
  connection.textContent = "Not connected: what you see may be old. Trying again …";
}

/** Say where verdicts were refused after one had gone on; the review of the run tells which. */
function sayRefused(runIds) {
  refused.hidden = !runIds.length;
  fill(refused, "Not every verdict was saved. ", runIds.map((id) => h("a", { href: `#/runs/${id}/review` }, "Look at what was not saved")),
    " ", h("button", { class: "small", onclick: forgetUnheard }, "Never mind"));
}

function problem(error) {
  const isGone = error.status === 404; // and will be so the next time
  return h("section", { class: "empty" },
    h("h1", {}, isGone ? "Nothing is here" : "That did not work"),
    h("p", { role: "alert" }, error.message),
    h("p", { class: "row" },
      isGone ? null : h("button", { class: "primary", onclick: show }, "Try again"),
      h("a", { class: isGone ? "button primary" : "button", href: "#/" }, "Runs")));
}

addEventListener("hashchange", show);
addEventListener("offline", () => sayConnection("lost"));
addEventListener("online", () => {
  sayConnection("live");
  open.again();
});
// A file that is dropped beside its place would open instead of the page.
for (const type of ["dragover", "drop"]) addEventListener(type, (event) => event.preventDefault());
document.getElementById("leave").addEventListener("submit", forgetSession);
comeBack();
onUnheard(sayRefused);
// After the view, which hears what becomes of the verdicts of its own run.
show().finally(sendWhatWaits);
