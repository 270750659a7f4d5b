"""What does a version of reference data look like, ready to be searched by a set of mappings?"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import FieldMapping, FuzzyMapping, MatchingRules, needs_number
from service.domain.errors import MatchingFailedError
from service.domain.identifiers import ReferenceRowId
from service.matching.columns import (
    MISSING,
    Column,
    Kind,
    Reading,
    Values,
    is_unreadable,
    text_for,
    type_reference,
)
from service.matching.layout import lay_out
from service.matching.numbering import Numbered, Rows, number, number_texts
from service.matching.reference_column import ReferenceColumn, UnreadableReference
from service.matching.text_lookup import TextLookup
from service.matching.texts import Texts

BUILDING_THREADS = 2
# What placeholders begin with, besides "n/": see `columns.is_placeholder`.
_FIRST_SIGNS = np.frombuffer(b"?._/-#", dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class ReferenceIndex:
    """Reference rows by position, with one column per mapping in mapping order.

    Depends on the mappings' targets, strategies and options, not on weights or thresholds.
    `layout` holds the arrays of `layout.lay_out` by name.
    """

    rows: TextLookup
    columns: tuple[ReferenceColumn, ...]
    layout: Mapping[str, NDArray[Any]]

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return len(self.rows.texts)

    @property
    def row_ids(self) -> Texts:
        """The id of each row."""
        return self.rows.texts

    @property
    def unreadable(self) -> tuple[UnreadableReference, ...]:
        """What could not be read, at most one entry per mapping, in mapping order."""
        return tuple(column.unreadable for column in self.columns if column.unreadable)

    def find_rows(self, row_ids: Iterable[ReferenceRowId]) -> dict[ReferenceRowId, int]:
        """Return the positions of those of the ids that exist."""
        found = {row_id: self.rows.find(row_id) for row_id in row_ids}
        return {row_id: row for row_id, row in found.items() if row is not None}


def build(
    rules: MatchingRules,
    row_ids: Sequence[ReferenceRowId],
    columns: Mapping[str, Sequence[str | None]],
) -> ReferenceIndex:
    """Build an index of rows in memory; `columns` holds a value per row under each name.

    See `build_from_rows`.
    """
    wanted = {mapping.target for mapping in rules.field_mappings} & columns.keys()
    numbered = {name: number(columns[name]) for name in wanted}
    return build_from_rows(rules.field_mappings, Rows(Texts.of(row_ids), numbered))


def build_from_rows(mappings: Sequence[FieldMapping], rows: Rows) -> ReferenceIndex:
    """Type each mapping's target column.

    None and blank texts are missing. Raises MatchingFailedError when a target is not there.
    """
    for mapping in mappings:
        if mapping.target not in rows.columns:
            raise MatchingFailedError(f"The reference data has no column {mapping.target!r}.")
    # Most of the work is done by numpy and the kernel, which leave other threads alone.
    with ThreadPoolExecutor(BUILDING_THREADS) as threads:
        lookup = threads.submit(TextLookup.of, rows.row_ids)
        raw = [rows.columns[mapping.target] for mapping in mappings]
        columns = tuple(threads.map(_build_column, mappings, raw))
        layout = lay_out(mappings, len(rows.row_ids), columns)
        return ReferenceIndex(lookup.result(), columns, layout)


def _build_column(mapping: FieldMapping, raw: Numbered) -> ReferenceColumn:
    is_present = ~_find_missing(mapping, raw.texts)
    present = raw.texts if is_present.all() else raw.texts.pick(np.flatnonzero(is_present))
    reading, values = type_reference(mapping, present)
    values, value_of_present = _merge(reading, values)
    if needs_number(mapping):
        value_of_present[np.isnan(values.numbers)] = MISSING
    value_of_raw = np.full(len(raw.texts), MISSING, dtype=np.int32)
    value_of_raw[is_present] = value_of_present
    unread = np.flatnonzero(is_present & (value_of_raw == MISSING))
    return ReferenceColumn(
        Column(values, _follow(raw.codes, value_of_raw)),
        reading,
        raw.codes,
        raw.texts,
        _report_unreadable(mapping.target, unread, raw),
    )


def _find_missing(mapping: FieldMapping, texts: Texts) -> NDArray[np.bool_]:
    """Tell which of the texts the mapping takes for none: blank ones, placeholders."""
    is_missing: NDArray[np.bool_] = np.diff(texts.offsets) == 0
    # Most texts begin with a plain letter or digit: the others, and few more, are left to be read.
    begins = np.append(texts.blob, np.zeros(2, dtype=np.uint8))
    firsts, seconds = begins[texts.offsets[:-1]], begins[texts.offsets[:-1] + 1]
    is_plain = (firsts > ord(" ")) & (firsts < 0x7F)
    if isinstance(mapping, FuzzyMapping):
        is_plain &= ~np.isin(firsts, _FIRST_SIGNS) & (seconds != ord("/"))
    others = np.flatnonzero(~is_missing & ~is_plain)
    is_missing[others] = [text_for(mapping, text) is None for text in texts.take(others)]
    return is_missing


def _merge(reading: Reading, values: Values) -> tuple[Values, NDArray[np.int32]]:
    """Give one place to texts that compare alike; return int32 places [values]."""
    texts = Texts.of(values.texts)
    if reading.kind is not Kind.TEXT:
        return Values(texts, values.numbers), np.arange(len(texts), dtype=np.int32)
    merged = number_texts(texts)
    numbers = np.broadcast_to(np.nan, len(merged.texts))
    return Values(merged.texts, numbers), merged.codes


def _follow(codes: NDArray[np.int32], value_of_raw: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the values of raw codes; the same array where they are the same numbers."""
    if (value_of_raw == np.arange(len(value_of_raw))).all():
        return codes
    # One more place than raw texts: MISSING reads the last one.
    return np.append(value_of_raw, np.int32(MISSING))[codes]


def _report_unreadable(
    target: str, unread: NDArray[np.intp], raw: Numbered
) -> UnreadableReference | None:
    """Report the values of the distinct texts that were not read, but for fillers."""
    texts = zip(unread.tolist(), raw.texts.take(unread), strict=True)
    unreadable = [place for place, text in texts if is_unreadable(text)]
    if not unreadable:
        return None
    rows = np.bincount(raw.codes[raw.codes != MISSING], minlength=len(raw.texts))
    return UnreadableReference(target, int(rows[unreadable].sum()), raw.texts[unreadable[0]])
