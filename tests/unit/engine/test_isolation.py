"""Does isolating a chunk keep every document, in order, whichever of them are at fault?"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.configs import ExactMapping, MatchingRules
from service.domain.documents import RunDocument
from service.domain.identifiers import DocumentId, RunId, new_id
from service.domain.runs import RunWarning
from service.engine.chunks import ChunkJob, ChunkOutcome, IndexMissing
from service.engine.executors import LossReason, Lost
from service.engine.isolation import isolate

REPORT = RunWarning("unreadable_reference_value", 1, "total: plenty")


class Poisoned:
    """An executor that loses every job with one of the places in it; it computes nothing."""

    size = 1

    def __init__(self, places: set[int], reason: LossReason) -> None:
        """Lose jobs with documents of these places."""
        self.limits: list[tuple[int, float]] = []
        self._poison = {str(place) for place in places}
        self._reason = reason

    async def run(
        self, function: Callable[..., Any], jobs: AsyncIterator[Any], limit_seconds: float = 0.0
    ) -> AsyncGenerator[Any, None]:
        """Say what became of each job: its documents' ids, or that it was lost."""
        async for job in jobs:
            self.limits.append((len(job.documents), limit_seconds))
            ids = [document.id for document in job.documents]
            if self._poison.isdisjoint(ids):
                rows = "".join(f"{each}\n" for each in ids).encode()
                warnings = (REPORT,) if job.is_first else ()
                yield ChunkOutcome(
                    processed=len(ids),
                    matched=0,
                    confidence_sum=0,
                    rows=rows,
                    warnings=warnings,
                    seconds=1.0,
                )
            else:
                yield Lost(job, self._reason)


def chunk(size: int) -> ChunkJob:
    mapping = ExactMapping(source="number", target="number", weight=1)
    return ChunkJob(
        run_id=RunId(new_id()),
        index=Path("none"),
        rules=MatchingRules(field_mappings=(mapping,)),
        is_first=True,
        documents=tuple(RunDocument(DocumentId(str(place)), None, "{}") for place in range(size)),
    )


def ids_in(rows: bytes) -> list[int]:
    """The places of documents, whether they were matched or given up."""
    lines = [line.split("\t") for line in rows.decode().splitlines()]
    return [int(columns[1] if len(columns) > 1 else columns[0]) for columns in lines]


async def isolated(executor: Poisoned, job: ChunkJob) -> list[ChunkOutcome | IndexMissing]:
    lost = Lost(job, LossReason.DIED)
    return [part async for part in isolate(executor, lost, limit_seconds=8.0)]


@given(st.data())
async def test_each_document_has_one_outcome_in_order_and_only_the_guilty_fail(
    data: st.DataObject,
) -> None:
    size = data.draw(st.integers(1, 70))
    guilty = data.draw(st.sets(st.integers(0, size - 1)))
    reason = data.draw(st.sampled_from(LossReason))
    parts = await isolated(Poisoned(guilty, reason), chunk(size))
    outcomes = [part for part in parts if isinstance(part, ChunkOutcome)]
    assert [place for part in outcomes for place in ids_in(part.rows)] == list(range(size))
    assert sum(part.processed for part in outcomes) == size
    failed = [each for part in outcomes for each in part.warnings if each != REPORT]
    assert {int(each.sample) for each in failed} == guilty
    assert all((each.code, each.count) == ("document_failed", 1) for each in failed)
    # What the first chunk reports of the reference data is told once, unless nothing was matched.
    reports = [each for part in outcomes for each in part.warnings if each == REPORT]
    assert len(reports) == (len(guilty) < size)


@pytest.mark.parametrize(("size", "calls"), [(1, 1), (2_000, 24)])
async def test_a_guilty_document_is_found_by_halving(size: int, calls: int) -> None:
    executor = Poisoned({size - 1}, LossReason.TOOK_TOO_LONG)
    await isolated(executor, chunk(size))
    assert len(executor.limits) <= calls


async def test_parts_get_their_share_of_the_time_and_one_document_all_of_it() -> None:
    executor = Poisoned(set(range(64)), LossReason.TOOK_TOO_LONG)
    await isolated(executor, chunk(64))
    assert dict(executor.limits) == {32: 4.0, 16: 2.0, 8: 1.0, 4: 1.0, 2: 1.0, 1: 8.0}
