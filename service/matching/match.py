"""Which reference rows match these documents, best first, and why?"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from service.domain.configs import MatchingRules
from service.domain.documents import FieldValue
from service.domain.identifiers import ReferenceRowId
from service.domain.results import Candidate, DocumentMatch
from service.domain.runs import CONFIDENCE_DIGITS
from service.matching.batch import compile_documents
from service.matching.bruteforce import NO_ROW
from service.matching.explain import explain_pairs
from service.matching.index import ReferenceIndex
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
    evidence = explain_pairs(index, rules, batch, documents, scored)
    candidates: list[list[Candidate]] = [[] for _ in documents]
    row_ids = index.row_ids.take(found)
    for document, row_id, score, fields in zip(
        pairs[0].tolist(), row_ids, top.scores[pairs].tolist(), evidence, strict=True
    ):
        confidence = round(score, CONFIDENCE_DIGITS)
        candidates[document].append(Candidate(row_id, confidence, fields))
    return [
        DocumentMatch(tuple(candidates[document]), batch.unreadable[document])
        for document in range(batch.document_count)
    ]
