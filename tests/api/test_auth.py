"""Who gets in: no key, a wrong one, one that lacks a scope, one of another workspace?"""

import re

import httpx2
import pytest
from starlette.requests import Request

from service.api import auth, routes
from service.api.context import Caller
from service.api.memory import Memory
from service.api.routes import ENDPOINTS, Endpoint
from service.domain.api_keys import KEY_PREFIX, Scope, new_key
from service.domain.errors import UnauthorizedError
from service.domain.identifiers import new_id
from service.store import api_keys
from tests.api.conftest import ALL_SCOPES, Api

NO_SUCH_KEYS = [
    None,
    "",
    "Bearer",
    "Bearer sk_123",
    "Basic bXM6bXM=",
    f"Bearer {new_key()}",
    f"Bearer {KEY_PREFIX}{'x' * 10_000}",
    "Bearer ms_ü",
]


def url_of(endpoint: Endpoint) -> str:
    return re.sub(r"\{[^}]+\}", str(new_id()), endpoint.path)


def named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


@pytest.fixture
def anonymous(api: Api) -> httpx2.AsyncClient:
    del api.client.headers["Authorization"]
    return api.client


async def test_every_route_refuses_a_missing_or_wrong_key(anonymous: httpx2.AsyncClient) -> None:
    for endpoint in ENDPOINTS:
        for key in NO_SUCH_KEYS:
            headers = {} if key is None else {b"Authorization": key.encode("latin-1")}
            reply = await anonymous.request(endpoint.method, url_of(endpoint), headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized"), endpoint
            assert reply.headers["www-authenticate"] == 'Bearer realm="matchstream"'


async def test_two_keys_in_one_request_are_refused(api: Api, anonymous: httpx2.AsyncClient) -> None:
    key = (await api.key())["Authorization"]
    headers = [("Authorization", key), ("Authorization", key)]
    reply = await anonymous.get("/v1/matching/configs", headers=headers)
    assert reply.status_code == 401


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
async def test_a_key_that_lacks_the_scope_is_told_which(api: Api, endpoint: Endpoint) -> None:
    headers = await api.key(ALL_SCOPES - {endpoint.scope})
    reply = await api.client.request(endpoint.method, url_of(endpoint), headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (403, "insufficient_scope")
    assert f"`{endpoint.scope}`" in reply.json()["detail"]


def test_what_changes_something_needs_more_than_read() -> None:
    for endpoint in ENDPOINTS:
        reads = endpoint.method == "GET"
        assert endpoint.scope in (
            {Scope.READ, Scope.ADMIN} if reads else {Scope.WRITE, Scope.ADMIN}
        )


async def test_the_scheme_is_read_in_any_case(api: Api) -> None:
    key = (await api.key())["Authorization"].removeprefix("Bearer ")
    headers = {"Authorization": f"bEARER   {key}"}
    assert (await api.client.get("/v1/matching/configs", headers=headers)).status_code == 200


def request_with(header: dict[str, str], method: str = "GET") -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in header.items()]
    return Request({"type": "http", "method": method, "path": "/", "headers": raw})


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def identify(
    api: Api, header: dict[str, str], callers: Memory[Caller] | None = None
) -> Caller:
    memory = Memory[Caller]() if callers is None else callers
    return await auth.identify(request_with(header), api.database, memory)


async def revoke(api: Api, header: dict[str, str]) -> None:
    caller = await identify(api, header)
    async with api.database.connection() as connection:
        assert await api_keys.revoke(connection, caller.workspace_id, caller.api_key_id)


async def test_a_revoked_key_works_until_the_memory_of_it_ends(api: Api) -> None:
    clock = Clock()
    callers = Memory[Caller](clock)
    header = await api.key()
    before = await identify(api, header, callers)
    await revoke(api, header)
    clock.seconds += auth.CACHE_SECONDS - 0.1
    assert await identify(api, header, callers) == before
    clock.seconds += 0.2
    with pytest.raises(UnauthorizedError):
        await identify(api, header, callers)


async def test_an_expired_key_opens_nothing(api: Api) -> None:
    header = await api.key()
    async with api.database.connection() as connection:
        await connection.execute("UPDATE api_keys SET expires_at = now() - interval '1 s'")
    reply = await api.client.get("/v1/matching/configs", headers=header)
    assert reply.status_code == 401


async def test_the_memory_of_keys_is_bounded(api: Api) -> None:
    callers = Memory[Caller](Clock(), size=2)
    headers = [await api.key() for _ in range(3)]
    for header in headers:
        await identify(api, header, callers)
        await revoke(api, header)
    # The oldest was forgotten, so that its revocation is seen; the others are remembered.
    with pytest.raises(UnauthorizedError):
        await identify(api, headers[0], callers)
    for header in headers[1:]:
        await identify(api, header, callers)


async def test_a_caller_is_known_by_workspace_and_scopes(api: Api) -> None:
    other = await api.other_workspace()
    header = await api.key(frozenset({Scope.READ}), other)
    caller = await identify(api, header)
    assert (caller.workspace_id, caller.key_name) == (other, "test")
    assert caller.scopes == {Scope.READ}


def test_no_method_of_a_path_is_listed_twice() -> None:
    listed = [named(endpoint) for endpoint in routes.ENDPOINTS]
    assert len(set(listed)) == len(listed)


async def test_a_made_up_id_is_refused_by_every_route_and_breaks_none(api: Api) -> None:
    for endpoint in ENDPOINTS:
        if "{" in endpoint.path:
            reply = await api.client.request(endpoint.method, url_of(endpoint), json={})
            allowed = {404} if endpoint.method == "GET" else {400, 404, 415}
            assert reply.status_code in allowed, (endpoint, reply.text)
            assert reply.headers["content-type"] == "application/problem+json"
