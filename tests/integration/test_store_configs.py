"""Does a config come back from the database exactly as it went in, and change once at a time?"""

import asyncio
import math
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api import config_body
from service.api.config_body import Contents
from service.domain.configs import MatchingConfig
from service.domain.identifiers import ConfigId, WorkspaceId, new_id
from service.store import configs, workspaces
from service.store.configs import NewConfig
from service.store.database import Connection, Database

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
names = texts.filter(lambda text: 0 < len(text) <= 200 and bool(text.strip()))
shares = st.floats(0, 1)
tolerances = st.floats(0, 1e15)
OPTIONS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "exact": {
        "case_sensitive": st.booleans(),
        "verbatim": st.booleans(),
        "near": st.booleans(),
    },
    "fuzzy": {
        "scorer": st.sampled_from(["token_sort", "token_set", "idf", "ratio", "jaro_winkler"]),
        "min_score": shares,
    },
    "date_range": {
        "tolerance_days": tolerances,
        "day_first": st.booleans(),
        "flat": st.booleans(),
    },
    "numeric_range": {"tolerance_absolute": tolerances | st.none(), "flat": st.booleans()},
}
mappings: st.SearchStrategy[dict[str, Any]] = st.one_of(
    [
        st.fixed_dictionaries(
            {
                "strategy": st.just(strategy),
                "source": names,
                "target": names,
                "weight": st.floats(0, 1e6),
            },
            optional=options,
        )
        for strategy, options in OPTIONS.items()
    ]
)
targets: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    names.map(lambda name: {"target_type": "collection", "target_value": {"collection": name}}),
    st.tuples(names, texts).map(
        lambda pair: {
            "target_type": "document_filter",
            "target_value": {"field": pair[0], "equals": pair[1]},
        }
    ),
)
bodies = st.builds(
    lambda required, target: {**required, **target},
    st.fixed_dictionaries(
        {
            "name": names,
            "reference_data_id": st.uuids().map(str),
            "field_mappings": st.lists(mappings, min_size=1, max_size=5).filter(
                lambda sent: any(mapping["weight"] > 0 for mapping in sent)
            ),
        },
        optional={
            "threshold": shares.filter(lambda share: share >= 0.5),
            "review_threshold": shares.filter(lambda share: share <= 0.5),
            "missing": st.sampled_from(["lenient", "ignore", "zero"]),
            "ai": st.fixed_dictionaries(
                {}, optional={"min_margin": shares, "max_cost_usd": st.none() | st.floats(0, 1e9)}
            ),
        },
    ),
    targets,
)


def new_config(workspace_id: WorkspaceId, contents: Contents) -> NewConfig:
    return NewConfig(
        workspace_id=workspace_id,
        name=contents.name,
        reference_data_id=contents.reference_data_id,
        rules=contents.rules,
        target=contents.target,
    )


def some_contents(name: str = "Invoices") -> Contents:
    mapping = {"source": "vendor", "target": "name", "strategy": "fuzzy", "weight": 1}
    body: Any = {"name": name, "reference_data_id": str(new_id()), "field_mappings": [mapping]}
    return config_body.read_new(body)


@given(bodies)
def test_whatever_is_accepted_is_frozen_and_read_back_unchanged(body: dict[str, Any]) -> None:
    rules = config_body.read_new(body).rules
    assert configs.rules_from_json(configs.rules_to_json(rules)) == rules
    weights = [mapping.weight for mapping in rules.field_mappings]
    assert math.isclose(sum(weights), 1, abs_tol=1e-12)
    assert all(0 <= weight <= 1 for weight in weights)


