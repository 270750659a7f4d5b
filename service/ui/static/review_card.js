// What does a reviewer see of one result? A card, changed in place so that the focus stays.

import { fill, h } from "./dom.js";
import { aiNote, evidenceTable } from "./evidence.js";
import { may, reviewing } from "./rights.js";
import { VERDICTS } from "./verdicts.js";
import { REVIEWED, byKey, confidence, count } from "./words.js";

// Queues of what waits no more.
const DECIDED = new Set(["approved", "rejected"]);

/** The card; `show(state)` draws the result at hand, and `notes` is what was typed. */
export function reviewCard(actions, limits) {
  const parts = {
    name: h("h2", { tabindex: "-1" }), facts: h("span", { class: "facts" }), place: h("span", { class: "dim number" }),
    candidates: h("div", { class: "candidates", role: "group", "aria-label": "Candidates" }),
    said: h("div", { class: "said-of" }),
    evidence: h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Evidence" }),
    notes: h("textarea", { rows: "1", maxlength: "10000", placeholder: "Notes", "aria-label": "Notes", "data-needs": "write", oninput: () => actions.draft(parts.notes.value) }),
    noted: h("p", { class: "notes said" }),
  };
  const buttons = {
    approve: button("a", { class: "approve", "data-needs": "write", onclick: actions.approve }),
    reject: button("r", { class: "reject", "data-needs": "write", onclick: actions.reject }),
    skip: button("s", { onclick: actions.skip }),
    undo: button("u", { "data-needs": "write", onclick: actions.undo }),
    back: button("k", { class: "quiet", onclick: actions.back }),
  };
  const bar = h("progress", { class: "queue-progress", "aria-label": "How far one is" });
  const body = h("div", { class: "body", hidden: true }, bar,
    h("div", { class: "about" }, h("div", { class: "title" }, parts.name, parts.facts), parts.place),
    parts.candidates, parts.said, parts.evidence,
    h("div", { class: "foot" }, parts.notes, parts.noted, h("div", { class: "decide" }, Object.values(buttons).map((each) => each.element))));
  const nothing = h("div", { class: "empty" }, h("p", { class: "dim", role: "status" }, "Loading …"));
  let drawn = null;

  function show(state) {
    const card = state.cards[state.at];
    body.hidden = !card;
    nothing.hidden = Boolean(card);
    if (!card) return fill(nothing, ended(state, actions));
    const candidate = card.candidates[state.chosen];
    const isNew = drawn?.card !== card || drawn.usesKeys !== state.usesKeys;
    if (isNew) drawResult(parts, card, state, actions);
    if (isNew || drawn.chosen !== state.chosen) {
      fill(parts.evidence, candidate || Object.keys(card.evidence).length ? evidenceTable(candidate?.evidence ?? card.evidence, { threshold: limits.threshold, reference: candidate?.reference_row_id, known: candidate?.confidence }) : h("p", { class: "dim" }, "No row of the reference data agrees with this document in anything."));
      parts.evidence.scrollTop = 0;
    }
    [...parts.candidates.querySelectorAll("button")].forEach((each, at) => each.setAttribute("aria-pressed", String(at === state.chosen)));
    Object.assign(bar, { max: Math.max(1, state.total), value: state.at });
    parts.place.textContent = `${count(state.at + 1)} of ${count(state.total)}`;
    const isOther = candidate && candidate.reference_row_id !== card.matched_reference_row_id;
    buttons.approve.say(state.usesKeys, isOther ? `Approve ${short(candidate.reference_row_id)}` : card.matched_reference_row_id ? "Approve" : "Approve: no match");
    buttons.reject.say(state.usesKeys, !card.matched_reference_row_id && candidate ? "None of these" : "Reject");
    buttons.skip.say(state.usesKeys, may("write") ? "Skip" : "Next");
    buttons.undo.say(state.usesKeys, "Undo", !state.undo.length);
    buttons.back.say(state.usesKeys, "Back", !state.at);
    drawn = { card, chosen: state.chosen, usesKeys: state.usesKeys };
  }

  return {
    element: h("section", { class: "card", "aria-label": "Result" }, body, nothing),
    show,
    isShowing: () => !body.hidden,
    notes: () => parts.notes.value.trim() || null,
    notesBox: parts.notes,
  };
}

function drawResult(parts, card, state, actions) {
  const { document_filename: filename, document_id: id, matched_reference_row_id: matched } = card;
  fill(parts.name, h("span", { class: "clip", title: filename ?? id }, filename ?? id), filename ? h("small", { class: "clip", title: id }, id) : null);
  fill(parts.facts, h("span", { class: `status ${card.status}` }, REVIEWED[card.status], card.reviewed_by ? ` ${byKey(card.reviewed_by)}` : ""),
    `confidence ${confidence(card.confidence)}, `, found(card));
  fill(parts.candidates, card.candidates.map((each, place) =>
    h("button", { class: "candidate", onclick: () => actions.choose(place) },
      state.usesKeys ? h("kbd", {}, String(place + 1)) : null,
      h("span", { class: "clip" }, each.reference_row_id), h("span", { class: "number dim" }, confidence(each.confidence)))));
  parts.candidates.hidden = !card.candidates.length;
  fill(parts.said, card.error ? h("p", { class: "notice" }, card.error) : null, aiNote(card.evidence, card.matched_reference_row_id));
  parts.notes.value = state.drafts.get(card.id) ?? card.notes ?? "";
  fill(parts.noted, may("write") ? null : card.notes);
}

/** What the run found, or a reviewer chose. */
function found(card) {
  const { matched_reference_row_id: matched } = card;
  const isOpen = card.uncertain && card.status === "pending";
  if (!matched) return isOpen ? VERDICTS.unsure : VERDICTS.low;
  return ["matched with ", h("span", { class: "clip", title: matched }, matched), isOpen ? `, ${VERDICTS.unsure}: a close second` : ""];
}

const short = (id) => (id.length > 24 ? `${id.slice(0, 23)}…` : id);

/** A button with its key; what stays the same is not touched, and neither is the focus. */
function button(letter, attributes) {
  const key = h("kbd", {}, letter);
  const text = h("span");
  const element = h("button", attributes, key, text);
  return {
    element,
    say(usesKeys, said, isOff = false) {
      key.hidden = !usesKeys;
      text.textContent = said;
      // A button that is off loses the focus; this one only does nothing.
      element.setAttribute("aria-disabled", String(isOff));
    },
  };
}

function ended(state, actions) {
  if (state.queue?.hasMore()) {
    return state.fault ? [h("p", { role: "alert" }, state.fault), h("p", {}, h("button", { class: "primary", onclick: actions.skip }, "Try again"))]
      : [h("p", { role: "status" }, "Reading on …")];
  }
  return [
    h("h2", {}, state.total ? "That was the last one" : DECIDED.has(state.mode) ? `None is ${state.mode} yet` : "Nothing waits here"),
    h("p", {}, state.mode === "unsure" ? ["Nothing is left that is worth a look. Look over what is matched, one by one", h("span", { "data-needs": "write" }, " or many at once"), "?"] : "Choose another queue, or look at the results."),
    h("p", { class: "row" },
      state.mode === "unsure" ? h("button", { class: "primary", onclick: () => actions.mode("matched") }, `${reviewing()} what is matched`) : null,
      state.at ? h("button", { onclick: actions.back }, "Back") : null,
      state.undo.length ? h("button", { onclick: actions.undo }, "Undo") : null,
      h("a", { class: "button", href: `#/runs/${state.runId}/results` }, "Results"),
      h("a", { class: "button", href: `#/runs/${state.runId}` }, "The run")),
  ];
}
