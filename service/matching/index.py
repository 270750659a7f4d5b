"""What does a version of reference data look like, ready to be searched by a set of mappings?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import FieldMapping, MatchingRules
from service.domain.errors import MatchingFailedError
from service.domain.identifiers import ReferenceRowId
from service.matching.columns import (
    MISSING,
    Column,
    Kind,
    Reading,
    Values,
    factorize,
    needs_number,
    type_reference,
)


@dataclass(frozen=True, slots=True)
class UnreadableReference:
    """How many values of a target column a mapping could not read, and the first of them."""

    target: str
    count: int
    sample: str


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceColumn:
    """A mapping's target column: typed for comparing, and as it came for the evidence.

    `raw_codes` (int32 [rows]) number the distinct texts in `raw_texts`.
    """

    column: Column
    reading: Reading
    raw_codes: NDArray[np.int32]
    raw_texts: Sequence[str]
    unreadable: UnreadableReference | None

    def raw_value(self, row: int) -> str | None:
        """Return the value of a row as it came."""
        code = self.raw_codes[row]
        return None if code == MISSING else self.raw_texts[code]


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceIndex:
    """Reference rows by position, with one column per mapping in mapping order.

    Depends on the mappings' targets, strategies and options, not on weights or thresholds.
    """

    row_ids: Sequence[ReferenceRowId]
    columns: tuple[ReferenceColumn, ...]

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return len(self.row_ids)

    @property
    def unreadable(self) -> tuple[UnreadableReference, ...]:
        """What could not be read, at most one entry per mapping, in mapping order."""
        return tuple(column.unreadable for column in self.columns if column.unreadable)

    def find_rows(self, row_ids: Iterable[ReferenceRowId]) -> dict[ReferenceRowId, int]:
        """Return the positions of those of the ids that exist; reads all ids once."""
        wanted = frozenset(row_ids)
        return {row_id: row for row, row_id in enumerate(self.row_ids) if row_id in wanted}


def build(
    rules: MatchingRules,
    row_ids: Sequence[ReferenceRowId],
    columns: Mapping[str, Sequence[str | None]],
) -> ReferenceIndex:
    """Type each mapping's target column; `columns` holds a value per row under each name.

    None and blank texts are missing. Raises MatchingFailedError when a target is not there.
    """
    raw: dict[str, tuple[NDArray[np.int32], list[str]]] = {}
    built = []
    for mapping in rules.field_mappings:
        if mapping.target not in columns:
            raise MatchingFailedError(f"The reference data has no column {mapping.target!r}.")
        if mapping.target not in raw:
            codes, texts = factorize(columns[mapping.target])
            raw[mapping.target] = codes, cast(list[str], texts)
        built.append(_build_column(mapping, *raw[mapping.target]))
    return ReferenceIndex(row_ids, tuple(built))


def _build_column(
    mapping: FieldMapping, raw_codes: NDArray[np.int32], raw_texts: list[str]
) -> ReferenceColumn:
    is_present = np.array([bool(text.strip()) for text in raw_texts], dtype=np.bool_)
    present = [text for text in raw_texts if text.strip()]
    reading, values = type_reference(mapping, present)
    values, value_of_present = _merge(reading, values)
    if needs_number(mapping):
        value_of_present[np.isnan(values.numbers)] = MISSING
    # One more place than raw texts: MISSING reads the last one.
    value_of_raw = np.full(len(raw_texts) + 1, MISSING, dtype=np.int32)
    value_of_raw[:-1][is_present] = value_of_present
    column = Column(values, value_of_raw[raw_codes])
    unreadable = is_present & (value_of_raw[:-1] == MISSING)
    return ReferenceColumn(
        column,
        reading,
        raw_codes,
        raw_texts,
        _report_unreadable(mapping.target, unreadable, raw_codes, raw_texts),
    )


def _merge(reading: Reading, values: Values) -> tuple[Values, NDArray[np.int32]]:
    """Give one place to texts that compare alike; return int32 places [values]."""
    if reading.kind is not Kind.TEXT:
        return values, np.arange(len(values.numbers), dtype=np.int32)
    places, texts = factorize(values.texts)
    merged = np.empty(len(texts), dtype=object)
    merged[:] = texts
    return Values(merged, np.full(len(texts), np.nan)), places


def _report_unreadable(
    target: str, unreadable: NDArray[np.bool_], raw_codes: NDArray[np.int32], raw_texts: list[str]
) -> UnreadableReference | None:
    if not unreadable.any():
        return None
    rows = np.bincount(raw_codes[raw_codes != MISSING], minlength=len(raw_texts))
    first = int(np.argmax(unreadable))
    return UnreadableReference(target, int(rows[unreadable].sum()), raw_texts[first])