def test_whatever_is_accepted_goes_through_the_store_unchanged(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = Database.open(database_url, pool_size=1)
        opened = runner.run(database.__aenter__())

        @given(bodies)
        def check(body: dict[str, Any]) -> None:
            contents = config_body.read_new(body)
            stored = runner.run(store(opened, contents))
            assert (stored.name, stored.rules) == (contents.name, contents.rules)
            assert stored.reference_data_id == contents.reference_data_id
            assert stored.target == contents.target
            again = config_body.read_change(stored, {})
            assert again == contents

        try:
            check()
        finally:
            runner.run(database.__aexit__(None, None, None))


async def store(database: Database, contents: Contents) -> MatchingConfig:
    """Insert the config; return it as it is read again."""
    async with database.connection() as connection:
        workspace_id = await workspaces.ensure_default(connection)
        inserted = await configs.insert(connection, new_config(workspace_id, contents))
        fetched = await configs.fetch(connection, workspace_id, inserted.id)
    assert fetched == inserted
    return inserted


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url, pool_size=4) as opened:
        yield opened


async def insert(connection: Connection, name: str = "Invoices") -> MatchingConfig:
    workspace_id = await workspaces.ensure_default(connection)
    return await configs.insert(connection, new_config(workspace_id, some_contents(name)))


async def test_a_change_made_on_an_old_version_is_not_stored(database: Database) -> None:
    async with database.connection() as connection:
        first = await insert(connection)
        second = await configs.update(connection, replace(first, name="Second"))
        assert second is not None
        assert (second.version, second.name) == (2, "Second")
        assert await configs.update(connection, replace(first, name="Late")) is None
        assert await configs.fetch(connection, first.workspace_id, first.id) == second


async def test_a_locked_config_is_changed_by_nobody_else(database: Database) -> None:
    async with database.connection() as connection:
        config = await insert(connection)
    async with database.transaction() as first, database.connection() as second:
        await configs.lock(first, config.workspace_id, config.id)
        await second.execute("SET lock_timeout = '20ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await configs.lock(second, config.workspace_id, config.id)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await configs.update(second, config)


async def test_another_workspace_reaches_nothing(database: Database) -> None:
    stranger = WorkspaceId(new_id())
    async with database.transaction() as connection:
        config = await insert(connection)
        assert await configs.fetch(connection, stranger, config.id) is None
        assert await configs.lock(connection, stranger, config.id) is None
        assert await configs.update(connection, replace(config, workspace_id=stranger)) is None
        assert not await configs.delete(connection, stranger, config.id)
        assert await configs.list_page(connection, stranger, None, 10) == []
        assert await configs.count(connection, stranger) == 0
        assert await configs.fetch(connection, config.workspace_id, config.id) == config


async def test_a_config_is_deleted_once(database: Database) -> None:
    async with database.connection() as connection:
        config = await insert(connection)
        assert await configs.delete(connection, config.workspace_id, config.id)
        assert not await configs.delete(connection, config.workspace_id, config.id)


async def test_pages_are_the_newest_first(database: Database) -> None:
    async with database.connection() as connection:
        made = [await insert(connection, f"Config {index}") for index in range(5)]
        workspace_id = made[0].workspace_id
        first = await configs.list_page(connection, workspace_id, None, 2)
        rest = await configs.list_page(connection, workspace_id, first[-1].id, 10)
        assert await configs.count(connection, workspace_id) == 5
    assert [*first, *rest] == made[::-1]


async def test_a_page_is_read_along_its_index(database: Database) -> None:
    async with database.connection() as connection:
        workspace_id = await workspaces.ensure_default(connection)
        await connection.execute(
            """
            INSERT INTO matching_configs (id, workspace_id, name, reference_data_id, rules, target)
            SELECT gen_random_uuid(), $1, 'many', gen_random_uuid(), '{}', '{}'
            FROM generate_series(1, 5000)
            """,
            workspace_id,
        )
        await connection.execute("ANALYZE matching_configs")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        after = ConfigId(new_id())
        plan = await connection.fetch("EXPLAIN " + configs._LIST_PAGE, workspace_id, after, 50)
    lines = "\n".join(row[0] for row in plan)
    assert "Index Scan using matching_configs_by_workspace" in lines
    assert re.search(r"Index Cond: \(\(workspace_id = \S+\) AND \(id < \S+\)\)", lines)
    assert "Sort" not in lines
