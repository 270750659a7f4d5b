"""Is a change that is sent twice carried out once, whatever happens between?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from service.api import limits, replies
from service.api.context import Caller, services
from service.api.idempotency import commit_with, expect_repeats
from service.api.request_leases import RequestLeases
from service.api.routes import ENDPOINTS, Endpoint
from service.domain.api_keys import Scope
from service.domain.errors import ConflictError, InvalidInputError, UnavailableError
from service.engine import cleaning
from service.store import idempotency
from service.store.database import Connection, Database
from tests.api.conftest import LIMITS, Api, Configs, running_api

PATH = "/v1/changes"
KEY = {"Idempotency-Key": "order-4711"}
Step = Callable[[Connection, int], Awaitable[Response | None]]


@dataclass
class Changes:
    """A route that adds a workspace, and whatever `inside` and `behind` its transaction do."""

    inside: Step | None = None
    behind: Callable[[], Awaitable[None]] | None = None
    calls: int = 0
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def change(self, request: Request, caller: Caller) -> Response:
        self.calls += 1
        number = self.calls
        if request.headers.get("content-type"):
            await limits.read_json(request, 100_000)
        response: Response | None = None
        async with services(request).database.transaction() as connection:
            await add(connection)
            if self.inside is not None:
                response = await self.inside(connection, number)
        self.entered.set()
        if self.behind is not None:
            await self.behind()
        return response or replies.created({"number": number}, f"{PATH}/{number}")


async def add(connection: Connection) -> None:
    await connection.execute("INSERT INTO workspaces (id, name) VALUES (gen_random_uuid(), 'made')")


async def count(database: Database) -> int:
    async with database.connection() as connection:
        made: int = await connection.fetchval("SELECT count(*) FROM workspaces WHERE name = 'made'")
    return made


@asynccontextmanager
async def api_with(url: str, changes: Changes) -> AsyncIterator[Api]:
    added = Endpoint("POST", PATH, changes.change, Scope.WRITE)
    async with running_api(url, (*ENDPOINTS, added)) as api:
        yield api


async def answers_early(connection: Connection, number: int) -> Response:
    return commit_with(replies.created({"number": number}, f"{PATH}/{number}"))


async def refuses(connection: Connection, number: int) -> Response:
    raise InvalidInputError("Wrong.")


async def has_a_conflict(connection: Connection, number: int) -> Response:
    raise ConflictError("Busy.")


async def is_away(connection: Connection, number: int) -> Response:
    raise UnavailableError("Away.")


async def breaks(connection: Connection, number: int) -> Response:
    raise RuntimeError("broken")


async def breaks_once_committed() -> None:
    raise RuntimeError("broken")


@pytest.mark.parametrize("inside", [None, answers_early])
async def test_the_same_change_is_carried_out_once(database_url: str, inside: Step | None) -> None:
    changes = Changes(inside)
    async with api_with(database_url, changes) as api:
        first = await api.client.post(PATH, headers=KEY, content=b'{"a": 1, "b": 2}')
        again = await api.client.post(PATH, headers=KEY, content=b'{"a": 1, "b": 2}')
        assert await count(api.database) == changes.calls == 1
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (
        (again.status_code, again.content)
        == (first.status_code, first.content)
        == (201, b'{"number":1}')
    )
    for name in ("location", "content-type", "content-length"):
        assert again.headers.get_list(name) == first.headers.get_list(name) != []


async def test_without_the_header_nothing_is_noted(database_url: str) -> None:
    changes = Changes()
    async with api_with(database_url, changes) as api:
        for _ in range(2):
            await api.client.post(PATH)
        assert await count(api.database) == 2
        async with api.database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM idempotency_records") == 0


async def test_json_is_compared_by_what_it_says(database_url: str) -> None:
    changes = Changes()
    async with api_with(database_url, changes) as api:
        await api.client.post(PATH, headers=KEY, json={"a": 1, "b": 2})
        kind = {"Content-Type": "application/json; charset=utf-8"}
        again = await api.client.post(PATH, headers={**KEY, **kind}, content=b'{"b":2,\n"a":1}')
        other = await api.client.post(PATH, headers=KEY, json={"a": 1, "b": 3})
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert changes.calls == 1


async def test_another_path_or_method_is_other_content(configs: Configs) -> None:
    made = await configs.make()
    path = f"/v1/matching/configs/{made['id']}"
    first = await configs.api.client.put(path, headers=KEY, json={"name": "new"})
    assert first.status_code == 200
    other = await configs.api.client.delete(path, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert (await configs.api.client.get(path)).status_code == 200


async def test_each_key_owner_has_keys_of_its_own(database_url: str) -> None:
    changes = Changes()
    async with api_with(database_url, changes) as api:
        await api.client.post(PATH, headers=KEY)
        for owner in (await api.key(), await api.key(workspace_id=await api.other_workspace())):
            reply = await api.client.post(PATH, headers={**KEY, **owner})
            assert (reply.status_code, "idempotent-replayed" in reply.headers) == (201, False)
    assert changes.calls == 3


async def test_while_the_first_is_on_its_way_the_second_waits_its_turn(database_url: str) -> None:
    done = asyncio.Event()
    changes = Changes(behind=lambda: _wait(done))
    async with api_with(database_url, changes) as api, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(api.client.post(PATH, headers=KEY))
        await changes.entered.wait()
        second = await api.client.post(PATH, headers=KEY)
        done.set()
        await first
        third = await api.client.post(PATH, headers=KEY)
    assert (second.status_code, second.json()["code"]) == (409, "conflict")
    assert (second.json()["retryable"], second.headers["retry-after"]) == (True, "1")
    assert third.headers["idempotent-replayed"] == "true"
    assert changes.calls == 1


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def test_many_at_once_are_carried_out_once(database_url: str) -> None:
    changes = Changes(answers_early)
    async with api_with(database_url, changes) as api:
        async with asyncio.TaskGroup() as tasks:
            sent = [tasks.create_task(api.client.post(PATH, headers=KEY)) for _ in range(8)]
        assert await count(api.database) == changes.calls == 1
    codes = {task.result().status_code for task in sent}
    assert 201 in codes <= {201, 409}


async def test_a_refusal_is_the_reply_too(database_url: str) -> None:
    changes = Changes(refuses)
    async with api_with(database_url, changes) as api:
        first = await api.client.post(PATH, headers=KEY)
        again = await api.client.post(PATH, headers=KEY)
    assert (first.status_code, again.content) == (400, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == "application/problem+json"
    assert changes.calls == 1


@pytest.mark.parametrize(
    ("inside", "status"), [(is_away, 503), (breaks, 500), (has_a_conflict, 409)]
)
async def test_what_may_succeed_later_is_tried_anew(
    database_url: str, inside: Step, status: int
) -> None:
    changes = Changes(inside)
    async with api_with(database_url, changes) as api:
        first = await api.client.post(PATH, headers=KEY, json={"a": 1})
        changes.inside = None
        again = await api.client.post(PATH, headers=KEY, json={"a": 2})
        assert await count(api.database) == 1
    assert first.status_code == status
    assert (again.status_code, again.json()) == (201, {"number": 2})
    assert "idempotent-replayed" not in again.headers


async def test_an_error_behind_the_effect_leads_to_no_second_one(database_url: str) -> None:
    changes = Changes(behind=breaks_once_committed)
    async with api_with(database_url, changes) as api:
        first = await api.client.post(PATH, headers=KEY)
        again = await api.client.post(PATH, headers=KEY)
        assert await count(api.database) == changes.calls == 1
    assert (first.status_code, again.status_code) == (500, 409)
    assert "was carried out, but its reply was lost" in again.json()["detail"]
    assert again.json()["retryable"] is False


async def test_what_goes_on_where_it_stopped_begins_anew(database_url: str) -> None:
    async def change(request: Request, caller: Caller) -> Response:
        expect_repeats()
        for _ in range(2):
            async with services(request).database.transaction() as connection:
                await add(connection)
        if await count(services(request).database) == 2:
            raise RuntimeError("broken")
        return replies.reply({"made": True})

    added = Endpoint("POST", PATH, change, Scope.WRITE)
    async with running_api(database_url, (*ENDPOINTS, added)) as api:
        sent = [(await api.client.post(PATH, headers=KEY)).status_code for _ in range(3)]
        assert (sent, await count(api.database)) == ([500, 200, 200], 4)


async def test_a_crash_before_the_commit_begins_anew_once_the_lease_ends(api: Api) -> None:
    async with api.database.connection() as connection:
        key_id = await connection.fetchval("SELECT id FROM api_keys")
        assert await idempotency.claim(connection, key_id, KEY["Idempotency-Key"])
        path, body = "/v1/api-keys", {"name": "new", "scopes": ["read"]}
        held = await api.client.post(path, json=body, headers=KEY)
        await connection.execute("UPDATE idempotency_records SET lease_until = now()")
        taken = await api.client.post(path, json=body, headers=KEY)
    assert (held.status_code, taken.status_code) == (409, 201)


async def test_who_lost_the_key_carries_nothing_out(database_url: str) -> None:
    async def is_overtaken(connection: Connection, number: int) -> None:
        async with api.database.connection() as other:
            await other.execute("UPDATE idempotency_records SET lease_until = now()")
            key_id = await other.fetchval("SELECT api_key_id FROM idempotency_records")
            assert await idempotency.claim(other, key_id, KEY["Idempotency-Key"])

    async with api_with(database_url, Changes(is_overtaken)) as api:
        reply = await api.client.post(PATH, headers=KEY)
        assert await count(api.database) == 0
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    assert "took over" in reply.json()["detail"]


async def test_leases_of_requests_under_way_are_renewed(api: Api) -> None:
    leases = RequestLeases()
    async with api.database.connection() as connection:
        key_id = await connection.fetchval("SELECT id FROM api_keys")
        held = await idempotency.claim(connection, key_id, "held")
        dropped = await idempotency.claim(connection, key_id, "dropped")
        assert held
        assert dropped
        for attempt in (held, dropped):
            leases.hold(attempt)
        leases.drop(dropped)
        await connection.execute("UPDATE idempotency_records SET lease_until = now()")
        await leases.renew(api.database)
        alive = "SELECT key FROM idempotency_records WHERE lease_until > now() + interval '50 s'"
        assert [record["key"] for record in await connection.fetch(alive)] == ["held"]


async def test_a_secret_is_neither_stored_nor_shown_twice(api: Api) -> None:
    body = {"name": "new", "scopes": ["read"]}
    first = await api.client.post("/v1/api-keys", json=body, headers=KEY)
    again = await api.client.post("/v1/api-keys", json=body, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 409)
    assert f"see /v1/api-keys/{first.json()['id']}" in again.json()["detail"]
    async with api.database.connection() as connection:
        stored = await connection.fetchval("SELECT r::text FROM idempotency_records AS r")
        assert await connection.fetchval("SELECT count(*) FROM api_keys") == 2
    assert first.json()["key"] not in stored
    assert first.json()["key"].encode().hex() not in stored


async def test_an_upload_is_compared_by_its_parts(api: Api) -> None:
    files = {"file": ("orders.csv", b"po,name\n1,Vega\n", "text/csv")}
    url, data = "/v1/reference-data", {"name": "Orders", "id_column": "po"}
    first = await api.client.post(url, data=data, files=files, headers=KEY)
    again = await api.client.post(url, data=data, files=files, headers=KEY)
    assert first.request.headers["content-type"] != again.request.headers["content-type"]
    assert (first.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    files = {"file": ("orders.csv", b"po,name\n1,Vegas\n", "text/csv")}
    other = await api.client.post(url, data=data, files=files, headers=KEY)
    assert other.status_code == 422
    assert (await api.client.get(url)).json()["pagination"]["total"] == 1


async def test_an_upload_beyond_the_limit_leaves_the_key_free(api: Api) -> None:
    headers = {**KEY, "Content-Type": "application/x-ndjson"}
    line = b'{"id": "%06d", "fields": {}}\n'
    most = LIMITS.upload_bytes // len(line) + 1
    lines = b"".join(line % number for number in range(most))
    large = await api.client.post("/v1/documents", content=lines, headers=headers)
    assert large.status_code == 413
    fine = await api.client.post(
        "/v1/documents", content=b'{"id": "1", "fields": {}}', headers=headers
    )
    assert fine.status_code == 201, fine.text


async def test_records_go_after_a_day(configs: Configs) -> None:
    api = configs.api
    await api.client.post("/v1/matching/configs", json=configs.body(), headers=KEY)
    async with api.database.connection() as connection:
        for age, is_kept in ((timedelta(hours=23), True), (timedelta(hours=25), False)):
            await connection.execute(
                "UPDATE idempotency_records SET created_at = now() - $1::interval, "
                "lease_until = now() - $1::interval",
                age,
            )
            reply = await api.client.post("/v1/matching/configs", json=configs.body(), headers=KEY)
            assert ("idempotent-replayed" in reply.headers) == is_kept
        await connection.execute(
            "UPDATE idempotency_records SET created_at = '2020-01-01', lease_until = '2020-01-01'"
        )
        await connection.execute(
            "INSERT INTO sessions SELECT gen_random_uuid(), id, 'hash', now(), now() FROM api_keys"
        )
        await cleaning.clean(api.database)
        for table in ("idempotency_records", "sessions"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 201, "ü", "tab\tbed"])
async def test_a_key_that_is_none_is_refused(configs: Configs, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode("latin-1"), b"Content-Type": b"application/json"}
    reply = await configs.api.client.post("/v1/matching/configs", content=b"{}", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (400, "validation_error")
    assert "Idempotency-Key" in reply.json()["detail"]


async def test_two_keys_are_refused(api: Api) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert (await api.client.delete("/v1/documents", headers=headers)).status_code in {400, 405}


async def test_reading_takes_no_key(api: Api) -> None:
    for _ in range(2):
        reply = await api.client.get("/v1/matching/configs", headers=KEY)
        assert "idempotent-replayed" not in reply.headers


CHANGES = [endpoint for endpoint in ENDPOINTS if endpoint.method != "GET"]


@pytest.mark.parametrize("endpoint", CHANGES, ids=lambda each: f"{each.method} {each.path}")
async def test_every_change_takes_the_header(api: Api, endpoint: Endpoint) -> None:
    path = endpoint.path.replace("{", "").replace("}", "")
    sent: dict[str, Any] = {"headers": KEY, "json": {"no_such_key": 1}}
    first = await api.client.request(endpoint.method, path, **sent)
    again = await api.client.request(endpoint.method, path, **sent)
    assert 400 <= first.status_code < 500, first.text
    if first.status_code not in {409, 412}:
        assert again.headers.get("idempotent-replayed") == "true"
        assert again.content == first.content
