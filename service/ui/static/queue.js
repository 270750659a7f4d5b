// Which results does a reviewer go through? A queue of cards, read ahead of where one is.

import { ask, runPath, withQuery } from "./api.js";
import { bounds } from "./histogram.js";
import { FILTERS } from "./verdicts.js";

const PAGE = 50;
export const QUEUES = [["unsure", "Worth a look"], ["matched", "Matched"], ["none", "No match"], ["ai", "Decided by the AI"], ["pending", "All that wait"], ["approved", "Approved"], ["rejected", "Rejected"]];

/** What the API is asked for; `range` holds the first and the last bin. */
export function filtersOf({ mode, range }) {
  const pending = { status: "pending" };
  switch (mode) {
    case "range": return { ...pending, min_confidence: bounds(range[0]).min_confidence, max_confidence: bounds(range[1]).max_confidence };
    case "unsure": return { ...pending, ...FILTERS.unsure };
    case "matched": return { ...pending, ...FILTERS.sure };
    case "none": return { ...pending, ...FILTERS.low };
    case "ai": return { ...pending, resolved_by: "ai" };
    default: return { status: mode };
  }
}

/** Read a queue's first cards; `ahead(at)` reads on before the cards behind `at` run out. */
export async function readQueue(runId, filters) {
  const read = (cursor) => ask("GET", withQuery(`${runPath(runId)}/results`, { ...filters, limit: PAGE, cursor }));
  const first = await read(null);
  const cards = first.data;
  let cursor = first.pagination.next_cursor;
  let reading = null;

  async function readOn() {
    const page = await read(cursor);
    cards.push(...page.data);
    cursor = page.pagination.next_cursor;
  }
  return {
    cards,
    total: first.pagination.total,
    hasMore: () => Boolean(cursor),
    ahead(at) {
      if (!cursor || cards.length - at > PAGE / 2) return Promise.resolve();
      reading ??= readOn().finally(() => { reading = null; });
      return reading;
    },
  };
}

/** A queue of the one result that a link names. */
export async function readOne(runId, resultId) {
  const card = await ask("GET", `${runPath(runId)}/results/${resultId}`);
  return { cards: [card], total: 1, hasMore: () => false, ahead: () => Promise.resolve() };
}
