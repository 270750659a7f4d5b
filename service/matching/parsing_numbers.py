"""Which number does a written amount mean?"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

# Beyond this a text is no amount, and sums of squares or differences could overflow.
_LARGEST_MAGNITUDE = 1e100
_BLOCK_VALUES = 65_536
_LONGEST_NUMBER = 200

_PLAIN_LINES = re.compile(r"(?:-?[0-9]{1,15}(?:\.(?:[0-9]{1,2}|[0-9]{4,9}))?\n)+")
_SPACES_AND_DASHES = str.maketrans(
    dict.fromkeys("\u00a0\u2007\u2009\u202f\t", " ")
    | dict.fromkeys("\u2018\u2019`", "'")
    | dict.fromkeys("\u2212\u2013\u2014", "-")
)
# Plain digits have none: to look ahead takes less time than to try each at either end.
_CURRENCY = (
    r"(?:(?=\D)(?:"
    r"(?:us|ca|c|au|a|nz|hk|s|r|mx)?\$|[£€¥₹₽₺₴₩₪₫฿₦₱₡₲₵₸₼₾₿¢]|euros?|kr\.?|kc|kč|zł|zl|ft|lei|"
    r"tl|rs\.?|sfr\.?|fr\.?|\u0440\u0443\u0431\.?|usd|eur|gbp|chf|sek|nok|dkk|isk|pln|czk|huf|ron|bgn|rsd|try|"
    r"rub|uah|jpy|cny|rmb|hkd|twd|krw|inr|idr|myr|php|sgd|thb|vnd|aud|nzd|cad|mxn|brl|ars|clp|"
    r"cop|pen|zar|egp|ngn|kes|mad|aed|sar|qar|kwd|bhd|ils))?"
)
# A dash right after a decimal mark stands for no cents ("12,-"); elsewhere it is a minus.
# What repeats is possessive: nothing that follows could use what it gives back, and a run of
# spaces would else be shared out among the parts in every possible way.
_AMOUNT = re.compile(
    rf"(?P<open>\()?\s*+(?P<sign>[-+]?)\s*+{_CURRENCY}\s*+(?P<inner_sign>[-+]?)\s*+"
    r"(?P<body>(?:\d|[.,](?=\d))[\d.,' ]*+)(?P<exponent>(?:e[-+]?\d{1,4})?)(?:(?<=[.,])--?)?"
    rf"\s*+%?\s*+(?P<trailing>-?)\s*+{_CURRENCY}\s*+(?P<last>-?)\s*+(?P<close>\))?",
    re.IGNORECASE,
)
_SPACED = re.compile(r"\d{1,3}([ '])\d{3}(?:\1\d{3})*(?:[.,]\d*)?")
# Groups of two are Indian: 12,34,567.
_GROUPED = {
    ".": re.compile(r"\d{1,3}(?:\.\d{2,3})*\.\d{3}"),
    ",": re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}"),
}
_THOUSANDS_OR_THOUSANDTHS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How a column's texts of the shape 1.234 or 1,234 are meant.

    A mark in `own_decimal_marks` is a decimal mark in the column itself; one in
    `three_place_marks` is one in documents compared with the column as well. Any other mark in
    that shape separates thousands.
    """

    own_decimal_marks: frozenset[str] = frozenset()
    three_place_marks: frozenset[str] = frozenset()


def infer_style(texts: Sequence[str]) -> NumberStyle:
    """Read a column's habit from the values that leave no doubt.

    A mark that some value uses for decimals does so in doubtful values as well. Documents follow
    only where the column writes three decimals with it, because they come from other hands: an
    order of 1234.50 is invoiced as 1.234 too.
    """
    decimal_marks: set[str] = set()
    three_place_marks: set[str] = set()
    for block in _blocks(texts):
        if _is_plain(block):
            decimal_marks |= {"."} & set("".join(block))
            continue
        for amount in map(_take_apart, block):
            if amount is not None and amount.mark:
                if amount.is_settled:
                    decimal_marks.add(amount.mark)
                if amount.has_three_places:
                    three_place_marks.add(amount.mark)
    own = frozenset(decimal_marks)
    return NumberStyle(own, own & three_place_marks)


