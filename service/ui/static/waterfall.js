// How do the fields of a pair add up to its confidence? In steps that begin where the last ended; pure.

import { percents } from "./weights.js";

// As a person reads them, in tenths of a percent, rounded down as confidences are.
const TENTHS = 1000;
const tenths = (value) => Math.floor(value * TENTHS + 1e-3);
// The service's own figure is rounded after the sum, the evidence before it.
const ROUNDING = 0.0002;

/**
 * The steps of a waterfall, in the order of the mappings, and where it ends. `from` and `share` are as
 * they are; `shown` and `weighs` are share and weight in tenths of a percent, each as near as adding up
 * to `sum` and to the whole weight allows. `known` is the figure that the service has for the sum.
 */
export function waterfall(evidence, known = null) {
  const told = Object.entries(evidence).filter(([name, each]) => name !== "ai" && "score" in each);
  const exact = told.reduce((sum, [, each]) => sum + each.score * each.weight, 0);
  const sum = known !== null && Math.abs(known - exact) < ROUNDING ? known : exact;
  const last = told.findLastIndex(([, each]) => each.score * each.weight > 0);
  let reached = 0;
  const steps = told.map(([name, each], place) => {
    const from = reached;
    reached = place === last ? sum : reached + each.score * each.weight;
    return { ...each, name, from, share: reached - from };
  });
  const whole = steps.reduce((total, step) => total + step.weight, 0);
  const shown = percents(steps.map((step) => step.share), tenths(sum));
  const weighs = percents(steps.map((step) => step.weight), Math.round(whole * TENTHS));
  return {
    steps: steps.map((step, place) => ({ ...step, shown: shown[place] / TENTHS, weighs: weighs[place] / TENTHS })),
    sum: tenths(sum) / TENTHS,
  };
}
