"""Does every reply, an error's and a page's too, carry what keeps browsers from misusing it?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.api import cors, reply_headers, routes
from service.api.health import health_routes
from service.ui import pages

ORIGIN = "https://app.example"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def fail(request: Request) -> Response:
    raise RuntimeError("broken")


async def own(request: Request) -> Response:
    return Response(headers={"Cache-Control": "no-store", "Content-Security-Policy": "own"})


@asynccontextmanager
async def client_of(*origins: str) -> AsyncIterator[httpx2.AsyncClient]:
    served = [*health_routes(), *pages.routes(), Route("/fail", fail), Route("/own", own)]
    app = routes.application(None, pages=served, cors_origins=origins)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/healthz", "/static/style.css", "/fail", "/nothing"])
async def test_every_reply_has_the_headers_once(path: str) -> None:
    async with client_of() as client:
        reply = await client.get(path)
    names = [name.lower() for name, _ in reply.headers.raw]
    for name, value in reply_headers.DEFAULTS:
        assert names.count(name) == 1
        if path in {"/fail", "/nothing"}:
            assert reply.headers[name.decode()] == value.decode()
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert "unsafe" not in reply.headers["content-security-policy"]
    assert "server" not in reply.headers


async def test_what_a_reply_says_itself_holds() -> None:
    async with client_of() as client:
        reply = await client.get("/own")
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-security-policy"] == "own"


async def test_no_other_origin_is_let_in_unless_it_is_named() -> None:
    async with client_of() as client:
        reply = await client.get("/healthz", headers={"Origin": ORIGIN})
        preflight = await client.options(
            "/healthz", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
        )
    for each in (reply, preflight):
        assert not [name for name in each.headers if name.startswith("access-control")]


@pytest.mark.parametrize(("origin", "is_let_in"), [(ORIGIN, True), ("https://evil.example", False)])
async def test_a_named_origin_may_send_a_key_and_read_all_headers(
    origin: str, is_let_in: bool
) -> None:
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "If-Match"}
    async with client_of(ORIGIN) as client:
        preflight = await client.options("/v1/x", headers={"Origin": origin, **asked})
        reply = await client.get("/fail", headers={"Origin": origin})
    for each in (preflight, reply):
        allowed = each.headers.get("access-control-allow-origin")
        assert allowed == (ORIGIN if is_let_in else None)
        assert "access-control-allow-credentials" not in each.headers
        assert "Origin" in each.headers["vary"]
    assert (preflight.status_code == 200) == is_let_in
    exposed = reply.headers["access-control-expose-headers"].split(", ")
    assert set(cors.READ) == set(exposed)


@pytest.mark.parametrize(
    ("offered", "is_taken"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"01-{TRACE}-{SPAN}-00-more", True),
        (f"ff-{TRACE}-{SPAN}-01", False),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{SPAN}-01", False),
        ("nonsense", False),
    ],
)
async def test_a_trace_is_bound_to_the_log_lines_of_its_request(
    offered: str, is_taken: bool
) -> None:
    seen: list[dict[str, object]] = []

    async def note(request: Request) -> Response:
        seen.append(structlog.contextvars.get_contextvars())
        return Response()

    app = routes.application(None, pages=[Route("/note", note)])
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/note", headers={"traceparent": offered, "X-Request-Id": "mine"})
    trace = {"trace_id": TRACE, "parent_span_id": SPAN} if is_taken else {}
    assert seen == [{"request_id": "mine", **trace}]