def read_numbers(texts: Sequence[str], decimal_marks: frozenset[str]) -> NDArray[np.float64]:
    """Read every text, NaN where it is no number; all results are finite.

    `decimal_marks` settles the texts that could mean thousands or thousandths (see NumberStyle).
    Columns of plain decimals take a path without a Python loop.
    """
    blocks = [np.empty(0)]
    for block in _blocks(texts):
        if _is_plain(block):
            blocks.append(np.array(block).astype(np.float64))
        else:
            blocks.append(np.array([_read_number(text, decimal_marks) for text in block]))
    return np.concatenate(blocks)


def bounded(value: float) -> float:
    """Return the value as float, NaN when it is not finite or too large for an amount."""
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if abs(number) <= _LARGEST_MAGNITUDE else math.nan


class _Amount(msgspec.Struct, frozen=True):
    """An amount taken apart: `body` holds digits and marks, `mark` may be its decimal mark.

    A structure rather than a dataclass: millions are made.
    """

    body: str
    exponent: str
    is_negative: bool
    mark: str
    is_settled: bool

    @property
    def has_three_places(self) -> bool:
        return len(self.body) - self.body.rfind(self.mark) == 4


def _blocks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), _BLOCK_VALUES):
        yield texts[start : start + _BLOCK_VALUES]


def _is_plain(block: Sequence[str]) -> bool:
    """Whether all are plain decimals that mean one number in any convention."""
    lines = "\n".join(block) + "\n"
    # A text of several lines would pass for several texts.
    return lines.count("\n") == len(block) and _PLAIN_LINES.fullmatch(lines) is not None


def _read_number(text: str, decimal_marks: frozenset[str]) -> float:
    amount = _take_apart(text)
    if amount is None:
        return math.nan
    body, mark = amount.body, amount.mark
    if mark and (amount.is_settled or mark in decimal_marks):
        whole, _, decimals = body.rpartition(mark)
        digits = f"{_only_digits(whole)}.{_only_digits(decimals)}"
    else:
        digits = _only_digits(body)
    value = bounded(float(digits + amount.exponent))
    return -value if amount.is_negative else value


def _only_digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _take_apart(text: str) -> _Amount | None:
    text = text.strip().translate(_SPACES_AND_DASHES)
    match = _AMOUNT.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if match is None:
        return None
    sign = "".join(match.group("sign", "inner_sign", "trailing", "last"))
    is_bracketed = match["open"] is not None
    if is_bracketed != (match["close"] is not None) or len(sign) + is_bracketed > 1:
        return None
    body = match["body"].strip()
    decimal = _find_decimal_mark(body)
    if decimal is None or (match["exponent"] and "," in body):
        return None
    mark, is_settled = decimal
    is_settled = is_settled or bool(match["exponent"])
    return _Amount(body, match["exponent"], is_bracketed or sign == "-", mark, is_settled)


def _find_decimal_mark(body: str) -> tuple[str, bool] | None:
    """Return the decimal mark ("" for none) and whether it is beyond doubt; None: no number."""
    marks = [mark for mark in ".," if mark in body]
    if " " in body or "'" in body:
        return ("".join(marks), True) if _SPACED.fullmatch(body) else None
    if len(marks) == 2:
        mark = max(marks, key=body.rfind)
        thousands = "," if mark == "." else "."
        whole, _, _ = body.rpartition(mark)
        return (mark, True) if _GROUPED[thousands].fullmatch(whole) else None
    if not marks:
        return "", True
    if body.count(marks[0]) > 1:
        return ("", True) if _GROUPED[marks[0]].fullmatch(body) else None
    return marks[0], not _THOUSANDS_OR_THOUSANDTHS.fullmatch(body)
