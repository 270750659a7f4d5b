// What is known of one result? The match with its evidence, the other candidates, and who reviewed it.

import { ask, configOf, runPath } from "./api.js";
import { fill, h } from "./dom.js";
import { aiNote, evidenceTable } from "./evidence.js";
import { DEFAULT_LIMITS } from "./run.js";
import { RESOLVERS, REVIEWED, byKey, confidence } from "./words.js";

export async function showResult(here, runId, resultId) {
  const path = `${runPath(runId)}/results/${resultId}`;
  const [run, result, past] = await Promise.all([ask("GET", runPath(runId)), ask("GET", path), ask("GET", `${path}/history`)]);
  const config = await configOf(run);
  if (here.signal.aborted) return;
  const { threshold } = config ?? DEFAULT_LIMITS;
  const { document_filename: filename, document_id: id, matched_reference_row_id: matched, candidates } = result;
  const isOpen = result.uncertain && result.status === "pending";
  const shown = matched ?? candidates[0]?.reference_row_id;
  const others = candidates.filter((each) => each.reference_row_id !== shown);
  fill(here.view,
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Runs"), h("span", {}, h("a", { href: `#/runs/${runId}/results` }, `Results of ${config?.name ?? "the run"}`))),
    h("div", { class: "title" }, h("h1", {}, filename ?? id), h("span", { class: `status ${result.status}` }, REVIEWED[result.status])),
    filename ? h("p", { class: "ident" }, "Document ", h("code", {}, id)) : null,
    h("p", {}, matched ? ["Matched with ", h("strong", {}, matched)] : isOpen ? "Worth a look" : "No match", matched && isOpen ? ", worth a look" : "", `, confidence ${confidence(result.confidence)}, decided by ${RESOLVERS[result.resolved_by] ?? result.resolved_by}.`),
    result.error ? h("p", { class: "notice bad" }, result.error) : null,
    run.dry_run ? null : h("p", { "data-needs": "write" }, h("a", { class: "button primary", href: `#/runs/${runId}/review?result=${result.id}` }, "Review this")),
    aiNote(result.evidence, matched),
    shown ? h("section", { class: "panel" }, h("h2", {}, matched ? "Why this row" : `The best candidate: ${shown}`), evidence(result.evidence, threshold, shown, result.rule_confidence))
      : h("p", { class: "empty" }, "No row of the reference data agrees with this document in anything."),
    others.length ? h("section", { class: "panel" }, h("h2", {}, "Other candidates"), others.map((each) =>
      h("details", {}, h("summary", {}, each.reference_row_id, " ", h("span", { class: "number dim" }, confidence(each.confidence))), evidence(each.evidence, threshold, each.reference_row_id, each.confidence)))) : null,
    past.data.length ? h("section", { class: "panel" }, h("h2", {}, "Reviews"), h("ul", { class: "told-of" }, past.data.map(reviewed))) : null);
}

const evidence = (given, threshold, reference, known) =>
  h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Evidence for ${reference}` }, evidenceTable(given, { threshold, reference, known }));

function reviewed(review) {
  const row = review.matched_reference_row_id;
  return h("li", {},
    h("p", {}, h("span", { class: `status ${review.status}` }, REVIEWED[review.status]), ` ${byKey(review.reviewed_by)} on ${new Date(review.reviewed_at).toLocaleString()}${row ? `, matched with ${row}` : ""}`),
    review.notes ? h("p", { class: "notes" }, review.notes) : null);
}
