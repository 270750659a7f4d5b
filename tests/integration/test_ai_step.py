"""Does the AI pass get on with its run, whatever the database makes it wait for?"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.domain.ai import AiDecision, AiFigures, AiVerdict, Plan
from service.domain.identifiers import DocumentId
from service.domain.runs import Phase
from service.engine import ai_step, signals
from service.engine.outbox import MAX_UNWRITTEN, Outbox
from service.engine.progress import Progress
from service.engine.signals import QUEUE, Signals, run_topic
from service.store import ai_passes
from service.store.database import Database
from tests import story
from tests.fake_ai import vendor
from tests.fake_ai.accounts import account
from tests.fake_ai.vendor import Vendor
from tests.seeding import RULES, AiSetup, make_world, running_engine

PATIENCE_SECONDS = 25


async def test_a_run_is_heard_of_while_its_documents_are_chosen(database: Database) -> None:
    world = await make_world(database)
    begun = await story.begin(world, dry_run=True)
    async with signals.running(database) as live, asyncio.timeout(PATIENCE_SECONDS):
        progress = Progress(database, live, begun.lease, begun.run)
        async with asyncio.TaskGroup() as tasks, database.transaction() as connection:
            await connection.execute("LOCK TABLE ai_documents IN ACCESS EXCLUSIVE MODE")
            choosing = tasks.create_task(ai_step.carry_out(database, None, Plan(), progress, RULES))
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await connection.execute("SELECT pg_sleep(0.01)")
            await progress.enter(Phase.MATCHING)
            heard = progress.run.last_event_id
    assert heard == begun.run.last_event_id + 1
    assert isinstance(choosing.result(), AiFigures)
    assert (await world.fetch(begun.run)).last_event_id == progress.run.last_event_id == heard + 1


def unresolved(place: int) -> AiDecision:
    """A decision that leaves a document as it is."""
    return AiDecision(
        document_id=DocumentId(f"doc_{place}"),
        verdict=AiVerdict.UNRESOLVED,
        row_id=None,
        confidence=0.6,
        rule_confidence=0.6,
        evidence="{}",
    )


@dataclass(frozen=True, slots=True)
class Pass:
    """A run in its AI pass, and what the pass writes by."""

    signals: Signals
    progress: Progress
    outbox: Outbox

    @property
    def unresolved(self) -> int:
        """How many documents were written that keep the rules' answer."""
        assert self.progress.run.ai is not None
        return self.progress.run.ai.unresolved


@pytest.fixture
async def begun(database: Database) -> AsyncIterator[Pass]:
    """A pass that has just begun."""
    told = await story.begin(await make_world(database), ai=True)
    async with signals.running(database) as live:
        progress = Progress(database, live, told.lease, told.run)
        await progress.write(ai_passes.begin)
        yield Pass(live, progress, Outbox(progress, lambda _: None))


async def test_no_more_is_decided_without_asking_than_can_be_written(begun: Pass) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        for place in range(MAX_UNWRITTEN):
            await begun.outbox.wait_for_room()
            begun.outbox.add_unresolved(unresolved(place), "because")
        waiting = tasks.create_task(begun.outbox.wait_for_room())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
        tasks.create_task(begun.outbox.keep_writing())
        await waiting
        begun.outbox.close()
    assert begun.unresolved == MAX_UNWRITTEN


async def test_what_was_decided_when_the_service_stops_is_written(begun: Pass) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(begun.outbox.keep_writing())
        begun.outbox.add_unresolved(unresolved(0), "because")
        with begun.signals.subscribe(run_topic(begun.progress.run.id)) as wake:
            while not begun.unresolved:
                await wake.wait()
        # It sleeps now, until more has come together.
        begun.outbox.add_unresolved(unresolved(1), "because")
        writing.cancel()
    assert begun.unresolved == 2


async def test_a_statement_of_the_pass_that_always_takes_too_long_counts_against_it(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    world = await make_world(database)
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        vendor.running(Vendor()) as url,
        Database.open(database_url, statement_seconds=0.5) as impatient,
        running_engine(impatient, tmp_path, ai=AiSetup(account(url))) as engine,
        database.transaction() as connection,
    ):
        # What was answered before is read in a step deep inside the pass.
        await connection.execute("LOCK TABLE ai_answers IN ACCESS EXCLUSIVE MODE")
        run = await world.queue(ai=True)
        with engine.signals.subscribe(QUEUE) as wake:
            engine.signals.notify(QUEUE)
            while (await world.fetch(run)).attempts_without_progress < 2:
                await wake.wait()
