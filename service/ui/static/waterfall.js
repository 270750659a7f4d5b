// How do the fields of a pair add up to its confidence? In steps that begin where the last ended; pure.

const DIGITS = 10_000;
const rounded = (value) => Math.round(value * DIGITS) / DIGITS;

/**
 * The steps of a waterfall, in the order of the mappings, and where it ends. `from` and `share` are as
 * they are; `shown` are rounded to four digits so that they add up to `sum` exactly.
 */
export function waterfall(evidence) {
  let reached = 0;
  const steps = Object.entries(evidence).filter(([name, each]) => name !== "ai" && "score" in each).map(([name, each]) => {
    const from = reached;
    reached += each.score * each.weight;
    return { ...each, name, from, share: reached - from, shown: rounded(rounded(reached) - rounded(from)) };
  });
  return { steps, sum: rounded(reached) };
}
