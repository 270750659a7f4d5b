// Where do two values differ? In words, and within words that are nearly the same; pure.

const NEAR = 0.6;
// Beyond these, comparing every character with every other takes too long to be worth it.
const MOST_CHARACTERS = 80;
const MOST_PAIRS = 2500;
const TOKENS = /[\p{L}\p{M}\p{N}]+|&|[^\p{L}\p{M}\p{N}&]+/gu;
// Dates and numbers are written in many ways: equal signs in them mean nothing.
const MEASURED = new Set(["date_range", "numeric_range"]);

/**
 * Take both values apart into parts of `{text, differs}`. What is equal once it is normalised, case,
 * accents, punctuation and the order of words, does not differ; within dates and numbers nothing does.
 */
export function differences(one, other, strategy) {
  const left = tokens(one);
  const right = tokens(other);
  if (MEASURED.has(strategy) || squashed(left) === squashed(right)) [...left, ...right].forEach((token) => { token.isKnown = true; });
  else {
    pairEqual(left, right);
    pairNear(left, right);
    // The same words in another order, where the order counts.
    if (![...left, ...right].some(differs) && strategy === "exact") markInOrder(left, right);
  }
  return [parts(left), parts(right)];
}

/** Shorten what is long and equal; `isWhole` says whether nothing was left out. */
export function shortened(all, most = 240, kept = 40) {
  if (all.reduce((sum, part) => sum + part.text.length, 0) <= most) return { parts: all, isWhole: true };
  let left = most;
  const shown = [];
  for (const [place, part] of all.entries()) {
    if (left <= 0) break;
    const text = part.differs ? cut(part.text, left) : folded(part.text, kept, place === 0, place === all.length - 1);
    shown.push({ ...part, text });
    left -= text.length;
  }
  if (shown.length < all.length) shown.push({ text: " …", differs: false });
  return { parts: shown, isWhole: false };
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);

function folded(text, kept, isFirst, isLast) {
  if (text.length <= 3 * kept) return text;
  if (isFirst && isLast) return cut(text, 5 * kept);
  return `${text.slice(0, kept)} … ${isLast ? "" : text.slice(-kept)}`;
}

const normal = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/ß/g, "ss").replace(/^&$/, "and");

function tokens(value) {
  return (String(value ?? "").match(TOKENS) ?? []).map((text) => {
    const isWord = /[\p{L}\p{N}&]/u.test(text);
    return { text, key: isWord ? normal(text) : "", isWord, isKnown: !isWord, marks: null };
  });
}

const squashed = (side) => side.map((token) => token.key).join("");
const differs = (token) => !token.isKnown;

function pairEqual(left, right) {
  const free = new Map();
  for (const token of right.filter(differs)) free.set(token.key, [...(free.get(token.key) ?? []), token]);
  for (const token of left.filter(differs)) {
    const twin = free.get(token.key)?.shift();
    if (twin) token.isKnown = twin.isKnown = true;
  }
}

function pairNear(left, right) {
  const ours = left.filter(differs);
  const theirs = right.filter(differs);
  if (ours.length * theirs.length > MOST_PAIRS) return;
  const free = new Set(theirs);
  for (const token of ours) {
    const best = [...free].map((twin) => ({ twin, ...compared(token.text, twin.text) }))
      .reduce((best, each) => (each.share > (best?.share ?? 0) ? each : best), null);
    if (!best || best.share < NEAR) continue;
    free.delete(best.twin);
    [token.marks, best.twin.marks] = best.marks;
  }
}

/** Two words, character by character: the share that is common, and what differs in each. */
function compared(one, other) {
  const left = [...one];
  const right = [...other];
  const marks = commonPlaces(left.map(normal), right.map(normal));
  const common = marks[0].filter((isCommon) => isCommon).length;
  const named = [left, right].map((side, at) => side.map((text, place) => ({ text, differs: !marks[at][place] })));
  return { share: (2 * common) / (left.length + right.length), marks: named };
}

/** For each place of both lists, whether it belongs to their longest common subsequence. */
function commonPlaces(left, right) {
  const marks = [left.map(() => false), right.map(() => false)];
  let start = 0;
  let ends = [left.length, right.length];
  while (start < Math.min(...ends) && left[start] === right[start]) marks[0][start] = marks[1][start++] = true;
  while (Math.min(...ends) > start && left[ends[0] - 1] === right[ends[1] - 1]) {
    ends = ends.map((end) => end - 1);
    marks[0][ends[0]] = marks[1][ends[1]] = true;
  }
  const middle = [left.slice(start, ends[0]), right.slice(start, ends[1])];
  if (Math.max(...middle.map((part) => part.length)) <= MOST_CHARACTERS) {
    for (const [at, place] of longestCommon(...middle)) marks[0][start + at] = marks[1][start + place] = true;
  }
  return marks;
}

function longestCommon(left, right) {
  const lengths = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
  for (let at = left.length - 1; at >= 0; at -= 1) {
    for (let place = right.length - 1; place >= 0; place -= 1) {
      lengths[at][place] = left[at] === right[place] ? lengths[at + 1][place + 1] + 1 : Math.max(lengths[at + 1][place], lengths[at][place + 1]);
    }
  }
  const pairs = [];
  for (let at = 0, place = 0; at < left.length && place < right.length;) {
    if (left[at] === right[place]) pairs.push([at++, place++]);
    else if (lengths[at + 1][place] >= lengths[at][place + 1]) at += 1;
    else place += 1;
  }
  return pairs;
}

function markInOrder(left, right) {
  const sides = [left, right].map((side) => side.filter((token) => token.isWord));
  const marks = commonPlaces(...sides.map((side) => side.map((token) => token.key)));
  sides.forEach((side, at) => side.forEach((token, place) => { token.isKnown = marks[at][place]; }));
}

/** Tokens as parts; neighbours that are alike become one. */
function parts(side) {
  const joined = [];
  for (const part of side.flatMap((token) => token.marks ?? { text: token.text, differs: differs(token) })) {
    const last = joined.at(-1);
    if (last && last.differs === part.differs) last.text += part.text;
    else joined.push({ ...part });
  }
  return joined;
}
