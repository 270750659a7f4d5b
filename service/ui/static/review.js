// What does a reviewer do? One card at a time: look, choose, decide, by mouse or keys, and undo.

import { ask, configOf, runPath } from "./api.js";
import { approveMany, takeBack } from "./bulk.js";
import { choice, fill, h } from "./dom.js";
import { BINS, bounds } from "./histogram.js";
import { follow } from "./live.js";
import { notesOf } from "./notes.js";
import { outboxOf } from "./outbox.js";
import { QUEUES, filtersOf, readOne, readQueue } from "./queue.js";
import { reviewCard } from "./review_card.js";
import { reviewSide } from "./review_side.js";
import { may, reviewing } from "./rights.js";
import { DEFAULT_LIMITS, changedSince } from "./run.js";
import { REVIEWED, byKey, count, plural } from "./words.js";

const KEYS_SETTING = "matchstream-review-keys";
const ONLY_READS = "Your key may only read: verdicts and notes need one that may write.";
const RANGE = ["range", "A range of confidence"];
const ONE = ["one", "One result"];

export async function showReview(here, runId, query) {
  const run = await ask("GET", runPath(runId));
  const config = await configOf(run);
  if (here.signal.aborted) return;
  here.again = () => {}; // streams go on by themselves, and keep what was chosen and typed
  const state = {
    ...asked(query), runId, limits: config ?? DEFAULT_LIMITS, note: changedSince(run, config), usesKeys: localStorage.getItem(KEYS_SETTING) !== "off",
    queue: null, fault: null, cards: [], at: 0, total: 0, chosen: 0, undo: [], drafts: notesOf(runId), refused: [], isBulk: false,
  };
  const parts = { said: h("p", { role: "status", class: "said dim" }), trouble: h("div", { role: "alert" }) };
  const review = reviewer(here, state, parts);
  fill(here.view,
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Runs"), h("span", {}, h("a", { href: `#/runs/${runId}` }, config?.name ?? "Run"))),
    h("div", { class: "title" }, h("h1", {}, reviewing()), review.queues, parts.said),
    parts.trouble,
    h("div", { class: "reviewing" }, review.card.element, review.side.element));
  await review.load(state);
  review.side.refresh();
  listen(here, state, review);
}

/** Which queue the address asks for. */
function asked(query) {
  const result = query.get("result");
  if (result) return { mode: "one", range: null, one: result };
  const range = ["from", "to"].map((name) => Number.parseInt(query.get(name), 10));
  if (range.every((bin) => bin >= 0 && bin < BINS) && range[0] <= range[1]) return { mode: "range", range, one: null };
  const mode = query.get("queue");
  return { mode: QUEUES.some(([each]) => each === mode) ? mode : "unsure", range: null, one: null };
}

function address({ runId, mode, range, one }) {
  const query = mode === "one" ? { result: one } : mode === "range" ? { from: range[0], to: range[1] } : { queue: mode };
  return `#/runs/${runId}/review?${new URLSearchParams(query)}`;
}

/** Hear keys, other reviewers, and what became of the verdicts, until the view closes. */
function listen(here, state, review) {
  const onKey = (event) => review.key(event);
  document.addEventListener("keydown", onKey);
  const stream = follow("/v1/events?types=result.reviewed", ["result.reviewed"], (_, data) => {
    if (data.run_id === state.runId) review.heard(data.result);
  }, here.connection);
  here.onClose(() => {
    document.removeEventListener("keydown", onKey);
    stream.close();
  });
}

