"""What does a worker process do with a chunk of documents? Match them, and write their results.

Runs in the processes of the pool: no event loop, no database. The results leave as COPY text,
so that the service's loop only passes bytes on.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

from service.domain.configs import MatchingRules
from service.domain.documents import FieldValue, RunDocument
from service.domain.identifiers import DocumentId, ReferenceRowId, RunId, new_id
from service.domain.results import Candidate, DocumentMatch
from service.domain.runs import CONFIDENCE_UNITS, RunWarning
from service.engine import index_cache
from service.matching.index import ReferenceIndex
from service.matching.match import match_documents
from service.store.copy_text import CopyValue, encode_rows

# Indexes kept mapped in each process: those of as many runs as a worker carries out at once, so
# that they do not push each other out, and the next run over the same data begins at once.
INDEXES_KEPT = 4
# A value can be long; a warning is read by a person.
MAX_SAMPLE_LENGTH = 200

# The code of the warning that counts documents which cannot be matched.
DOCUMENT_FAILED = "document_failed"
DELETED = "The document was deleted before it was matched."

_encoder = msgspec.json.Encoder()
_fields_decoder = msgspec.json.Decoder(dict[str, FieldValue])


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkJob:
    """Documents to match by the index in the file `index`.

    The run's first chunk (`is_first`) also reports what the reference data has that cannot be read.
    """

    run_id: RunId
    index: Path
    rules: MatchingRules
    is_first: bool
    documents: tuple[RunDocument, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkOutcome:
    """The results of a chunk as COPY text (`store.results.COPY_COLUMNS`), and their counters.

    `confidence_sum` is in ten-thousandths over the matched; `seconds` is the time of matching
    alone, without loading the reference data.
    """

    processed: int
    matched: int
    confidence_sum: int
    rows: bytes
    warnings: tuple[RunWarning, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class IndexMissing:
    """Nothing was matched: the index was damaged, or is gone. It has to be made again."""


def match_chunk(job: ChunkJob) -> ChunkOutcome | IndexMissing:
    """Match the documents of a job; one result each, in their order."""
    try:
        index = load_index(job.index)
    except FileNotFoundError:
        return IndexMissing()
    began = time.perf_counter()
    present = [document for document in job.documents if document.fields is not None]
    fields = [_fields_decoder.decode(document.fields or "{}") for document in present]
    excluded = [(n, row_id) for n, document in enumerate(present) for row_id in document.excluded]
    found = dict(
        zip(
            (document.id for document in present),
            match_documents(index, job.rules, fields, excluded),
            strict=True,
        )
    )
    verdicts = [_judge(job.rules, document, found.get(document.id)) for document in job.documents]
    matched = [verdict for verdict in verdicts if verdict.row_id is not None]
    return ChunkOutcome(
        processed=len(verdicts),
        matched=len(matched),
        confidence_sum=sum(round(each.confidence * CONFIDENCE_UNITS) for each in matched),
        rows=encode_rows(_row(job.run_id, verdict) for verdict in verdicts),
        warnings=(*_reference_warnings(job, index), *_document_warnings(job, found)),
        seconds=time.perf_counter() - began,
    )


def give_up(job: ChunkJob, sentence: str) -> ChunkOutcome:
    """Return what becomes of documents that cannot be matched: results that say why."""
    failed = [_Verdict(document, error=sentence) for document in job.documents]
    warning = _warning(
        DOCUMENT_FAILED, len(failed), ", ".join(verdict.document.id for verdict in failed)
    )
    return ChunkOutcome(
        processed=len(failed),
        matched=0,
        confidence_sum=0,
        rows=encode_rows(_row(job.run_id, verdict) for verdict in failed),
        warnings=(warning,),
        seconds=0.0,
    )


@lru_cache(maxsize=INDEXES_KEPT)
def load_index(path: Path) -> ReferenceIndex:
    """Map an index; raises FileNotFoundError when none that is whole is there."""
    index = index_cache.load(path)
    if index is None:
        raise FileNotFoundError(path)
    return index


class _Verdict(msgspec.Struct, frozen=True):
    """What becomes of one document. A structure rather than a dataclass: it is made faster."""

    document: RunDocument
    candidates: tuple[Candidate, ...] = ()
    row_id: ReferenceRowId | None = None
    confidence: float = 0.0
    uncertain: bool = False
    error: str | None = None


def _judge(rules: MatchingRules, document: RunDocument, found: DocumentMatch | None) -> _Verdict:
    if found is None:
        return _Verdict(document, error=DELETED)
    if not found.candidates:
        return _Verdict(document)
    best = found.candidates[0]
    is_match = best.confidence >= rules.threshold
    row_id = best.reference_row_id if is_match else None
    uncertain = found.is_uncertain(rules)
    return _Verdict(document, found.candidates, row_id, best.confidence, uncertain)


def _row(run_id: RunId, verdict: _Verdict) -> tuple[CopyValue | bytes, ...]:
    candidates = verdict.candidates
    return (
        run_id,
        verdict.document.id,
        new_id(),
        verdict.document.filename,
        verdict.row_id,
        verdict.row_id,
        verdict.confidence,
        verdict.confidence,
        bytes(candidates[0].evidence) if candidates else b"{}",
        _encoder.encode(candidates),
        verdict.uncertain,
        verdict.error,
    )


def _reference_warnings(job: ChunkJob, index: ReferenceIndex) -> list[RunWarning]:
    if not job.is_first:
        return []
    return [
        _warning("unreadable_reference_value", each.count, f"{each.target}: {each.sample}")
        for each in index.unreadable
    ]


def _document_warnings(job: ChunkJob, found: dict[DocumentId, DocumentMatch]) -> list[RunWarning]:
    warnings = [
        _warning("unreadable_document_value", 1, f"{each.source}: {each.value} ({document_id})")
        for document_id, match in found.items()
        for each in match.unreadable
    ]
    deleted = [document.id for document in job.documents if document.fields is None]
    if deleted:
        warnings.append(_warning("deleted_document", len(deleted), deleted[0]))
    return warnings


def _warning(code: str, count: int, sample: str) -> RunWarning:
    if len(sample) > MAX_SAMPLE_LENGTH:
        sample = f"{sample[:MAX_SAMPLE_LENGTH]}…"
    return RunWarning(code, count, sample)
