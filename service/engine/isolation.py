"""Which document kills, hangs or breaks the process that matches it? All others get their results.

chunk lost ─► its halves, each alone ─► the half that is lost: its halves … ─► one document, alone
                 │ matched: results                                               │ lost again
                 └────────────────────────────────────────────────────────────────┴─► an error
"""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import assert_never

import structlog

from service.domain.errors import MatchingFailedError
from service.domain.runs import Run
from service.engine.chunks import (
    DOCUMENT_FAILED,
    ChunkJob,
    ChunkOutcome,
    IndexMissing,
    give_up,
    match_chunk,
)
from service.engine.executors import Executor, LossReason, Lost, compute

log = structlog.get_logger()

# A chunk is made to take a quarter of a second; loading a large index first takes some more.
CHUNK_LIMIT_SECONDS = 60.0
# Parts of a chunk that hangs get less time as they get smaller, but never less than this share.
LEAST_SHARE = 1 / 8
# A document is not at fault because a process died that somebody killed.
TRIES_ALONE = 3
# A run in which so many documents failed, and most of those done, has another trouble than them.
MANY_FAILED = 100


async def isolate(
    executor: Executor, lost: Lost[ChunkJob], limit_seconds: float
) -> AsyncGenerator[ChunkOutcome | IndexMissing, None]:
    """Match a chunk that was lost, part by part, in the order of its documents.

    A document that is lost alone too gets a result with an error. Each part may take its share of
    the limit, a single document all of it: one that is slow has no fault.
    """
    whole = len(lost.job.documents)
    owes_report = lost.job.is_first
    suspects = [*_halves(lost.job)]
    while suspects:
        part = replace(suspects.pop(), is_first=owes_report)
        size = len(part.documents)
        share = 1.0 if size == 1 else max(size / whole, LEAST_SHARE)
        tries = TRIES_ALONE if size == 1 else 1
        outcome = await compute(executor, match_chunk, part, share * limit_seconds, tries)
        if not isinstance(outcome, Lost):
            owes_report = False
            yield outcome
        elif size == 1:
            yield _condemn(outcome, limit_seconds)
        else:
            suspects += _halves(part)


def check_failures(run: Run) -> None:
    """Raise MatchingFailedError when it cannot be the documents that are at fault."""
    failed = sum(each.count for each in run.warnings if each.code == DOCUMENT_FAILED)
    processed = run.rows_processed or 0
    if failed > MANY_FAILED and 2 * failed > processed:
        raise MatchingFailedError(
            f"{failed} of the first {processed} documents could not be matched: their results say "
            "why, and the service's log says where."
        )


def _halves(job: ChunkJob) -> list[ChunkJob]:
    """Return the parts to match alone, the last one first; a single document is its only part."""
    middle = len(job.documents) // 2
    ranges = [job.documents[middle:], job.documents[:middle]]
    return [replace(job, documents=documents) for documents in ranges if documents]


def _condemn(lost: Lost[ChunkJob], limit_seconds: float) -> ChunkOutcome:
    (document,) = lost.job.documents
    log.error(
        "document_failed",
        action="give_up",
        run_id=str(lost.job.run_id),
        document_id=document.id,
        reason=lost.reason.value,
        error=lost.error,
        trace=lost.trace,
    )
    return give_up(lost.job, _sentence(lost, limit_seconds))


def _sentence(lost: Lost[ChunkJob], limit_seconds: float) -> str:
    match lost.reason:
        case LossReason.DIED:
            return (
                "The process that matched this document died each time: look for a value of "
                "unusual size, or give the machine more memory."
            )
        case LossReason.TOOK_TOO_LONG:
            return (
                f"Matching this document took more than {limit_seconds:g} seconds: look for a "
                "value of unusual size."
            )
        case LossReason.RAISED:
            return (
                f"Matching this document failed on an unexpected error ({lost.error}): please "
                "report it; the service's log says where."
            )
        case _:
            assert_never(lost.reason)
