"""Do the queries that are asked most still use their index, also with a plan made for any value?"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from service.store import (
    ai_decisions,
    api_keys,
    collections,
    configs,
    documents,
    erasure,
    events,
    idempotency,
    leases,
    old_progress,
    reference,
    results,
    runs,
    sessions,
)
from tests.conftest import PostgresServer

RUN = "00000000-0000-7000-8000-000000000000"
WORKSPACE = "00000000-0000-7000-8000-00000000000a"
# Enough that reading all of a run is never the better plan; 9 of 10 results are alike.
RESULTS = 20_000
WORKSPACES = 20
RUNS = 10_000
ALIVE = 20
EVENTS = 5_000
DELIVERIES = 5_000
AI_DECIDED = 5_000
ROWS = 20_000
KEYS = 20_000

_FILL = [
    f"""
    INSERT INTO workspaces (id, name)
    SELECT CASE WHEN n = 0 THEN $1::uuid ELSE gen_random_uuid() END, n::text
    FROM generate_series(0, {WORKSPACES - 1}) AS n
    """,
    f"""
    INSERT INTO runs (id, workspace_id, matching_config_id, reference_data_id, status, phase,
                      triggered_by, collection)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, workspaces.id,
           gen_random_uuid(), gen_random_uuid(),
           CASE WHEN n % {RUNS // ALIVE} = 0 THEN 'queued' ELSE 'completed' END,
           'done', 'api', 'default'
    FROM generate_series(0, {RUNS - 1}) AS n
    JOIN workspaces ON workspaces.name = (n % {WORKSPACES})::text
    WHERE $1::uuid IS NOT NULL
    """,
    f"""
    INSERT INTO results (run_id, document_id, id, confidence, rule_confidence, evidence, candidates)
    SELECT runs.id, 'doc_' || lpad(n::text, 8, '0'), gen_random_uuid(),
           CASE WHEN n % 10 = 0 THEN (n % 1000) / 1000.0 ELSE 1 END, 1, '{{}}', '[]'
    FROM generate_series(1, {RESULTS}) AS n,
         (SELECT id FROM runs WHERE workspace_id = $1 ORDER BY id LIMIT 3) AS runs
    """,
    f"""
    INSERT INTO events (workspace_id, workspace_seq, id, run_id, run_seq, type, data)
    SELECT $1::uuid, (place - 1) * {EVENTS} + n, gen_random_uuid(), runs.id, n, 'run.progress',
           '{{}}'
    FROM generate_series(1, {EVENTS}) AS n,
         (SELECT id, row_number() OVER (ORDER BY id) AS place FROM runs
          WHERE workspace_id = $1 ORDER BY id LIMIT 3) AS runs
    """,
    f"""
    INSERT INTO ai_documents (run_id, position, document_id, verdict)
    SELECT '{RUN}'::uuid, n - 1, 'doc_' || lpad(n::text, 8, '0'),
           CASE WHEN n < {AI_DECIDED} THEN 'match' END
    FROM generate_series(1, {RESULTS}) AS n WHERE $1::uuid IS NOT NULL
    """,
    f"""
    INSERT INTO deliveries (webhook_id, workspace_id, event_id, type, lane, status, is_enlisted)
    SELECT gen_random_uuid(), $1, gen_random_uuid(), 'run.progress', gen_random_uuid(),
           CASE WHEN n % 2 = 0 THEN 'pending' ELSE 'delivered' END, true
    FROM generate_series(1, {DELIVERIES}) AS n
    """,
    f"""
    INSERT INTO documents (workspace_id, collection, id, fields)
    SELECT $1::uuid, 'default', 'doc_' || lpad(n::text, 8, '0'), '{{}}'
    FROM generate_series(1, {ROWS}) AS n
    """,
    f"""
    INSERT INTO collections (workspace_id, name, document_count)
    SELECT $1::uuid, 'c_' || lpad(n::text, 8, '0'), 1 FROM generate_series(1, {ROWS}) AS n
    """,
    f"""
    INSERT INTO reference_rows (generation, position, row_id, row_values)
    SELECT 1, n, n::text, '{{}}' FROM generate_series(0, {ROWS - 1}) AS n
    WHERE $1::uuid IS NOT NULL
    """,
    f"""
    INSERT INTO matching_configs (id, workspace_id, name, reference_data_id, rules, target)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, workspaces.id, 'x',
           gen_random_uuid(), '{{}}', '{{}}'
    FROM generate_series(1, {KEYS}) AS n
    JOIN workspaces ON workspaces.name = (n % {WORKSPACES})::text
    WHERE $1::uuid IS NOT NULL
    """,
    f"""
    INSERT INTO api_keys (id, workspace_id, name, key_hash, scopes)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, workspaces.id, 'x',
           sha256(n::text::bytea), '{{}}'
    FROM generate_series(1, {KEYS}) AS n
    JOIN workspaces ON workspaces.name = (n % {WORKSPACES})::text
    WHERE $1::uuid IS NOT NULL
    """,
    """
    INSERT INTO sessions (id, api_key_id, token_hash, expires_at)
    SELECT gen_random_uuid(), id, key_hash, now() + interval '1 day' FROM api_keys
    WHERE $1::uuid IS NOT NULL
    """,
    """
    INSERT INTO idempotency_records (api_key_id, key, attempt_id, lease_until)
    SELECT id, 'key', gen_random_uuid(), now() - interval '1 hour' FROM api_keys
    WHERE $1::uuid IS NOT NULL
    """,
]

LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
ROWS_INDEX = "reference_rows_pkey"
NO_FILTER = "'-infinity', 'infinity', NULL, NULL, NULL, NULL"


@dataclass(frozen=True, slots=True)
class Question:
    """A statement with its values as SQL, the index that must answer, how many rows it may read."""

    statement: str
    values: str
    index: str
    rows: int


BY_CONFIDENCE = results._BY_CONFIDENCE
BY_DOCUMENT = results._BY_DOCUMENT
KEY = "'00000000-0000-7000-8000-0000000003e8', 'key'"
# A page has 51 rows; one by confidence is put together from two walks.
QUESTIONS = {
    "results by confidence: first page": Question(
        BY_CONFIDENCE,
        f"'{RUN}', {NO_FILTER}, 'infinity', '', 51, 0",
        "results_by_confidence",
        51,
    ),
    "results by confidence: amid equal ones": Question(
        BY_CONFIDENCE,
        f"'{RUN}', {NO_FILTER}, 1, 'doc_00010001', 51, 0",
        "results_by_confidence",
        102,
    ),
    "results by confidence: far down": Question(
        BY_CONFIDENCE,
        f"'{RUN}', {NO_FILTER}, 0.01, 'doc_00010500', 51, 0",
        "results_by_confidence",
        102,
    ),
    "results by confidence: within bounds": Question(
        BY_CONFIDENCE,
        f"'{RUN}', 0.2, 0.4, NULL, NULL, NULL, NULL, 'infinity', '', 51, 0",
        "results_by_confidence",
        51,
    ),
    "results by document: first page": Question(
        BY_DOCUMENT, f"'{RUN}', {NO_FILTER}, '', 51, 0", "results_pkey", 51
    ),
    "results by document: far down": Question(
        BY_DOCUMENT, f"'{RUN}', {NO_FILTER}, 'doc_00015000', 51, 0", "results_pkey", 51
    ),
    "results of a document": Question(
        results._OF_DOCUMENT, f"'{RUN}', {NO_FILTER}, 'doc_00015000', 51, 0", "results_pkey", 1
    ),
    "a result": Question(results._FETCH, f"'{RUN}', gen_random_uuid()", "results_by_id", 0),
    "events: first page": Question(events._OF_RUN, f"'{RUN}', 0, 501", "events_by_run", 501),
    "events: far down": Question(events._OF_RUN, f"'{RUN}', 4990, 501", "events_by_run", 10),
    "workspace's events: first page": Question(
        events._OF_WORKSPACE, f"'{WORKSPACE}', 0, 501, NULL", "events_pkey", 501
    ),
    "workspace's events: far down": Question(
        events._OF_WORKSPACE, f"'{WORKSPACE}', 14990, 501, NULL", "events_pkey", 10
    ),
    "the runs alive": Question(runs._ALIVE, f"'{WORKSPACE}', 201", "runs_alive", ALIVE),
    "runs by id": Question(runs._FETCH_ALL, f"'{{{RUN}}}'", "runs_pkey", 1),
    "a run with old progress": Question(old_progress._SOME_RUN, "60", "runs_with_progress", 1),
    "runs: first page": Question(
        runs._PAGE, f"'{WORKSPACE}', '{runs._NEWEST}', 51", "runs_by_workspace", 51
    ),
    "runs: far down": Question(
        runs._PAGE,
        f"'{WORKSPACE}', '00000000-0000-7000-8000-000000001800', 51",
        "runs_by_workspace",
        51,
    ),
    "AI pass: the next open documents": Question(
        ai_decisions._OPEN, f"'{RUN}', 12000, 40", "ai_documents_pkey", 40
    ),
    "AI pass: their candidates": Question(
        ai_decisions._CANDIDATES,
        f"'{RUN}', '{{doc_00000001,doc_00000002}}'",
        "results_pkey",
        2,
    ),
    # The document of the pass, then its result as it was and as it is written.
    "AI pass: a decision": Question(
        ai_decisions._DECIDE,
        f"'{RUN}', '{{doc_00015000}}', '{{match}}', '{{ref_1}}', '{{0.9}}', '{{0.7}}', "
        "ARRAY['{}']",
        "ai_documents_by_document",
        3,
    ),
    "documents: first page": Question(
        documents._LIST_PAGE, f"'{WORKSPACE}', 'default', '', 51", "documents_pkey", 51
    ),
    "documents: far down": Question(
        documents._LIST_PAGE, f"'{WORKSPACE}', 'default', 'doc_00015000', 51", "documents_pkey", 51
    ),
    "documents: whether any are numbered": Question(
        documents._HAS_NUMBERED, f"'{WORKSPACE}', 'default', 'row_', 'row`'", "documents_pkey", 1
    ),
    "collections: first page": Question(
        collections._LIST_PAGE, f"'{WORKSPACE}', '', 51", "collections_pkey", 51
    ),
    "collections: far down": Question(
        collections._LIST_PAGE, f"'{WORKSPACE}', 'c_00015000', 51", "collections_pkey", 51
    ),
    "documents: how many": Question(
        collections._COUNT_DOCUMENTS, f"'{WORKSPACE}', 'c_00015000'", "collections_pkey", 1
    ),
    "documents that are still there": Question(
        erasure._STILL_THERE,
        f"'{WORKSPACE}', 'default', ARRAY['doc_00015000']",
        "documents_pkey",
        1,
    ),
    "results of documents that are gone": Question(
        erasure._FORGET_GONE, f"'{RUN}', ARRAY['doc_000001']", "results_pkey", 1
    ),
    "rows: first page": Question(reference._ROWS_PAGE, f"1, 0, {ROWS}, 51", ROWS_INDEX, 51),
    "rows: far down": Question(reference._ROWS_PAGE, f"1, 15000, {ROWS}, 51", ROWS_INDEX, 51),
    "configs: first page": Question(
        configs._LIST_PAGE, f"'{WORKSPACE}', '{LAST_ID}', 51", "matching_configs_by_workspace", 51
    ),
    "configs: far down": Question(
        configs._LIST_PAGE,
        f"'{WORKSPACE}', '{RUN[:-4]}2710', 51",
        "matching_configs_by_workspace",
        51,
    ),
    "keys: first page": Question(
        api_keys._LIST_PAGE, f"'{WORKSPACE}', '{LAST_ID}', 51", "api_keys_by_workspace", 51
    ),
    "keys: far down": Question(
        api_keys._LIST_PAGE, f"'{WORKSPACE}', '{RUN[:-4]}2710', 51", "api_keys_by_workspace", 51
    ),
    "a key": Question(api_keys._FIND, "sha256('7'::bytea)", "api_keys_key_hash_key", 1),
    "a session": Question(sessions._FIND, "sha256('7'::bytea)", "sessions_token_hash_key", 2),
    "sessions that ended": Question(sessions._DELETE_ENDED, "1000", "sessions_by_end", 0),
    "an idempotency key": Question(idempotency._FIND, KEY, "idempotency_records_pkey", 1),
    "an idempotency key's effect": Question(
        idempotency._CARRY_OUT,
        f"{KEY}, gen_random_uuid(), NULL, NULL, NULL, NULL",
        "idempotency_records_pkey",
        1,
    ),
    "old idempotency keys": Question(
        idempotency._DELETE_OLD, "interval '1 day', 1000", "idempotency_records_by_age", 0
    ),
    # Those alive, once to count what is at work and once to choose; then the one chosen.
    "claim": Question(leases._CLAIM, "gen_random_uuid(), 30, '{}'", "runs_alive", 2 * ALIVE + 1),
}


@pytest.fixture(scope="module")
def filled_url(postgres: PostgresServer, template_database: str) -> Iterator[str]:
    """The URL of a database with enough in it that plans matter."""
    name = f"plans_{uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    postgres.run(fill(postgres.url_of(name)))
    yield postgres.url_of(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in _FILL:
            await connection.execute(statement, WORKSPACE)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


@pytest.fixture
async def connection(filled_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(filled_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        # The claim was carried out.
        await transaction.rollback()
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Scan:
    """What one part of a plan read, and how."""

    how: str
    index: str | None
    rows: int


def scans_of(plan: dict[str, Any]) -> Iterator[Scan]:
    if "Relation Name" in plan and "Scan" in plan["Node Type"]:
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield Scan(plan["Node Type"], plan.get("Index Name"), round(rows * plan["Actual Loops"]))
    elif plan["Node Type"] == "Bitmap Index Scan":
        yield Scan(plan["Node Type"], plan["Index Name"], 0)
    for part in plan.get("Plans", []):
        yield from scans_of(part)


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("name", QUESTIONS)
async def test_a_question_reads_only_its_answer(
    connection: "asyncpg.Connection[asyncpg.Record]", name: str, mode: str
) -> None:
    asked = QUESTIONS[name]
    await connection.execute(f"SET plan_cache_mode = {mode}")
    await connection.execute(f"PREPARE asked AS {asked.statement}")
    explained = await connection.fetchval(
        f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked ({asked.values})"
    )
    scans = list(scans_of(json.loads(explained)[0]["Plan"]))
    assert asked.index in {scan.index for scan in scans}
    assert "Seq Scan" not in {scan.how for scan in scans}
    assert sum(scan.rows for scan in scans) <= asked.rows, scans


async def test_no_decision_is_compared_with_every_other(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    many = 1_000
    # As they are planned for tables that were just filled, which seem small.
    await connection.execute("SET enable_hashjoin = off; SET enable_mergejoin = off")
    documents = [f"doc_{place:08}" for place in range(AI_DECIDED, AI_DECIDED + many)]
    values = (documents, *(["match"] * many, ["ref_1"] * many, [0.9] * many, [0.7] * many))
    explained = await connection.fetchval(
        f"EXPLAIN (ANALYZE, FORMAT JSON) {ai_decisions._DECIDE}", RUN, *values, ["{}"] * many
    )
    assert sum(in_vain(json.loads(explained)[0]["Plan"])) < 10 * many


def in_vain(plan: dict[str, Any]) -> Iterator[float]:
    """How often each part of a plan compared two rows that do not belong together."""
    yield plan.get("Rows Removed by Join Filter", 0) * plan["Actual Loops"]
    for part in plan.get("Plans", []):
        yield from in_vain(part)
