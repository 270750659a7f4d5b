"""Do all documents get their results but those that kill, hang or break what matches them?"""

from pathlib import Path

import pytest

from service.domain.results import MatchResult
from service.domain.runs import Run, RunStatus, RunWarning
from service.engine import isolation
from service.engine.chunks import match_chunk
from service.engine.executors import local_pool
from service.store import results
from service.store.database import Database
from service.store.results import ResultFilter, Sort
from tests import jobs
from tests.pools import Instead
from tests.seeding import World, make_world, running_engine

DOCUMENTS = 150


async def run_with(
    world: World, directory: Path, matcher: object, limit_seconds: float = 60.0
) -> Run:
    """Carry out a run in real processes that match by another function."""
    async with local_pool(2, preload=(jobs.__name__,)) as pool:
        executor = Instead(pool, {match_chunk: matcher})  # type: ignore[dict-item]
        async with running_engine(
            world.database, directory, None, executor, limit_seconds
        ) as engine:
            return await world.wait_until_ended(await world.queue(), engine.signals)


async def results_of(world: World, run: Run) -> list[MatchResult]:
    async with world.database.connection() as connection:
        return await results.page(
            connection, run.id, ResultFilter(), Sort.DOCUMENT, None, limit=DOCUMENTS + 1
        )


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("matcher", "limit_seconds", "sentence"),
    [
        (jobs.match_or_die, 60.0, "The process that matched this document died each time"),
        (jobs.match_or_hang, 2.0, "Matching this document took more than 2 seconds"),
        (jobs.match_or_raise, 60.0, "failed on an unexpected error (ArithmeticError)"),
    ],
)
async def test_only_the_documents_at_fault_are_given_up(
    database: Database, tmp_path: Path, matcher: object, limit_seconds: float, sentence: str
) -> None:
    world = await make_world(database, DOCUMENTS)
    run = await run_with(world, tmp_path, matcher, limit_seconds)
    found = await results_of(world, run)
    assert run.status is RunStatus.COMPLETED
    assert (run.rows_processed, run.rows_matched) == (DOCUMENTS, DOCUMENTS - len(jobs.POISONED))
    assert [each.document_id for each in found] == [f"doc_{n:06}" for n in range(DOCUMENTS)]
    failed = {each.document_id: each for each in found if each.error is not None}
    assert failed.keys() == jobs.POISONED
    for each in failed.values():
        assert sentence in (each.error or "")
        assert (each.matched_reference_row_id, each.confidence, each.candidates) == (None, 0, "[]")
    assert run.warnings == (RunWarning("document_failed", 3, "doc_000000"),)


async def test_a_run_in_which_most_documents_fail_has_another_trouble_and_ends(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database, DOCUMENTS)
    run = await run_with(world, tmp_path, jobs.match_nothing)
    found = await results_of(world, run)
    assert run.status is RunStatus.FAILED
    assert "documents could not be matched: their results say why" in (run.error or "")
    assert isolation.MANY_FAILED < len(found) < DOCUMENTS
    assert run.rows_processed == len(found)
    assert all("ArithmeticError" in (each.error or "") for each in found)
