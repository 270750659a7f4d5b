// What did a run find for a document: a match, something worth a look, or none? One of the three, always.

import { ask, runPath, withQuery } from "./api.js";
import { TERMINAL } from "./words.js";

export const VERDICTS = { sure: "matched", unsure: "worth a look", low: "no match" };
const USUAL_MARGIN = 0.03;
const DIGITS = 4;

/** What the API is asked for to find the results of a verdict. */
export const FILTERS = {
  sure: { matched: "true", uncertain: "false" },
  unsure: { uncertain: "true" },
  low: { matched: "false", uncertain: "false" },
};

export const verdictOf = ({ uncertain, matched_reference_row_id: row }) => (uncertain ? "unsure" : row === null ? "low" : "sure");

/** The verdict by levels that are tried out, as `service/domain/results.py` would find it with them. */
export function verdictBy({ candidates }, { threshold, review, margin }) {
  const [best, second = 0] = candidates.map((each) => each.confidence);
  if (best === undefined) return "low";
  if (best < threshold) return best >= review ? "unsure" : "low";
  return Number((best - second).toFixed(DIGITS)) < (margin ?? USUAL_MARGIN) ? "unsure" : "sure";
}

/** How many of a sample have each verdict by such levels. */
export function countVerdicts(results, levels) {
  const counted = { sure: 0, unsure: 0, low: 0 };
  for (const result of results) counted[verdictBy(result, levels)] += 1;
  return counted;
}

const totalOf = async (runId, filters) => (await ask("GET", withQuery(`${runPath(runId)}/results`, { ...filters, limit: 1 }))).pagination.total;

/**
 * What the counters of a run do not tell: how many results are worth a look, how many of these have a
 * match all the same, with a close second (`ties`), and what reviews have made of all. Nobody reviews
 * before a run has ended.
 */
export async function tally({ id, status }, { threshold }) {
  const asked = [FILTERS.unsure, { ...FILTERS.unsure, min_confidence: threshold }];
  if (TERMINAL.has(status)) asked.push({ ...FILTERS.unsure, status: "pending" }, { status: "approved" }, { status: "rejected" });
  const [unsure, ties, left = unsure, approved, rejected] = await Promise.all(asked.map((filters) => totalOf(id, filters)));
  return { unsure, ties, left, approved, rejected };
}

/** How many documents an AI pass would look at: those worth a look that nobody has decided. */
export const countOpen = (runId) => totalOf(runId, { ...FILTERS.unsure, status: "pending", resolved_by: "rules" });

/** The documents of a run by verdict: they add up to those that are done. */
export function parted({ rows_processed: done, rows_matched: matched }, { unsure, ties }) {
  const sure = Math.max(0, matched - ties);
  return { sure, unsure, low: Math.max(0, done - sure - unsure) };
}
