"""What does a version of reference data look like, ready to be searched by a set of mappings?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

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
from service.matching.layout import lay_out
from service.matching.reference_column import ReferenceColumn, UnreadableReference
from service.matching.text_lookup import TextLookup
from service.matching.texts import Texts


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
    """Type each mapping's target column; `columns` holds a value per row under each name.

    None and blank texts are missing. Raises MatchingFailedError when a target is not there.
    """
    raw: dict[str, tuple[NDArray[np.int32], Texts]] = {}
    built = []
    for mapping in rules.field_mappings:
        if mapping.target not in columns:
            raise MatchingFailedError(f"The reference data has no column {mapping.target!r}.")
        if mapping.target not in raw:
            codes, texts = factorize(columns[mapping.target])
            raw[mapping.target] = codes, Texts.of(cast(list[str], texts))
        built.append(_build_column(mapping, *raw[mapping.target]))
    layout = lay_out(rules.field_mappings, len(row_ids), built)
    return ReferenceIndex(TextLookup.of(Texts.of(row_ids)), tuple(built), layout)


def _build_column(
    mapping: FieldMapping, raw_codes: NDArray[np.int32], raw_texts: Texts
) -> ReferenceColumn:
    texts = raw_texts.tolist()
    is_present = np.array([bool(text.strip()) for text in texts], dtype=np.bool_)
    present = [text for text in texts if text.strip()]
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
        held = Values(Texts.of(values.texts.tolist()), values.numbers)
        return held, np.arange(len(values.numbers), dtype=np.int32)
    places, texts = factorize(values.texts)
    merged = Texts.of(cast(list[str], texts))
    return Values(merged, np.broadcast_to(np.nan, len(texts))), places


def _report_unreadable(
    target: str, unreadable: NDArray[np.bool_], raw_codes: NDArray[np.int32], raw_texts: Texts
) -> UnreadableReference | None:
    if not unreadable.any():
        return None
    rows = np.bincount(raw_codes[raw_codes != MISSING], minlength=len(raw_texts))
    first = int(np.argmax(unreadable))
    return UnreadableReference(target, int(rows[unreadable].sum()), raw_texts[first])
