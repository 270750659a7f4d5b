"""Does any route tell or do anything for who may not: without a key, a scope, or elsewhere?

Every route of the table is walked. A route with a parameter that is not known here fails: add what
it names to `known.knowing`.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from service.api.routes import ENDPOINTS
from service.domain.api_keys import Scope, new_key
from service.domain.identifiers import new_id
from service.store import api_keys
from tests.api.known import Known, knowing

# Hundreds of requests each.
pytestmark = pytest.mark.timeout(120)

ALL_SCOPES = frozenset(Scope)
# Of these, a stranger's requests may make some of their own.
NOT_COMPARED = {"api_keys", "workspaces", "schema_migrations", "secret_key"}
# Long enough to be no accident in a reply.
LEAST_NAME = 6


@pytest.fixture
async def known(database_url: str, tmp_path: Path) -> AsyncIterator[Known]:
    async with knowing(database_url, tmp_path) as everything:
        yield everything


async def contents(known: Known) -> dict[str, str]:
    """A digest of each table."""
    async with known.live.world.database.connection() as connection:
        tables = await connection.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        return {
            name: await connection.fetchval(
                f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {name} t"
            )
            for (name,) in tables
            if name not in NOT_COMPARED
        }


async def header_of(known: Known, scopes: frozenset[Scope], change: str = "") -> dict[str, str]:
    """A key of the workspace, changed by a statement."""
    async with known.live.world.database.connection() as connection:
        key_id, key = await api_keys.create(connection, known.live.world.workspace_id, "k", scopes)
        if change:
            await connection.execute(f"UPDATE api_keys SET {change} WHERE id = $1", key_id)
    return {"Authorization": f"Bearer {key}"}


async def test_who_has_no_good_key_learns_nothing_from_any_route(known: Known) -> None:
    keys = [
        {"Authorization": f"Bearer {new_key()}"},
        {"Cookie": "matchstream=made-up; __Host-matchstream=made-up"},
        await header_of(known, ALL_SCOPES, "expires_at = now()"),
        await header_of(known, ALL_SCOPES, "revoked_at = now()"),
    ]
    before = await contents(known)
    for endpoint in ENDPOINTS:
        for headers in keys:
            told = await known.ask(endpoint, headers, known.path(endpoint), {})
            assert (told.status, json.loads(told.text)["code"]) == (401, "unauthorized"), endpoint
            assert "www-authenticate" in told.headers
        made_up = known.made_up()
        real = await known.ask(endpoint, {}, known.path(endpoint), {})
        other = await known.ask(endpoint, {}, known.path(endpoint, made_up), {})
        assert real.status == 401
        assert real.without(*known.ids.values()) == other.without(*made_up.values())
    assert await contents(known) == before


async def test_each_scope_opens_its_routes_and_no_other(known: Known) -> None:
    headers = {scope: await header_of(known, frozenset({scope})) for scope in Scope}
    nothing = await header_of(known, frozenset())
    for endpoint in ENDPOINTS:
        path = known.path(endpoint, known.made_up())
        for scope, header in headers.items():
            told = await known.ask(endpoint, header, path, {"no": "such key"})
            assert (told.status == 403) == (scope is not endpoint.scope), (endpoint, scope)
            assert told.status != 401
            if told.status == 403:
                assert json.loads(told.text)["code"] == "insufficient_scope"
                assert f"`{endpoint.scope}`" in told.text
        assert (await known.ask(endpoint, nothing, path)).status == 403


async def test_the_own_workspace_is_readable(known: Known) -> None:
    """Else the other tests would prove nothing."""
    headers = {"Authorization": known.live.client.headers["authorization"]}
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET":
            told = await known.ask(endpoint, headers, known.path(endpoint))
            assert told.status == 200, (endpoint, told)


BODIES: tuple[dict[str, int] | None, ...] = (None, {}, {"no such key": 1})


async def test_to_a_stranger_what_is_there_is_as_what_is_not(known: Known) -> None:
    headers = await known.live.stranger()
    secrets = list(secrets_of(known))
    before = await contents(known)
    for endpoint in ENDPOINTS:
        for body in BODIES if endpoint.method != "GET" else (None,):
            made_up = known.made_up()
            real = await known.ask(endpoint, headers, known.path(endpoint), body)
            other = await known.ask(endpoint, headers, known.path(endpoint, made_up), body)
            named = set(re.findall(r"{(\w+)", endpoint.path))
            if named:
                assert real.status >= 400, (endpoint, real)
                assert real.without(*known.ids.values()) == other.without(*made_up.values())
            # What the request itself named comes back in `instance`.
            path = known.path(endpoint)
            assert [each for each in secrets if each in real.text and each not in path] == []
    assert await contents(known) == before


def secrets_of(known: Known) -> Iterator[str]:
    """What must not come up elsewhere: all ids of the workspace, and words of its content."""
    yield from (each for each in known.ids.values() if len(each) >= LEAST_NAME)
    yield str(known.live.world.workspace_id)
    yield "hooks.example"


async def test_a_stranger_counts_nothing(known: Known) -> None:
    headers = await known.live.stranger()
    lists = [
        endpoint for endpoint in ENDPOINTS if endpoint.method == "GET" and "{" not in endpoint.path
    ]
    counted = set()
    for endpoint in lists:
        told = await known.ask(endpoint, headers, endpoint.path)
        if "json" in told.headers["content-type"] and "pagination" in told.text:
            page = json.loads(told.text)
            # The stranger has one thing: the key.
            own = 1 if endpoint.path == "/v1/api-keys" else 0
            assert page["pagination"]["total"] == len(page["data"]) == own, endpoint
            counted.add(endpoint.path)
    assert {"/v1/matching/runs", "/v1/matching/configs", "/v1/documents"} <= counted


async def test_what_a_stranger_names_in_a_body_or_query_is_not_there(known: Known) -> None:
    stranger = httpx2.AsyncClient(
        base_url=str(known.live.client.base_url), headers=await known.live.stranger()
    )
    async with stranger as client:
        mapping = {"source": "a", "target": "name", "strategy": "fuzzy", "weight": 1}
        replies = []
        for reference_id in (known.ids["reference_data_id"], str(new_id())):
            body = {"name": "x", "reference_data_id": reference_id, "field_mappings": [mapping]}
            reply = await client.post("/v1/matching/configs", json=body)
            problem = reply.text.replace(reference_id, "ID")
            replies.append((reply.status_code, re.sub(r'"request_id":"[^"]+"', "", problem)))
        assert replies[0] == replies[1]
        assert replies[0][0] == 404
        for config_id in (known.ids["config_id"], str(new_id())):
            listed = await client.get("/v1/matching/runs", params={"config_id": config_id})
            assert listed.json()["pagination"]["total"] == 0
        deleted = await client.delete("/v1/documents", params={"collection": "default"})
        assert deleted.status_code == 200, deleted.text
    documents = await known.live.get("/v1/documents")
    assert documents["pagination"]["total"] == 5


async def test_a_cursor_of_another_workspace_shows_only_the_own(known: Known) -> None:
    for path in ("/v1/documents", "/v1/matching/configs", "/v1/reference-data"):
        page = await known.live.get(path, limit=1)
        cursor = page["pagination"]["next_cursor"]
        if cursor is not None:
            reply = await known.live.client.get(
                path, params={"cursor": cursor}, headers=await known.live.stranger()
            )
            assert reply.json()["data"] == []
