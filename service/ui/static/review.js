// What does a reviewer do? One card at a time: look, choose, decide, by mouse or keys, and undo.

import { ask, runPath, withQuery } from "./api.js";
import { choice, confirmed, fill, h } from "./dom.js";
import { aiNote, evidenceTable } from "./evidence.js";
import { BINS, bounds, counts, histogram } from "./histogram.js";
import { rangeOver } from "./range.js";
import { confidence, count, plural } from "./words.js";

const PAGE = 50;
const KEYS_SETTING = "matchstream-review-keys";
const KEYS = [["a", "approve"], ["r", "reject"], ["1–5", "choose a candidate"], ["s", "skip"], ["u", "undo"], ["j / k", "next / back"], ["?", "show keys"]];

export async function showReview(here, runId, query) {
  const run = await ask("GET", runPath(runId));
  const config = await ask("GET", `/v1/matching/configs/${run.matching_config_id}`).catch(() => null);
  const limits = config ?? { threshold: 0.85, review_threshold: 0.5 };
  const state = {
    runId, limits, mode: query?.get("queue") ?? "unsure", range: null,
    cards: [], at: 0, total: 0, next: null, chosen: 0, undo: [], usesKeys: localStorage.getItem(KEYS_SETTING) !== "off",
  };
  const parts = { tools: h("section", { class: "tools" }), spread: h("div"), card: h("section", { class: "card", "aria-label": "Result" }), said: h("p", { role: "status", class: "said" }) };
  if (here.signal.aborted) return;
  fill(here.view, h("p", { class: "dim" }, h("a", { href: `#/runs/${runId}` }, config?.name ?? "Run"), " / Review"), h("h1", {}, "Review"), parts.tools, parts.spread, parts.said, parts.card);

  const review = reviewer(here, state, parts);
  drawTools(parts, state, review);
  counts(runId, { status: "pending" }).then((values) => {
    if (here.signal.aborted) return;
    const spread = histogram(values, limits);
    rangeOver(spread, values, review.range);
    fill(parts.spread, spread, h("p", { class: "dim" }, "Waiting for review, by confidence. Drag over the bars to choose a range."));
  });
  await review.load();
  const onKey = (event) => review.key(event);
  document.addEventListener("keydown", onKey);
  here.onClose(() => document.removeEventListener("keydown", onKey));
}

function filters(state) {
  if (state.mode === "range") return { status: "pending", min_confidence: bounds(state.range[0]).min_confidence, max_confidence: bounds(state.range[1]).max_confidence };
  if (state.mode === "unsure") return { status: "pending", min_confidence: state.limits.review_threshold, max_confidence: Math.max(state.limits.review_threshold, state.limits.threshold - 0.0001).toFixed(4) };
  if (state.mode === "matched") return { status: "pending", matched: "true" };
  return { status: state.mode };
}

