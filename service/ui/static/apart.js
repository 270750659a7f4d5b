// How far are two dates or two numbers apart, in words? Only where both can be read without doubt; pure.

import { plural } from "./words.js";

const DAY_MILLISECONDS = 86_400_000;
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const YEAR_FIRST = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T ]\d.*)?$/i;
const YEAR_LAST = /^(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})$/;
// Two digits up to this one are of this century, as the service reads them.
const LAST_OF_THIS_CENTURY = 68;
const NAMED = [/^(?<day>\d{1,2})(?:\.|st|nd|rd|th)?[ -](?<month>[a-z]{3,9})\.?,?[ -](?<year>\d{4})$/i, /^(?<month>[a-z]{3,9})\.? (?<day>\d{1,2})(?:st|nd|rd|th)?,? (?<year>\d{4})$/i];
const FULL = /^(january|february|march|april|may|june|july|august|september|october|november|december|sept?|[a-z]{3})$/i;
// A code or a sign of a currency before or behind; what stands between is the number.
const AMOUNT = /^(?:[A-Z]{3}|\p{Sc})?\s*(-?)\s*(\d[\d.,' ]*)\s*(?:[A-Z]{3}|\p{Sc})?$/u;
const THOUSANDS_OR_THOUSANDTHS = /^[1-9]\d{0,2}[.,]\d{3}$/;

/**
 * What the reference is, seen from the document: "34 days later", "38.68 less". Null where one of them
 * leaves a doubt, where they are equal, and where the score speaks against what was read.
 */
export function apart({ strategy, score, document_value: one, reference_value: other }) {
  if (score === 1) return null; // equal, or as good as that
  if (strategy === "date_range") return inDays(dayOf(one), dayOf(other));
  return strategy === "numeric_range" ? inUnits(numberOf(one), numberOf(other)) : null;
}

function inDays(one, other) {
  if (one === null || other === null || one === other) return null;
  return `${plural(Math.abs(other - one), "day", "days")} ${other > one ? "later" : "earlier"}`;
}

function inUnits(one, other) {
  if (one === null || other === null || one.value === other.value) return null;
  const digits = Math.max(one.digits, other.digits);
  const difference = Math.abs(other.value - one.value).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${difference} ${other.value > one.value ? "more" : "less"}`;
}

/** Days since 1970; null for what is none, or could be two. */
export function dayOf(value) {
  const text = String(value ?? "").trim();
  const first = text.match(YEAR_FIRST);
  if (first) return day(first[1], first[3], first[4]);
  const last = text.match(YEAR_LAST);
  if (last) {
    const [one, mark, other, digits] = last.slice(1);
    const year = digits.length === 4 ? digits : Number(digits) + (Number(digits) <= LAST_OF_THIS_CENTURY ? 2000 : 1900);
    // With points the day stands first; else only a number beyond twelve tells.
    if (mark === "." || Number(one) > 12 || one === other) return day(year, other, one);
    return Number(other) > 12 ? day(year, one, other) : null;
  }
  const named = NAMED.map((form) => text.match(form)?.groups).find(Boolean);
  if (!named || !FULL.test(named.month)) return null;
  return day(named.year, MONTHS.indexOf(named.month.slice(0, 3).toLowerCase()) + 1, named.day);
}

function day(year, month, date) {
  const [wantedMonth, wantedDate] = [Number(month) - 1, Number(date)];
  const made = new Date(Date.UTC(Number(year), wantedMonth, wantedDate));
  const isThere = Number(year) >= 100 && made.getUTCMonth() === wantedMonth && made.getUTCDate() === wantedDate;
  return isThere ? made.getTime() / DAY_MILLISECONDS : null;
}

/** `{value, digits}` behind the point; null for what is no number, or could be two. */
export function numberOf(value) {
  if (typeof value === "number") return plain(String(value));
  const found = String(value ?? "").trim().match(AMOUNT);
  if (!found) return null;
  const body = found[2].trim();
  const number = /[ ']/.test(body) ? spaced(body) : marked(body);
  return number && { ...number, value: found[1] ? -number.value : number.value };
}

function plain(text) {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return null;
  return { value: Number(text), digits: text.split(".")[1]?.length ?? 0 };
}

function spaced(body) {
  return /^\d{1,3}([ '])\d{3}(?:\1\d{3})*(?:[.,]\d+)?$/.test(body) ? plain(body.replace(/[ ']/g, "").replace(",", ".")) : null;
}

function marked(body) {
  if (THOUSANDS_OR_THOUSANDTHS.test(body)) return null;
  if (/^\d+([.,]\d+)?$/.test(body)) return plain(body.replace(",", "."));
  if (/^\d{1,3}(,\d{3})+(\.\d+)?$/.test(body)) return plain(body.replaceAll(",", ""));
  if (/^\d{1,3}(\.\d{3})+(,\d+)?$/.test(body)) return plain(body.replaceAll(".", "").replace(",", "."));
  return null;
}