function reviewer(here, state, parts) {
  const outbox = outboxOf(state.runId);
  const say = (text) => { parts.said.textContent = text; };
  let loads = 0;
  const find = (id) => state.cards.findIndex((card) => card.id === id);
  const draw = () => !here.signal.aborted && card.show(state);
  const attempt = (work) => (...given) => work(...given).catch((error) => say(error.message));
  // Keys are pressed also for what is not offered.
  const deciding = (work) => () => (may("write") ? work() : say(ONLY_READS));

  /** Go through a queue; as long as it cannot be read, one stays with the one that is there. */
  async function load(wanted) {
    if (here.signal.aborted) return;
    const mine = ++loads;
    try {
      const queue = wanted.mode === "one" ? await readOne(state.runId, wanted.one) : await readQueue(state.runId, filtersOf({ ...wanted, limits: state.limits }));
      if (here.signal.aborted || mine !== loads) return; // another queue was chosen meanwhile
      Object.assign(state, wanted, { queue, cards: queue.cards, total: queue.total });
      history.replaceState(null, "", address(state));
      place(0);
    } finally {
      if (mine === loads) drawChoice();
    }
  }

  function drawChoice() {
    fill(queues, [...QUEUES, ...[RANGE, ONE].filter(([mode]) => mode === state.mode)].map(([mode, text]) => h("option", { value: mode }, text)));
    queues.value = state.mode;
    side.ranged();
  }

  /** Go to a card, with the match it has chosen. */
  function place(at) {
    const { candidates = [], matched_reference_row_id: matched } = state.cards[at] ?? {};
    state.at = at;
    state.chosen = Math.max(0, candidates.findIndex((each) => each.reference_row_id === matched));
    draw();
  }

  function move(step) {
    let at = Math.min(Math.max(0, state.at + step), state.cards.length);
    // What someone else has settled meanwhile is passed over.
    while (step > 0 && state.cards[at]?.isSettledElsewhere) at += 1;
    place(at);
    readAhead(at);
  }

  async function readAhead(at) {
    state.fault = null;
    try {
      await state.queue.ahead(at);
    } catch (error) {
      state.fault = error.message;
    }
    if (!card.isShowing() && (state.fault || state.at < state.cards.length)) place(state.at);
  }

  function decide(status) {
    const before = state.cards[state.at];
    if (!before) return;
    if (before.isNews) {
      state.cards[state.at] = { ...before, isNews: false };
      return say(`${reviewedMeanwhile(before)} Once more to decide all the same.`);
    }
    const candidate = before.candidates[state.chosen];
    const body = { status, notes: card.notes() };
    if (status === "approved" && candidate && candidate.reference_row_id !== before.matched_reference_row_id) body.matched_reference_row_id = candidate.reference_row_id;
    state.undo.push(before);
    send(before, body);
    move(1); // the next card does not wait for the answer
  }

  /** Let a card be another, and what waits be counted with it. */
  function change(at, changed) {
    const before = state.cards[at];
    const now = (state.cards[at] = { ...before, ...changed });
    side.count(now, (now.status === "pending") - (before.status === "pending"));
  }

  /** Hand a verdict to the outbox; the card shows it already. */
  function send(shown, body) {
    const at = find(shown.id);
    const matched = body.matched_reference_row_id ?? shown.matched_reference_row_id;
    if (at >= 0) change(at, { status: body.status, notes: body.notes ?? null, matched_reference_row_id: matched });
    state.drafts.delete(shown.id);
    outbox.add(shown.id, shown.version, body, shown.document_filename ?? shown.document_id);
  }

  function undo() {
    const before = state.undo.pop();
    if (!before) return say("There is nothing to undo.");
    if (before.many) return undoMany(before);
    const body = { status: before.status, notes: before.notes };
    if (before.status === "approved" && before.matched_reference_row_id) body.matched_reference_row_id = before.matched_reference_row_id;
    const at = find(before.id);
    send(before, body);
    if (at < 0) return;
    state.cards[at] = { ...before };
    place(at);
  }

  const undoMany = attempt((before) => asOne(async () => {
    const back = await takeBack(state.runId, before.many).catch((error) => {
      state.undo.push(before);
      throw error;
    });
    await readAnew();
    const kept = before.many.length - back;
    say(`${plural(back, "result", "results")} taken back.${kept ? ` ${count(kept)} stay: someone has reviewed them since.` : ""}`);
  }));

  /** Change many results at once: what is told of them meanwhile is ours. */
  async function asOne(work) {
    state.isBulk = true;
    try {
      await work();
    } finally {
      state.isBulk = false;
    }
  }

  const readAnew = () => Promise.all([load(state), side.refresh()]);

  const actions = {
    approve: deciding(() => decide("approved")),
    reject: deciding(() => decide("rejected")),
    note: deciding(() => card.notesBox.focus()),
    skip: () => move(1),
    back: () => state.at && move(-1),
    undo: deciding(undo),
    draft: (text) => state.cards[state.at] && state.drafts.set(state.cards[state.at].id, text),
    choose: (chosen) => {
      state.chosen = chosen;
      draw();
    },
    mode: attempt(async (mode) => {
      say("");
      await load({ mode, range: state.range, one: state.one });
    }),
    range: attempt(async (from, to) => {
      say("");
      await load({ mode: "range", range: [from, to], one: state.one });
    }),
    approveMany: attempt(async () => {
      const from = state.mode === "range" ? Number(bounds(state.range[0]).min_confidence) : state.limits.threshold;
      await asOne(async () => {
        const approved = await approveMany(state.runId, from);
        if (!approved.length) return;
        state.undo.push({ many: approved });
        await readAnew();
        say(`${plural(approved.length, "result", "results")} approved.`);
      });
    }),
    useKeys: (usesKeys) => {
      state.usesKeys = usesKeys;
      localStorage.setItem(KEYS_SETTING, usesKeys ? "on" : "off");
      draw();
    },
  };
  const card = reviewCard(actions, state.limits);
  const side = reviewSide(here, state, actions);
  const queues = choice([], "", actions.mode, { "aria-label": "Queue" });
  drawChoice();
  const troubles = troublesOf(state, parts, outbox, (id) => find(id) >= 0 && place(find(id)));
  here.onClose(outbox.leave);
  outbox.listen({
    changed: troubles,
    saved: (item, result) => {
      say(`${item.label}: ${result.status === "pending" ? "taken back" : result.status}.`);
      if (!outbox.has(result.id)) renew(result);
    },
    refused: attempt(async (item, error) => {
      state.undo = state.undo.filter((before) => before.id !== item.id);
      // That it was refused is told also where nobody can say what is there now.
      const now = await ask("GET", `${runPath(state.runId)}/results/${item.id}`).catch(() => null);
      const why = error.status === 412 && now ? reviewedMeanwhile(now) : error.message;
      state.refused.push({ id: item.id, text: `${item.label}: yours was not saved. ${why}` });
      if (now) renew(now);
      troubles();
    }),
  });

  /** Take a result as it is now; the one at hand is drawn anew. */
  function renew(result, isSettledElsewhere = false) {
    const at = find(result.id);
    if (at < 0) return;
    change(at, { ...result, isSettledElsewhere });
    if (at === state.at) place(at);
  }

  return {
    load, card, side, queues,
    heard: (result) => {
      const known = state.cards[find(result.id)];
      if (!known || state.isBulk || outbox.has(result.id) || known.version >= result.version) return;
      // An event leaves out evidence that is very long: what was read of it stays.
      const { evidence, ...news } = result;
      renew(Object.keys(evidence).length ? result : news, result.status !== "pending");
      const at = state.cards[state.at];
      if (at?.id !== result.id) return;
      at.isNews = true;
      say(reviewedMeanwhile(at));
    },
    key: (event) => keyed(event, state, actions, side),
  };
}

