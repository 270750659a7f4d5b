"""Which reference rows match these documents, best first, and why?"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import msgspec
import numpy as np

from service.domain.configs import MatchingRules
from service.domain.documents import FieldValue
from service.domain.identifiers import ReferenceRowId
from service.domain.results import Candidate, DocumentMatch
from service.domain.runs import CONFIDENCE_DIGITS, CONFIDENCE_UNITS
from service.matching.batch import compile_documents
from service.matching.bruteforce import NO_ROW
from service.matching.explain import explain_pairs
from service.matching.index import ReferenceIndex
from service.matching.rounding import round_to_units
from service.matching.search import search


def match_documents(
    index: ReferenceIndex,
    rules: MatchingRules,
    documents: Sequence[Mapping[str, FieldValue]],
    exclusions: Collection[tuple[int, ReferenceRowId]] = (),
) -> list[DocumentMatch]:
    """Match each document (its fields by name); `index` was built with the same mappings.

    `exclusions` are pairs of a position in `documents` and a row id to leave out; ids that the
    reference data no longer has are passed over. A document's match is the same in any batch.
    """
    batch = compile_documents(index, rules, documents)
    rows = index.find_rows(row_id for _, row_id in exclusions) if exclusions else {}
    excluded = {(document, rows[row_id]) for document, row_id in exclusions if row_id in rows}
    top = search(index, rules, batch, excluded)
    pairs = np.nonzero(top.positions != NO_ROW)
    found = top.positions[pairs]
    scored = pairs[0], found, top.field_scores[pairs]
    units = round_to_units(top.scores[pairs], CONFIDENCE_DIGITS)
    candidates = list(
        map(
            Candidate,
            index.row_ids.take(found).tolist(),
            (units / CONFIDENCE_UNITS).tolist(),
            map(msgspec.Raw, explain_pairs(index, rules, batch, documents, scored)),
        )
    )
    ends = np.cumsum(np.count_nonzero(top.positions != NO_ROW, axis=1)).tolist()
    return [
        DocumentMatch(tuple(candidates[begin:end]), unreadable)
        for (begin, end), unreadable in zip(pairwise((0, *ends)), batch.unreadable, strict=True)
    ]
