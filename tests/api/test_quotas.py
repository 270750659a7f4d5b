"""Is what a key may ask counted, said, and ended by a 429 that tells when to come back?"""

from dataclasses import replace

import httpx2

from service.api.quotas import Quota, Quotas
from service.api.routes import ENDPOINTS
from service.domain.identifiers import ApiKeyId, new_id
from tests.api.conftest import Api

CONFIGS = "/v1/matching/configs"


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def limit(api: Api, clock: Clock, reads: int = 2, writes: int = 2) -> None:
    allowed = {Quota.READS: reads, Quota.WRITES: writes, Quota.UPLOADS: 1}
    api.app.state.services = replace(api.app.state.services, quotas=Quotas(allowed, clock))


def standing_of(reply: httpx2.Response) -> tuple[str, str, str]:
    return tuple(reply.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset"))  # type: ignore[return-value]


async def test_each_reply_says_what_is_left(api: Api) -> None:
    clock = Clock()
    limit(api, clock)
    first = await api.client.get(CONFIGS)
    clock.seconds += 12.5
    second = await api.client.get(f"{CONFIGS}/nothing")
    assert (first.status_code, second.status_code) == (200, 404)
    assert (standing_of(first), standing_of(second)) == (("2", "1", "60"), ("2", "0", "48"))
    assert first.headers["ratelimit-policy"] == '"reads";q=2;w=60'
    assert second.headers["ratelimit"] == '"reads";r=0;t=48'


async def test_beyond_the_limit_is_a_429_until_the_minute_ends(api: Api) -> None:
    clock = Clock()
    limit(api, clock)
    replies = [await api.client.get(CONFIGS) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 429, 429]
    problem = replies[-1].json()
    assert (problem["code"], problem["retryable"]) == ("rate_limited", True)
    assert replies[-1].headers["retry-after"] == "60"
    assert standing_of(replies[-1]) == ("2", "0", "60")
    clock.seconds += 60
    assert (await api.client.get(CONFIGS)).status_code == 200


async def test_keys_and_kinds_are_counted_apart(api: Api) -> None:
    limit(api, Clock(), reads=1)
    assert (await api.client.get(CONFIGS)).status_code == 200
    assert (await api.client.get(CONFIGS)).status_code == 429
    written = await api.client.post(CONFIGS, json={})
    assert (written.status_code, written.headers["ratelimit"]) == (400, '"writes";r=1;t=60')
    uploaded = await api.client.post("/v1/documents", json={"documents": []})
    assert uploaded.headers["ratelimit-policy"] == '"uploads";q=1;w=60'
    assert (await api.client.get(CONFIGS, headers=await api.key())).status_code == 200


async def test_a_request_without_the_scope_is_not_counted(api: Api) -> None:
    limit(api, Clock())
    refused = await api.client.get(CONFIGS, headers=await api.key(frozenset()))
    assert refused.status_code == 403
    assert "ratelimit" not in refused.headers


def test_what_each_route_counts_as() -> None:
    uploads = {e.path for e in ENDPOINTS if e.quota is Quota.UPLOADS}
    assert {"/v1/documents", "/v1/reference-data"} <= uploads
    for endpoint in ENDPOINTS:
        assert (endpoint.quota is Quota.READS) == (endpoint.method == "GET"), endpoint


def test_the_memory_of_windows_is_bounded() -> None:
    quotas = Quotas({Quota.READS: 1}, Clock(), max_windows=2)
    keys = [ApiKeyId(new_id()) for _ in range(3)]
    for key in keys:
        assert not quotas.take(key, Quota.READS).is_exceeded
    # The first was forgotten, so that it begins again; the last is remembered.
    assert quotas.take(keys[2], Quota.READS).is_exceeded
    assert not quotas.take(keys[0], Quota.READS).is_exceeded
