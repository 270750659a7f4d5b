// How much alike are two columns by their names, and by their values? The same as `service/cli/likeness.py`.

// Words of names that mean the same, in English and German.
const MEANINGS = {
  amount: "amount total sum summe betrag gesamtbetrag price preis value wert revenue umsatz",
  date: "date day since datum tag seit",
  vendor: "vendor supplier seller creditor lieferant kreditor verkaufer",
  company: "company business firm firma unternehmen",
  customer: "customer client buyer debtor kunde debitor kaufer",
  invoice: "invoice bill rechnung",
  order: "order orders po bestellung auftrag",
  number: "number no nr num nummer",
  name: "name title titel bezeichnung",
  description: "description text memo note beschreibung verwendungszweck",
  city: "city town ort stadt",
  street: "street address addr strasse adresse anschrift",
  postcode: "postcode zip plz postal postleitzahl",
  country: "country land",
  currency: "currency ccy wahrung waehrung",
  quantity: "quantity qty menge anzahl",
  phone: "phone telephone tel telefon",
  email: "email mail",
  product: "product item article artikel produkt sku",
};
// What is written in digits and measures nothing.
const CODES = ["postcode", "phone"];
const MEANING = new Map(Object.entries(MEANINGS).flatMap(([meaning, words]) => words.split(" ").map((word) => [word, meaning])));
// A word that ends with one so long is of its kind: rechnungsbetrag, totalamount.
const ENDING = 4;
// Likeness of names of which one has all words of the other.
const CONTAINED = 0.8;
// What is known of values that have the same words, not the same text.
const BY_WORDS = 0.8;
const DIGITS = 3;

/** Compare names by what their words mean, and letter by letter where few are the same. */
export function ofNames(one, other) {
  const [words, others] = [meanings(one), meanings(other)];
  const shared = [...words].filter((word) => others.has(word)).length;
  if (shared && shared === Math.min(words.size, others.size)) return words.size === others.size ? 1 : CONTAINED;
  return Math.max(shared / Math.max(1, new Set([...words, ...others]).size), letters(one.toLowerCase(), other.toLowerCase()));
}

/** Whether a column of this name has codes, of which a near one is another. */
export function namesCodes(name) {
  const found = meanings(name);
  return CODES.some((code) => found.has(code));
}

function meanings(name) {
  const found = new Set();
  for (const word of plain(name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, " ")).match(/[\p{L}\p{N}]+/gu) ?? []) {
    found.add(MEANING.get(word) ?? word);
    for (const [ending, meaning] of MEANING) if (ending.length >= ENDING && word.endsWith(ending)) found.add(meaning);
  }
  return found;
}

/** Dice's coefficient of the pairs of letters. */
function letters(one, other) {
  const pairs = (text) => Array.from({ length: Math.max(0, text.length - 1) }, (_, at) => text.slice(at, at + 2));
  const left = pairs(other);
  const all = pairs(one).length + left.length;
  let shared = 0;
  for (const pair of pairs(one)) {
    const at = left.indexOf(pair);
    if (at < 0) continue;
    left.splice(at, 1);
    shared += 1;
  }
  return all ? (2 * shared) / all : 0;
}

/** The share of the values that the other side has: numbers by their digits, texts by their words. */
export function ofValues(one, other, areNumbers) {
  if (areNumbers) return share(digits(one), digits(other));
  return Math.max(share(folded(one), folded(other)), BY_WORDS * share(words(one), words(other)));
}

/** The share of the ids that the other side has as they are. */
export const ofIds = (one, other) => share(folded(one), folded(other));

function share(mine, others) {
  let shared = 0;
  for (const value of mine) if (others.has(value)) shared += 1;
  return shared / Math.max(1, mine.size);
}

/** Made once for a list of values, and not for every pair of columns. */
function once(make) {
  const made = new WeakMap();
  return (values) => {
    if (!made.has(values)) made.set(values, new Set(make(values)));
    return made.get(values);
  };
}

const folded = once((values) => values.map((value) => value.toLowerCase().trim()));
/** Words of texts; letters of identifiers such as INV-17 are none. */
const words = once((values) => values.filter((value) => !/^\S*\d\S*$/.test(value)).flatMap((value) => plain(value).match(/\p{L}{3,}/gu) ?? []));
/** Digits without zeros around them: 1.250,50 as 1250.5. Short ones are everywhere. */
const digits = once((values) => values.map((value) => value.replace(/[^0-9]/g, "").replace(/^0+|0+$/g, "")).filter((each) => each.length >= DIGITS));

/** Text in lower case and without accents. */
const plain = (text) => text.toLowerCase().replaceAll("ß", "ss").normalize("NFKD").replace(/\p{M}/gu, "");
