"""Does a run read its documents in their frozen order, at the same cost wherever it stands?"""

import json
import random

from service.domain.documents import RunDocument
from service.domain.identifiers import DocumentId, new_id
from service.store import leases, run_documents, run_lifecycle
from service.store.database import Connection, Database
from service.store.run_documents import DocumentFilter
from tests.integration.test_leases import inputs, worker
from tests.seeding import World, add_documents, make_world

LEASE_SECONDS = 30.0


async def freeze(world: World, only: DocumentFilter | None = None, **changes: object) -> list[str]:
    """Start a run; return the ids of its documents in their order."""
    return [document.id for document in await read(world, [], only, **changes)]


async def read(
    world: World, names: list[str], only: DocumentFilter | None = None, **changes: object
) -> tuple[RunDocument, ...]:
    """Start a run; return its documents with the named fields."""
    await world.queue(**changes)
    async with world.database.transaction() as connection:
        claim = await leases.claim(connection, worker(), LEASE_SECONDS, [])
        assert claim is not None
        documents = await run_documents.freeze(connection, claim.run, only)
        run = await run_lifecycle.start(connection, claim.lease, await inputs(world), documents, ())
        assert run.rows_total is not None
        found = await run_documents.fetch_range(connection, run, (0, run.rows_total + 1), names)
    assert len(found) == run.rows_total
    return found


async def test_documents_are_frozen_in_order_of_their_ids_by_code_point(
    database: Database,
) -> None:
    world = await make_world(database, documents=0)
    ids = ["b", "a", "Z", "10", "9", "é", "ab"]
    await add_documents(database, world.workspace_id, {each: {} for each in ids})
    assert await freeze(world) == sorted(ids)


async def test_named_documents_are_frozen_once_each(database: Database) -> None:
    world = await make_world(database, documents=5)
    twice = tuple(DocumentId(f"doc_00000{number}") for number in (3, 1, 3))
    assert await freeze(world, document_ids=twice) == ["doc_000001", "doc_000003"]


async def test_a_filter_compares_the_field_as_text(database: Database) -> None:
    world = await make_world(database, documents=0)
    fields = {"a": {"open": True}, "b": {"open": "true"}, "c": {"open": False}, "d": {}}
    await add_documents(database, world.workspace_id, fields)  # type: ignore[arg-type]
    assert await freeze(world, DocumentFilter("open", "true")) == ["a", "b"]


async def test_only_the_collection_asked_for_is_frozen(database: Database) -> None:
    world = await make_world(database, documents=3)
    await add_documents(database, world.workspace_id, {"other": {}}, collection="inbox")
    assert await freeze(world, collection="inbox") == ["other"]


async def test_of_large_documents_only_the_fields_asked_for_are_read(database: Database) -> None:
    world = await make_world(database, documents=0)
    scans = {"blank": "x" * 100_000, "noise": random.Random(1).randbytes(2_000).hex(), "tiny": "x"}
    fields = {each: {"vendor": "Vega", "scan": scan} for each, scan in scans.items()}
    await add_documents(database, world.workspace_id, fields)
    found = await read(world, ["vendor", "date"])
    assert [json.loads(document.fields or "") for document in found] == [
        {"vendor": "Vega"},
        {"vendor": "Vega"},
        fields["tiny"],
    ]


async def plan(connection: Connection, statement: str, *arguments: object) -> str:
    records = await connection.fetch(f"EXPLAIN {statement}", *arguments)
    return "\n".join(record[0] for record in records)


async def test_documents_are_found_by_their_ids_even_before_there_are_statistics(
    database: Database,
) -> None:
    world = await make_world(database, documents=5_000)
    ids = [f"doc_{number:06}" for number in range(4_000, 4_300)]
    async with database.connection() as connection:
        found = await plan(
            connection,
            run_documents._DOCUMENTS,
            world.workspace_id,
            "default",
            ids,
            ["vendor"],
            new_id(),
        )
    assert "documents_pkey" in found
    assert "id = ANY" in found
    assert "run_exclusions_pkey" in found