function reviewer(here, state, parts) {
  const say = (text) => { parts.said.textContent = text; };
  const draw = () => {
    if (!here.signal.aborted) drawCard(parts.card, state, actions);
  };

  async function load() {
    const page = await ask("GET", withQuery(`${runPath(state.runId)}/results`, { ...filters(state), limit: PAGE }));
    Object.assign(state, { cards: page.data, at: 0, chosen: 0, total: page.pagination.total, next: page.pagination.next_cursor });
    draw();
  }

  // The next page is there before its first card is asked for.
  async function prefetch() {
    if (!state.next || state.cards.length - state.at > PAGE / 2) return;
    const cursor = state.next;
    state.next = null;
    const page = await ask("GET", withQuery(`${runPath(state.runId)}/results`, { ...filters(state), limit: PAGE, cursor }));
    state.cards.push(...page.data);
    state.next = page.pagination.next_cursor;
  }

  function move(step) {
    state.at = Math.min(Math.max(0, state.at + step), state.cards.length);
    state.chosen = 0;
    draw();
    prefetch().catch((error) => say(error.message));
  }

  async function decide(status) {
    const card = state.cards[state.at];
    if (!card) return;
    const body = { status, notes: parts.card.querySelector("textarea")?.value.trim() || null };
    const candidate = card.candidates[state.chosen];
    if (status === "approved" && candidate && candidate.reference_row_id !== card.matched_reference_row_id) body.matched_reference_row_id = candidate.reference_row_id;
    const place = state.at;
    move(1); // the next card does not wait for the answer
    try {
      state.cards[place] = await send(card, body);
      state.undo.push(place);
      say(`${card.document_id}: ${status}.`);
    } catch (error) {
      await recover(error, card, place);
    }
  }

  const send = (card, body) => ask("POST", `${runPath(state.runId)}/results/${card.id}/review`, body, { "If-Match": `"${card.version}"` });

  async function recover(error, card, place) {
    if (error.status === 412) state.cards[place] = await ask("GET", `${runPath(state.runId)}/results/${card.id}`);
    state.at = place;
    draw();
    say(error.status === 412 ? "Someone else has reviewed this result meanwhile: look again." : error.message);
  }

  async function undo() {
    const place = state.undo.pop();
    if (place === undefined) return say("There is nothing to undo.");
    const card = state.cards[place];
    try {
      state.cards[place] = await send(card, { status: "pending" });
      say(`${card.document_id}: taken back.`);
    } catch (error) {
      return recover(error, card, place);
    }
    state.at = place;
    draw();
  }

  async function approveAll() {
    const { min_confidence: from, max_confidence: to } = filters(state);
    const wanted = { status: "pending", matched: true };
    if (from !== undefined) Object.assign(wanted, { min_confidence: Number(from), max_confidence: Number(to) });
    const review = (dry) => ask("POST", `${runPath(state.runId)}/results/review`, { filter: wanted, status: "approved", dry_run: dry });
    const { total } = await review(true);
    if (!total) return say("No matched result waits in this queue.");
    if (!(await confirmed(`Approve ${plural(total, "matched result", "matched results")} of this queue?`, "Approve all"))) return;
    for (let done = 0, left = total; left > 0;) {
      const { reviewed, remaining } = await review(false);
      done += reviewed;
      say(`${count(done)} of ${count(total)} approved.`);
      // What could not be reviewed now stays in the filter: going on would not end.
      left = reviewed ? remaining : 0;
    }
    await load();
  }

  const actions = {
    approve: () => decide("approved"),
    reject: () => decide("rejected"),
    skip: () => move(1),
    back: () => move(-1),
    undo,
    approveAll: () => approveAll().catch((error) => say(error.message)),
    choose: (place) => {
      state.chosen = place;
      draw();
    },
  };

  return {
    load,
    draw,
    actions,
    mode: (mode) => {
      state.mode = mode;
      say("");
      load().catch((error) => say(error.message));
    },
    range: (from, to) => {
      state.range = [from, to];
      state.mode = "range";
      say(`Confidence ${(from / BINS).toFixed(2)} to ${((to + 1) / BINS).toFixed(2)}.`);
      load().catch((error) => say(error.message));
    },
    key: (event) => {
      if (!state.usesKeys || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
      const work = { a: actions.approve, r: actions.reject, s: actions.skip, u: actions.undo, j: actions.skip, k: actions.back, "?": () => parts.tools.querySelector("details").toggleAttribute("open") }[event.key];
      const place = "12345".indexOf(event.key);
      if (work) work();
      else if (place >= 0 && state.cards[state.at]?.candidates[place]) actions.choose(place);
      else return;
      event.preventDefault();
    },
  };
}

function drawTools(parts, state, review) {
  const keys = h("input", { type: "checkbox", onchange: () => {
    state.usesKeys = keys.checked;
    localStorage.setItem(KEYS_SETTING, keys.checked ? "on" : "off");
    review.draw();
  } });
  keys.checked = state.usesKeys;
  fill(parts.tools,
    h("div", { class: "row spread" },
      h("label", {}, "Queue ", choice([["unsure", "Unsure first"], ["matched", "Matched"], ["pending", "All that wait"], ["approved", "Approved"], ["rejected", "Rejected"]], state.mode, review.mode)),
      h("button", { onclick: review.actions.approveAll }, "Approve all matched of this queue …")),
    h("details", {}, h("summary", {}, "Keys"),
      h("dl", { class: "keys" }, KEYS.flatMap(([key, work]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, work)])),
      h("label", {}, keys, " Keys work")));
}

function drawCard(section, state, actions) {
  const card = state.cards[state.at];
  const key = (letter) => (state.usesKeys ? h("kbd", {}, letter) : null);
  if (!card) {
    return fill(section, h("div", { class: "empty" },
      h("h2", {}, state.total ? "That was the last one" : "Nothing waits here"),
      h("p", {}, state.total ? "Choose another queue, or go back." : "Choose another queue."),
      h("p", { class: "row" }, state.at ? h("button", { onclick: actions.back }, "Back") : null, state.undo.length ? h("button", { onclick: actions.undo }, "Undo") : null,
        h("a", { class: "button", href: `#/runs/${state.runId}/results` }, "Results"))));
  }
  const candidate = card.candidates[state.chosen];
  const evidence = candidate?.evidence ?? card.evidence;
  fill(section,
    h("div", { class: "row spread" },
      h("h2", {}, card.document_filename ?? card.document_id, card.document_filename ? h("small", {}, ` ${card.document_id}`) : null),
      h("span", { class: "dim" }, `${count(state.at + 1)} of ${count(state.total)}`)),
    h("p", {},
      h("span", { class: `status ${card.status}` }, card.status), " ",
      card.matched_reference_row_id ? `matched with ${card.matched_reference_row_id}, ` : "no match, ",
      `confidence ${confidence(card.confidence)}`),
    card.error ? h("p", { class: "notice" }, card.error) : null,
    aiNote(card.evidence),
    card.candidates.length ? h("div", { class: "candidates", role: "group", "aria-label": "Candidates" }, card.candidates.map((each, place) =>
      h("button", { class: "candidate", "aria-pressed": String(place === state.chosen), onclick: () => actions.choose(place) },
        key(String(place + 1)), h("span", {}, each.reference_row_id), h("span", { class: "number" }, confidence(each.confidence))))) : h("p", {}, "No row came near."),
    h("div", { class: "scroll" }, evidenceTable(evidence)),
    h("label", { class: "field" }, h("span", {}, "Notes"), h("textarea", { rows: "2", maxlength: "10000", value: card.notes ?? "" })),
    h("p", { class: "row decide" },
      h("button", { class: "approve", disabled: !candidate, onclick: actions.approve }, key("a"), candidate && candidate.reference_row_id !== card.matched_reference_row_id ? ` Approve ${candidate.reference_row_id}` : " Approve"),
      h("button", { class: "reject", onclick: actions.reject }, key("r"), " Reject"),
      h("button", { onclick: actions.skip }, key("s"), " Skip"),
      h("button", { onclick: actions.undo, disabled: !state.undo.length }, key("u"), " Undo"),
      h("button", { class: "quiet", onclick: actions.back, disabled: !state.at }, key("k"), " Back")));
}
