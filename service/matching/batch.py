"""What do some documents look like, ready to be compared with an index?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import FieldMapping, MatchingRules, MissingPolicy, needs_number
from service.domain.documents import FieldValue
from service.domain.results import Unreadable
from service.matching.columns import (
    MISSING,
    Column,
    Reading,
    factorize,
    is_unreadable,
    text_for,
    text_of,
    type_documents,
)
from service.matching.index import ReferenceIndex

# The weight of missing fields is spread by dividing by what is there, but never by less: one
# small field that agrees must not make a certain match.
LEAST_PRESENT_WEIGHT = 0.4
# A value that the row lacks says nothing, so it scores more than one that differs and less than one
# that agrees. Its weight is not spread: empty rows would win.
CREDIT_FOR_LACKING = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class DocumentBatch:
    """Documents by position, with one column per mapping in mapping order.

    `weights` (float64 [documents, mappings]) are the ones used after the missing policy. A
    document's entries do not depend on the others in the batch.
    """

    columns: tuple[Column, ...]
    weights: NDArray[np.float64]
    unreadable: tuple[tuple[Unreadable, ...], ...]

    @property
    def document_count(self) -> int:
        """Number of documents."""
        return len(self.weights)


def compile_documents(
    index: ReferenceIndex, rules: MatchingRules, documents: Sequence[Mapping[str, FieldValue]]
) -> DocumentBatch:
    """Type the documents' fields the way the index reads its columns."""
    columns = []
    unreadable: list[dict[Unreadable, None]] = [{} for _ in documents]
    for mapping, reference in zip(rules.field_mappings, index.columns, strict=True):
        values = [document.get(mapping.source) for document in documents]
        column = _type_column(mapping, reference.reading, values)
        columns.append(column)
        for document in np.flatnonzero(column.codes == MISSING):
            value = values[document]
            if is_unreadable(value):
                unreadable[document][Unreadable(mapping.source, text_of(value) or "")] = None
    is_present = np.array([column.codes != MISSING for column in columns], dtype=np.bool_).T
    return DocumentBatch(
        tuple(columns), use_weights(rules, is_present), tuple(tuple(each) for each in unreadable)
    )


def use_weights(rules: MatchingRules, is_present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the weights used [documents, mappings] for values that are there or not."""
    weights = np.array([mapping.weight for mapping in rules.field_mappings])
    used = np.where(is_present, weights, 0.0)
    if rules.missing is MissingPolicy.ZERO:
        return np.broadcast_to(weights, used.shape)
    # Summed in mapping order, so that the same fields give the same bits in any batch.
    present_weight = np.zeros(len(used))
    for mapping in range(used.shape[1]):
        present_weight += used[:, mapping]
    divisor = np.where(
        is_present.all(axis=1), 1.0, np.maximum(present_weight, LEAST_PRESENT_WEIGHT)
    )
    return used / divisor[:, None]


def score_of_lacking(rules: MatchingRules) -> float:
    """Return what a mapping scores where the document has a value and the row has none."""
    return CREDIT_FOR_LACKING if rules.missing is MissingPolicy.LENIENT else 0.0


def _type_column(mapping: FieldMapping, reading: Reading, values: list[FieldValue]) -> Column:
    # The type belongs to the key: 1, 1.0 and true are equal to Python, not to the reader.
    keys = (None if text_for(mapping, value) is None else (type(value), value) for value in values)
    codes, distinct = factorize(keys)
    present = [value for _, value in cast(list[tuple[type, str | int | float]], distinct)]
    typed = type_documents(mapping, reading, present)
    if needs_number(mapping):
        is_unreadable = np.append(np.isnan(typed.numbers), True)
        codes = np.where(is_unreadable[codes], np.int32(MISSING), codes)
    return Column(typed, codes)
