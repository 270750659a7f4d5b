"""Are keys kept as hashes alone, and do they open something only while they may?"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from service.domain.api_keys import ApiKey, Scope, hash_key
from service.domain.identifiers import WorkspaceId, new_id
from service.store import api_keys, workspaces
from service.store.database import Connection, Database

READ = frozenset({Scope.READ})


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    async with Database.open(database_url, pool_size=1) as database, database.connection() as lent:
        yield lent


@pytest.fixture
async def workspace_id(connection: Connection) -> WorkspaceId:
    return await workspaces.ensure_default(connection)


async def find(connection: Connection, key: str) -> ApiKey | None:
    return await api_keys.find(connection, hash_key(key))


async def test_a_new_key_is_found_by_its_hash(
    connection: Connection, workspace_id: WorkspaceId
) -> None:
    key_id, key = await api_keys.create(connection, workspace_id, "laptop", frozenset(Scope))
    found = await find(connection, key)
    assert found is not None
    assert (found.id, found.workspace_id, found.name) == (key_id, workspace_id, "laptop")
    assert found.scopes == frozenset(Scope)
    assert (found.last_used_at, found.expires_at, found.revoked_at) == (None, None, None)
    assert datetime.now(UTC) - found.created_at < timedelta(minutes=1)


async def test_the_plain_key_is_nowhere_in_the_database(
    connection: Connection, workspace_id: WorkspaceId
) -> None:
    _, key = await api_keys.create(connection, workspace_id, "laptop", READ)
    stored = await connection.fetchval("SELECT string_agg(k::text, ' ') FROM api_keys AS k")
    assert key not in stored
    assert key.encode().hex() not in stored
    assert hash_key(key).hex() in stored


async def test_an_unknown_key_is_not_found(connection: Connection) -> None:
    assert await find(connection, "ms_unknown") is None


async def test_a_revoked_key_is_not_found_and_is_revoked_once(
    connection: Connection, workspace_id: WorkspaceId
) -> None:
    key_id, key = await api_keys.create(connection, workspace_id, "laptop", READ)
    assert await api_keys.revoke(connection, workspace_id, key_id)
    assert await find(connection, key) is None
    assert not await api_keys.revoke(connection, workspace_id, key_id)
    listed = await api_keys.list_all(connection, workspace_id)
    assert [(each.id, each.revoked_at is None) for each in listed] == [(key_id, False)]


async def test_another_workspace_cannot_revoke_or_list_a_key(
    connection: Connection, workspace_id: WorkspaceId
) -> None:
    other = WorkspaceId(new_id())
    key_id, key = await api_keys.create(connection, workspace_id, "laptop", READ)
    assert not await api_keys.revoke(connection, other, key_id)
    assert await find(connection, key) is not None
    assert await api_keys.list_all(connection, other) == ()


@pytest.mark.parametrize(("seconds", "is_found"), [(-1, False), (60, True)])
async def test_a_key_opens_until_it_expires(
    connection: Connection, workspace_id: WorkspaceId, seconds: int, is_found: bool
) -> None:
    _, key = await api_keys.create(connection, workspace_id, "laptop", READ)
    await connection.execute(
        "UPDATE api_keys SET expires_at = now() + make_interval(secs => $1)", seconds
    )
    assert (await find(connection, key) is not None) is is_found


@pytest.mark.parametrize(("seconds_ago", "is_touched"), [(None, True), (61, True), (30, False)])
async def test_use_is_noted_once_a_minute(
    connection: Connection,
    workspace_id: WorkspaceId,
    seconds_ago: int | None,
    is_touched: bool,
) -> None:
    key_id, key = await api_keys.create(connection, workspace_id, "laptop", READ)
    await connection.execute(
        "UPDATE api_keys SET last_used_at = now() - make_interval(secs => $1)", seconds_ago
    )
    before = await find(connection, key)
    await api_keys.touch(connection, key_id)
    after = await find(connection, key)
    assert before is not None
    assert after is not None
    assert (before.last_used_at != after.last_used_at) is is_touched


async def test_keys_are_listed_in_the_order_they_were_made(
    connection: Connection, workspace_id: WorkspaceId
) -> None:
    for name in ("c", "a", "b"):
        await api_keys.create(connection, workspace_id, name, READ)
    listed = await api_keys.list_all(connection, workspace_id)
    assert [each.name for each in listed] == ["c", "a", "b"]
