"""Does it stay cheap to find what is due, with a hundred thousand deliveries that are not?"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from service.store import deliveries, delivery_lanes, events
from tests.conftest import PostgresServer

WORKSPACE = "00000000-0000-7000-8000-00000000000a"
ONE = "00000000-0000-7000-8000-000000000007"
WEBHOOKS = 50
LANES, PER_LANE = 1_000, 2
# Of each webhook's lanes one is due, and has the webhook's id.
_FILL = [
    f"INSERT INTO workspaces (id, name) VALUES ('{WORKSPACE}', 'main')",
    "INSERT INTO secret_key (fingerprint) VALUES ('key')",
    f"""
    INSERT INTO webhooks (id, workspace_id, url, secret)
    SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, '{WORKSPACE}', 'x', 'x'
    FROM generate_series(1, {WEBHOOKS}) AS n
    """,
    f"""
    INSERT INTO delivery_lanes (webhook_id, lane, due_at)
    SELECT id, CASE WHEN n = 1 THEN id ELSE gen_random_uuid() END,
           now() + CASE WHEN n = 1 THEN interval '-1 hour' ELSE interval '1 day' END
    FROM webhooks, generate_series(1, {LANES}) AS n
    """,
    f"""
    INSERT INTO deliveries (webhook_id, workspace_id, event_id, workspace_seq, type, lane,
                            is_enlisted, status)
    SELECT webhook_id, '{WORKSPACE}', gen_random_uuid(), n, 'run.progress', lane, true,
           CASE WHEN n = 1 THEN 'delivered' ELSE 'pending' END
    FROM delivery_lanes, generate_series(1, {PER_LANE}) AS n
    """,
    "ANALYZE",
]


@pytest.fixture(scope="module")
def filled_url(postgres: PostgresServer, template_database: str) -> Iterator[str]:
    """The URL of a database with many deliveries that wait."""
    name = f"plans_{uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    postgres.run(fill(postgres.url_of(name)))
    yield postgres.url_of(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in _FILL:
            await connection.execute(statement)
    finally:
        await connection.close()


def rows_read(plan: dict[str, Any], table: str) -> int:
    """How many rows of the table the plan read, however often."""
    mine = 0
    if plan.get("Relation Name") == table and "Scan" in plan["Node Type"]:
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        mine = round(rows * plan["Actual Loops"])
    return mine + sum(rows_read(part, table) for part in plan.get("Plans", []))


_DUE = (
    delivery_lanes._DUE,
    "now(), 64, 16, 8, 1, 'key'",
    {"delivery_lanes": WEBHOOKS, "webhooks": WEBHOOKS},
)
_TAKE = (
    delivery_lanes._TAKE,
    f"gen_random_uuid(), '{{{ONE}}}', '{{{ONE}}}', now(), 30",
    {"delivery_lanes": 1, "deliveries": 1, "events": 0},
)
_ENLIST = (delivery_lanes._NEW, "1000", {"deliveries": 0})
_LIST = (
    deliveries._LIST_PAGE,
    f"'{ONE}', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '00000000-0000-0000-0000-000000000000', 51",
    {"deliveries": 51},
)
_EVENT = (
    events._INSERT,
    f"'{WORKSPACE}', 1, gen_random_uuid(), NULL, NULL, 'run.progress', '{{}}', now(), false",
    {"webhooks": WEBHOOKS, "deliveries": 0},
)


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize(
    ("statement", "values", "bounds"),
    [_DUE, _TAKE, _ENLIST, _LIST, _EVENT],
    ids=["due", "take", "enlist", "list", "event"],
)
async def test_a_question_reads_only_what_it_needs(
    filled_url: str, statement: str, values: str, bounds: dict[str, int], mode: str
) -> None:
    connection = await asyncpg.connect(filled_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"SET plan_cache_mode = {mode}")
        await connection.execute(f"PREPARE asked AS {statement}")
        explained = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked ({values})"
        )
        await transaction.rollback()
    finally:
        await connection.close()
    plan = json.loads(explained)[0]["Plan"]
    read = {table: rows_read(plan, table) for table in bounds}
    assert all(read[table] <= bound for table, bound in bounds.items()), (read, bounds)
