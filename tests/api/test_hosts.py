"""Which hosts is a request answered for, and what is answered for any?"""

import httpx2
import pytest
from starlette.middleware import Middleware

from service.api import routes
from service.api.health import health_routes
from service.api.hosts import AllowedHosts


def client_of(*names: str) -> httpx2.AsyncClient:
    app = routes.application(None, pages=health_routes())
    app.user_middleware += [Middleware(AllowedHosts, frozenset(names))]
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


@pytest.mark.parametrize(
    ("host", "status"),
    [("ours", 404), ("OURS:8000", 404), ("theirs", 400), ("ours.theirs", 400), ("10.0.0.7", 400)],
)
async def test_only_hosts_of_ours_are_answered(host: str, status: int) -> None:
    async with client_of("ours") as client:
        reply = await client.get("/v1/nothing", headers={"Host": host})
    assert reply.status_code == status


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/readyz", 503)])
async def test_a_probe_is_answered_for_any_host(path: str, status: int) -> None:
    async with client_of("ours") as client:
        reply = await client.get(path, headers={"Host": "10.0.0.7:8000"})
    assert reply.status_code == status
    assert reply.json()["status"] in {"ok", "not_ready"}


async def test_two_hosts_in_one_request_are_refused() -> None:
    async with client_of("ours") as client:
        headers = [("Host", "ours"), ("Host", "ours")]
        assert (await client.get("/v1/nothing", headers=headers)).status_code == 400
