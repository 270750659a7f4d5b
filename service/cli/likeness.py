"""How much alike are two columns by their names, and by their values?

`ui/static/likeness.js` does the same, word by word.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Set
from functools import lru_cache

# Words of names that mean the same, in English and German.
_MEANINGS = {
    "amount": "amount total sum summe betrag gesamtbetrag price preis value wert revenue umsatz",
    "date": "date day since datum tag seit",
    "vendor": "vendor supplier seller creditor lieferant kreditor verkaufer",
    "company": "company business firm firma unternehmen",
    "customer": "customer client buyer debtor kunde debitor kaufer",
    "invoice": "invoice bill rechnung",
    "order": "order orders po bestellung auftrag",
    "number": "number no nr num nummer",
    "name": "name title titel bezeichnung",
    "description": "description text memo note beschreibung verwendungszweck",
    "city": "city town ort stadt",
    "street": "street address addr strasse adresse anschrift",
    "postcode": "postcode zip plz postal postleitzahl",
    "country": "country land",
    "currency": "currency ccy wahrung waehrung",
    "quantity": "quantity qty menge anzahl",
    "phone": "phone telephone tel telefon",
    "email": "email mail",
    "product": "product item article artikel produkt sku",
}
# What is written in digits and measures nothing.
_CODES = frozenset({"postcode", "phone"})
_MEANING = {word: meaning for meaning, words in _MEANINGS.items() for word in words.split()}
# A word that ends with one so long is of its kind: rechnungsbetrag, totalamount.
_ENDING = 4
# Likeness of names of which one has all words of the other.
_CONTAINED = 0.8
# What is known of values that have the same words, not the same text.
_BY_WORDS = 0.8
_DIGITS = 3
_CACHED_SIDES = 1024

_WORDS = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]{3,}")
_IDENTIFIER = re.compile(r"\S*\d\S*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def of_names(one: str, other: str) -> float:
    """Compare names by what their words mean, and letter by letter where few are the same."""
    words, others = _meanings(one), _meanings(other)
    shared = len(words & others)
    if shared and shared == min(len(words), len(others)):
        return 1.0 if words == others else _CONTAINED
    return max(shared / max(len(words | others), 1), _letters(one.lower(), other.lower()))


def names_codes(name: str) -> bool:
    """Whether a column of this name has codes, of which a near one is another."""
    return not _CODES.isdisjoint(_meanings(name))


@lru_cache(maxsize=_CACHED_SIDES)
def _meanings(name: str) -> frozenset[str]:
    found = set()
    for word in _WORDS.findall(_plain(_HUMP.sub(" ", name))):
        found.add(_MEANING.get(word, word))
        found |= {
            meaning
            for ending, meaning in _MEANING.items()
            if len(ending) >= _ENDING and word.endswith(ending)
        }
    return frozenset(found)


def _letters(one: str, other: str) -> float:
    """Dice's coefficient of the pairs of letters."""
    pairs, others = (
        Counter(text[place : place + 2] for place in range(len(text) - 1)) for text in (one, other)
    )
    total = pairs.total() + others.total()
    return 2 * (pairs & others).total() / total if total else 0.0


def of_values(one: tuple[str, ...], other: tuple[str, ...], *, are_numbers: bool) -> float:
    """Return the share of the values that the other side has: numbers by digits, texts by words."""
    if are_numbers:
        return _share(_digits(one), _digits(other))
    by_words = _BY_WORDS * _share(_value_words(one), _value_words(other))
    return max(_share(_folded(one), _folded(other)), by_words)


def of_ids(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Return the share of the ids that the other side has as they are."""
    return _share(_folded(one), _folded(other))


def _share(mine: Set[str], others: Set[str]) -> float:
    return len(mine & others) / max(len(mine), 1)


@lru_cache(maxsize=_CACHED_SIDES)
def _folded(values: tuple[str, ...]) -> frozenset[str]:
    """The values without case, made once and not for every pair of columns."""
    return frozenset(value.lower().strip() for value in values)


@lru_cache(maxsize=_CACHED_SIDES)
def _value_words(values: tuple[str, ...]) -> frozenset[str]:
    """Words of texts; letters of identifiers such as INV-17 are none."""
    texts = (value for value in values if not _IDENTIFIER.fullmatch(value))
    return frozenset(word for text in texts for word in _LETTERS.findall(_plain(text)))


@lru_cache(maxsize=_CACHED_SIDES)
def _digits(values: tuple[str, ...]) -> frozenset[str]:
    """Digits without zeros around them: 1.250,50 as 1250.5. Short ones are everywhere."""
    digits = (re.sub("[^0-9]", "", value).strip("0") for value in values)
    return frozenset(each for each in digits if len(each) >= _DIGITS)


def _plain(text: str) -> str:
    """Text in lower case and without accents."""
    parts = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    return "".join(sign for sign in parts if not unicodedata.category(sign).startswith("M"))
