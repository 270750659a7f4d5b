"""Does the engine carry a queued run to its end, and say well why it cannot?"""

import json
from datetime import timedelta
from pathlib import Path

from service.domain.configs import (
    FuzzyMapping,
    MatchingRules,
    NumericRangeMapping,
    normalize_weights,
)
from service.domain.documents import FieldValue
from service.domain.identifiers import DocumentId, ReferenceDataId, new_id
from service.domain.results import MatchResult
from service.domain.runs import Phase, Run, RunStatus, RunWarning
from service.engine.signals import QUEUE, run_topic
from service.store import events, results
from service.store.database import Database
from service.store.results import ResultFilter, Sort
from tests.gates import GatedExecutor
from tests.seeding import (
    VENDORS,
    World,
    add_config,
    add_documents,
    make_world,
    running_engine,
)


async def history(world: World, run: Run) -> list[dict[str, object]]:
    async with world.database.connection() as connection:
        told = await events.of_run(connection, run.id, after=0)
    assert [event.run_seq for event in told] == list(range(1, len(told) + 1))
    return [json.loads(event.data) for event in told]


async def test_a_queued_run_is_matched_to_its_end(database: Database, tmp_path: Path) -> None:
    world = await make_world(database, documents=100)
    async with running_engine(database, tmp_path) as engine:
        run = await world.wait_until_ended(await world.queue(), engine.signals)
    assert run.status is RunStatus.COMPLETED
    assert run.phase is Phase.DONE
    assert (run.rows_total, run.rows_processed, run.rows_matched) == (100, 100, 100)
    async with database.connection() as connection:
        found = await results.page(
            connection, run.id, ResultFilter(), Sort.DOCUMENT, None, limit=200
        )
    assert [result.document_id for result in found] == [f"doc_{n:06}" for n in range(100)]
    assert all(
        result.matched_reference_row_id == f"ref_{place % len(VENDORS)}"
        for place, result in enumerate(found)
    )
    assert run.avg_confidence == round(sum(result.confidence for result in found) / 100, 4)


async def one_result(world: World, run: Run, document_id: str) -> MatchResult:
    wanted = ResultFilter(document_id=DocumentId(document_id))
    async with world.database.connection() as connection:
        (found,) = await results.page(connection, run.id, wanted, Sort.DOCUMENT, None, limit=2)
    return found


async def test_events_tell_the_whole_run_in_order(database: Database, tmp_path: Path) -> None:
    world = await make_world(database, documents=100)
    async with running_engine(database, tmp_path) as engine:
        run = await world.wait_until_ended(await world.queue(), engine.signals)
    told = await history(world, run)
    types = [event["type"] for event in told]
    assert types[:2] == ["run.queued", "run.started"]
    assert set(types[2:-1]) == {"run.progress"}
    assert types[-1] == "run.completed"
    progress = [event["progress"] for event in told[2:-1]]
    phases = [step["phase"] for step in progress]  # type: ignore[index]
    # A slow machine hears that the run lives while it loads.
    assert phases == sorted(phases, key=["loading", "matching"].index)
    assert phases[-1] == "matching"
    done = [step["rows_processed"] for step in progress]  # type: ignore[index]
    assert done == sorted(done)
    assert done[-1] == 100
    assert told[-1]["run"]["rows_matched"] == 100  # type: ignore[index]


async def test_a_run_without_documents_completes(database: Database, tmp_path: Path) -> None:
    world = await make_world(database, documents=0)
    async with running_engine(database, tmp_path) as engine:
        run = await world.wait_until_ended(await world.queue(), engine.signals)
    assert run.status is RunStatus.COMPLETED
    assert (run.rows_total, run.rows_processed, run.rows_matched) == (0, 0, 0)
    assert run.avg_confidence is None
    assert run.warnings == (RunWarning("no_documents", 1, "collection: default"),)


async def test_fields_that_no_document_has_are_named_with_the_nearest_ones(
    database: Database, tmp_path: Path
) -> None:
    mappings = (
        FuzzyMapping(source="vendr", target="name", weight=0.5),
        FuzzyMapping(source="zzz", target="name", weight=0.5),
    )
    rules = MatchingRules(field_mappings=mappings)
    world = await make_world(database, documents=3, rules=rules)
    async with running_engine(database, tmp_path) as engine:
        run = await world.wait_until_ended(await world.queue(), engine.signals)
    assert run.rows_matched == 0
    assert run.warnings == (RunWarning("field_not_found", 3, "vendr (did you mean vendor?); zzz"),)