const reviewedMeanwhile = ({ status, reviewed_by: by }) => `Someone else has reviewed this result meanwhile: ${REVIEWED[status]}${by ? ` ${byKey(by)}` : ""}.`;

/** Say what is not saved: because the service is away, or because it was refused. */
function troublesOf(state, parts, outbox, look) {
  return () => {
    const waiting = outbox.trouble() ? h("p", { class: "row" }, h("span", {}, `${plural(outbox.size(), "verdict is", "verdicts are")} not saved yet. ${outbox.trouble()} This tab keeps trying.`),
      h("button", { class: "small", onclick: outbox.retry }, "Try now")) : null;
    const refused = state.refused.map((each) => h("p", { class: "row" }, h("span", {}, each.text), h("button", { class: "small", onclick: () => {
      state.refused = state.refused.filter((other) => other !== each);
      look(each.id);
      troublesOf(state, parts, outbox, look)();
    } }, "Look again")));
    fill(parts.trouble, waiting || refused.length ? h("div", { class: "notice bad" }, waiting, refused) : null);
  };
}

function keyed(event, state, actions, side) {
  if (!state.usesKeys || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  const work = {
    a: actions.approve, r: actions.reject, s: actions.skip, u: actions.undo, j: actions.skip, k: actions.back,
    n: actions.note, "?": side.toggleKeys,
  }[event.key];
  const place = "12345".indexOf(event.key);
  if (place >= 0 && state.cards[state.at]?.candidates[place]) actions.choose(place);
  else if (!work) return;
  // A key held down decides once.
  else if (!event.repeat || "jk".includes(event.key)) work();
  event.preventDefault();
}
