// How do weights share 100 %, whichever of them is moved?

/** Give the weight at `place` a value; the others keep their proportions in what is left. */
export function reweigh(weights, place, value) {
  if (weights.length === 1) return [1];
  const others = weights.reduce((sum, each, at) => (at === place ? sum : sum + each), 0);
  return weights.map((each, at) => {
    if (at === place) return value;
    return others ? (each / others) * (1 - value) : (1 - value) / (weights.length - 1);
  });
}

/** Whole percents that sum to 100, or other parts to `all`: the largest remainders are rounded up. */
export function percents(weights, all = 100) {
  const sum = weights.reduce((total, each) => total + each, 0) || 1;
  const exact = weights.map((each) => (each / sum) * all);
  const whole = exact.map(Math.floor);
  const left = all - whole.reduce((total, each) => total + each, 0);
  const order = exact.map((each, place) => [each - whole[place], place]).sort((one, other) => other[0] - one[0] || one[1] - other[1]);
  for (const [, place] of order.slice(0, weights.length ? left : 0)) whole[place] += 1;
  return whole;
}