async def test_documents_named_are_the_only_ones_matched(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database, documents=10)
    wanted = (DocumentId("doc_000007"), DocumentId("doc_000002"))
    async with running_engine(database, tmp_path) as engine:
        queued = await world.queue(document_ids=wanted)
        run = await world.wait_until_ended(queued, engine.signals)
    assert run.rows_total == 2
    assert (await one_result(world, run, "doc_000002")).error is None
    assert (await one_result(world, run, "doc_000007")).error is None


async def test_a_document_deleted_meanwhile_gets_a_result_that_says_so(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database, documents=3)
    gate = GatedExecutor(open_after=0)
    async with running_engine(database, tmp_path, executor=gate) as engine:
        run = await world.queue()
        engine.signals.notify(QUEUE)
        await gate.reached.wait()
        async with database.connection() as connection:
            await connection.execute("DELETE FROM documents WHERE id = 'doc_000001'")
        gate.open()
        run = await world.wait_until_ended(run, engine.signals)
    result = await one_result(world, run, "doc_000001")
    assert result.matched_reference_row_id is None
    assert result.error == "The document was deleted before it was matched."
    assert [(each.code, each.count) for each in run.warnings] == [("deleted_document", 1)]


async def test_a_config_deleted_before_the_start_fails_the_run_with_a_sentence(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database)
    queued = await world.queue()
    async with database.connection() as connection:
        await connection.execute("DELETE FROM matching_configs")
    async with running_engine(database, tmp_path) as engine:
        run = await world.wait_until_ended(queued, engine.signals)
    assert run.status is RunStatus.FAILED
    assert run.error == "The matching config was deleted before the run started."


async def test_one_failing_run_leaves_the_others_alone(database: Database, tmp_path: Path) -> None:
    world = await make_world(database)
    orphan = await add_config(database, world.workspace_id, ReferenceDataId(new_id()))
    async with running_engine(database, tmp_path) as engine:
        world.signals = engine.signals
        failing = await world.queue(matching_config_id=orphan, reference_data_id=new_id())
        healthy = await world.queue()
        failed = await world.wait_until_ended(failing, engine.signals)
        completed = await world.wait_until_ended(healthy, engine.signals)
    assert failed.status is RunStatus.FAILED
    assert "reference data was deleted" in (failed.error or "")
    assert completed.status is RunStatus.COMPLETED


async def test_a_run_begun_too_often_without_progress_fails(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database)
    queued = await world.queue()
    async with database.connection() as connection:
        await connection.execute("UPDATE runs SET attempts_without_progress = 5")
    async with running_engine(database, tmp_path) as engine:
        run = await world.wait_until_ended(queued, engine.signals)
    assert run.status is RunStatus.FAILED
    assert "begun 5 times" in (run.error or "")


async def test_values_that_cannot_be_read_are_counted_in_warnings(
    database: Database, tmp_path: Path
) -> None:
    mappings = normalize_weights(
        (
            FuzzyMapping(source="vendor", target="name", weight=0.5),
            NumericRangeMapping(source="amount", target="number", weight=0.5),
        )
    )
    world = await make_world(
        database, documents=0, rules=MatchingRules(field_mappings=mappings, threshold=0.5)
    )
    fields: dict[str, FieldValue] = {"vendor": "Alpine Metalworks", "amount": "plenty"}
    await add_documents(database, world.workspace_id, {"a": fields, "b": fields})
    async with running_engine(database, tmp_path) as engine:
        run = await world.wait_until_ended(await world.queue(), engine.signals)
    counted = {warning.code: warning for warning in run.warnings}
    assert counted["unreadable_document_value"].count == 2
    assert counted["unreadable_document_value"].sample == "amount: plenty (a)"
    assert counted["unreadable_reference_value"].count == len(VENDORS)


async def test_a_run_that_is_slow_says_that_it_is_alive(database: Database, tmp_path: Path) -> None:
    world = await make_world(database)
    gate = GatedExecutor(open_after=0)
    async with running_engine(database, tmp_path, executor=gate) as engine:
        run = await world.queue()
        engine.signals.notify(QUEUE)
        await gate.reached.wait()
        held = await world.fetch(run)
        with engine.signals.subscribe(run_topic(run.id)) as wake:
            while (alive := await world.fetch(run)).last_event_id == held.last_event_id:
                await wake.wait()
        gate.open()
        await world.wait_until_ended(run, engine.signals)
    assert alive.last_event_id == held.last_event_id + 1
    assert (alive.phase, alive.rows_processed) == (held.phase, held.rows_processed)
    assert alive.updated_at - held.updated_at < timedelta(seconds=5)
