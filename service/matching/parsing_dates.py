"""Which day does a written date mean?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.matching.months import MONTHS, WEEKDAYS
from service.matching.normalize import split_words

# Two-digit years up to this one belong to 2000, the others to 1900 (POSIX strptime).
_LAST_TWO_DIGIT_YEAR_OF_2000 = 68
_EPOCH = date(1970, 1, 1).toordinal()
_BLOCK_VALUES = 65_536

_ISO_LINES = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}\n)+")
_TIME = r"(?:(?:t|,?\s+)\d{1,2}[:.h]?\d{2}(?:$|[:.\s+\-z]).*|z)?"
_YEAR_FIRST = re.compile(
    rf"(\d{{4}})(?:([-/.])\s?(\d{{1,2}})\2\s?(\d{{1,2}})\.?|(\d{{2}})(\d{{2}})){_TIME}", re.DOTALL
)
_YEAR_LAST = re.compile(
    rf"(\d{{1,2}})\s?([-/.\s])\s?(\d{{1,2}})\s?\2\s?(\d{{4}}|'?\d{{2}})\.?{_TIME}", re.DOTALL
)
_CLOCK = re.compile(r"[t,\s]\s*\d{1,2}:\d{2}.*$", re.DOTALL)
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th|er|e|o|a)?")
_DIGITS_AND_LETTERS = re.compile(r"(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d]{3})")
_PASSED_OVER = WEEKDAYS | {"de", "del", "of", "the", "den", "der", "le", "el", "il"}
_LONGEST_DATE = 60

_Reading = tuple[float, float]
_UNREADABLE: _Reading = (np.nan, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class DateReadings:
    """Both readings of each text, in days since 1970-01-01, NaN where a reading is impossible.

    They differ only where day and month are both numbers: `day_first` is 3 April for 03/04/2024.
    """

    day_first: NDArray[np.float64]
    month_first: NDArray[np.float64]

    def evident_order(self) -> bool | None:
        """Whether the day stands first, by the values that have one reading only.

        None when no value tells, or as many tell one as the other.
        """
        day_first_only = np.isnan(self.month_first) & ~np.isnan(self.day_first)
        month_first_only = np.isnan(self.day_first) & ~np.isnan(self.month_first)
        votes = int(day_first_only.sum()) - int(month_first_only.sum())
        return votes > 0 if votes else None

    def settle(self, *, day_first: bool) -> NDArray[np.float64]:
        """Return the days by the given order, by the other one where only that is possible."""
        first, second = self.day_first, self.month_first
        if not day_first:
            first, second = second, first
        return np.where(np.isnan(first), second, first)


def read_dates(texts: Sequence[str]) -> DateReadings:
    """Read every text; time parts are ignored, the day counts as written.

    Columns of plain ISO dates take a path without a Python loop.
    """
    day_first = np.empty(len(texts))
    month_first = np.empty(len(texts))
    for start in range(0, len(texts), _BLOCK_VALUES):
        block = texts[start : start + _BLOCK_VALUES]
        end = start + len(block)
        days = _read_iso_block(block)
        if days is None:
            readings = np.array([_read_date(text) for text in block])
            day_first[start:end], month_first[start:end] = readings[:, 0], readings[:, 1]
        else:
            day_first[start:end] = month_first[start:end] = days
    return DateReadings(day_first, month_first)


def _read_iso_block(block: Sequence[str]) -> NDArray[np.float64] | None:
    if not _ISO_LINES.fullmatch("\n".join(block) + "\n"):
        return None
    try:
        days = np.array(block, dtype="datetime64[D]")
    except ValueError:  # a day that the calendar does not have
        return None
    in_calendar = days >= np.datetime64("0001-01-01")
    return np.where(in_calendar, days.astype(np.float64), np.nan)


def _read_date(text: str) -> _Reading:
    text = text.strip().lower()
    return _UNREADABLE if len(text) > _LONGEST_DATE else _read_short(text)


# Documents have the same days again and again.
@lru_cache(maxsize=4096)
def _read_short(text: str) -> _Reading:
    if match := _YEAR_FIRST.fullmatch(text):
        year, _, month, day, plain_month, plain_day = match.groups()
        days = _days(int(year), int(month or plain_month), int(day or plain_day))
        return days, days
    if match := _YEAR_LAST.fullmatch(text):
        first, second, year = int(match[1]), int(match[3]), _full_year(match[4].lstrip("'"))
        return _days(year, second, first), _days(year, first, second)
    return _read_named_month(text)


def _read_named_month(text: str) -> _Reading:
    """Read 3 Mar 2024, March 3rd, 2024, Mon, 3. März 2024, 3 de marzo de 2024, 3-MAR-24."""
    words = split_words(_DIGITS_AND_LETTERS.sub(" ", _CLOCK.sub("", text)))
    months = [number for word in words if (number := MONTHS.get(word))]
    numbers = [match[1] for word in words if (match := _ORDINAL.fullmatch(word))]
    passed_over = sum(word in _PASSED_OVER for word in words)
    if (len(months), len(numbers)) != (1, 2) or len(words) != 3 + passed_over:
        return _UNREADABLE
    day, year = numbers
    if len(day) == 4:
        day, year = year, day
    if len(day) > 2 or len(year) not in (2, 4):
        return _UNREADABLE
    days = _days(_full_year(year), months[0], int(day))
    return days, days


def _full_year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if year <= _LAST_TWO_DIGIT_YEAR_OF_2000 else 1900)


def _days(year: int, month: int, day: int) -> float:
    try:
        return float(date(year, month, day).toordinal() - _EPOCH)
    except ValueError:
        return np.nan
