"""Does every failure leave as a problem with its code, and nothing more?"""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message

from service.api import errors, routes
from service.domain import errors as domain_errors
from service.domain.errors import InvalidInputError, MatchstreamError, Problem
from tests.api.conftest import Api

# Raised by the routing, or below it, alone.
OF_THE_ROUTING = {"method_not_allowed", "request_timeout"}
NEVER_FOR_CLIENTS = {"lease_lost", "matching_failed", "startup_failed"}

FAILURES: list[tuple[Exception, int, str]] = [
    (InvalidInputError("Wrong."), 400, "validation_error"),
    (domain_errors.UnauthorizedError("Who?"), 401, "unauthorized"),
    (domain_errors.InsufficientScopeError("No."), 403, "insufficient_scope"),
    (domain_errors.CrossSiteRequestError("Not ours."), 403, "cross_site_request"),
    (domain_errors.NotFoundError("Nothing."), 404, "not_found"),
    (HTTPException(405), 405, "method_not_allowed"),
    (HTTPException(408), 408, "request_timeout"),
    (domain_errors.ConflictError("Busy."), 409, "conflict"),
    (domain_errors.AiNotConfiguredError("No key."), 409, "ai_not_configured"),
    (domain_errors.PreconditionFailedError("Stale."), 412, "precondition_failed"),
    (domain_errors.PayloadTooLargeError("Big."), 413, "payload_too_large"),
    (domain_errors.UnsupportedMediaTypeError("Odd."), 415, "unsupported_media_type"),
    (domain_errors.IdempotencyMismatchError("Other."), 422, "idempotency_mismatch"),
    (domain_errors.RateLimitedError("Slow down.", 7), 429, "rate_limited"),
    (domain_errors.UnavailableError("Away."), 503, "unavailable"),
    (domain_errors.LeaseLostError("Gone."), 500, "internal_error"),
    (RuntimeError("the password is sesame"), 500, "internal_error"),
    (HTTPException(400, "Malformed part."), 400, "validation_error"),
    (HTTPException(413), 413, "payload_too_large"),
    (HTTPException(418), 500, "internal_error"),
]


def failing(error: Exception) -> httpx2.AsyncClient:
    async def fail(request: Request) -> Response:
        raise error

    return client_of(routes.application(None, pages=[Route("/fail", fail)]))


def client_of(app: Starlette) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


@pytest.mark.parametrize(("error", "status", "code"), FAILURES)
async def test_each_error_leaves_as_its_problem(error: Exception, status: int, code: str) -> None:
    async with failing(error) as client:
        reply = await client.get("/fail", headers={"X-Request-Id": "abc"})
    body = reply.json()
    assert reply.status_code == body["status"] == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert body["code"] == code
    assert body["type"] == f"/docs#{code}"
    assert body["instance"] == "/fail"
    assert body["request_id"] == reply.headers["x-request-id"] == "abc"
    assert body["retryable"] is (status in {408, 429, 503})
    assert body["title"]


def test_every_code_of_ours_has_a_place_in_the_table() -> None:
    ours = [each for each in vars(domain_errors).values() if isinstance(each, type)]
    codes = {each.code for each in ours if issubclass(each, MatchstreamError)}
    assert (codes - NEVER_FOR_CLIENTS) | OF_THE_ROUTING == set(errors.FAILURES)
    assert {code for _, _, code in FAILURES} == set(errors.FAILURES)


async def test_an_unexpected_error_says_nothing_and_is_logged_once() -> None:
    with structlog.testing.capture_logs() as logs:
        async with failing(RuntimeError("the password is sesame")) as client:
            reply = await client.get("/fail")
    assert "sesame" not in reply.text
    assert [(line["event"], line["log_level"]) for line in logs] == [("request_failed", "error")]


async def test_problems_of_an_input_are_listed_with_their_places() -> None:
    found = (
        Problem("required", "`name` is required.", "/name"),
        Problem("ragged_row", "Too short.", row=3, column="total"),
    )
    async with failing(InvalidInputError("Wrong.", found)) as client:
        reply = await client.get("/fail")
    assert reply.json()["errors"] == [
        {"pointer": "/name", "code": "required", "message": "`name` is required."},
        {"row": 3, "column": "total", "code": "ragged_row", "message": "Too short."},
    ]


@pytest.mark.parametrize(
    ("code", "header", "value"),
    [
        ("unauthorized", "www-authenticate", 'Bearer realm="matchstream"'),
        ("rate_limited", "retry-after", "7"),
        ("unavailable", "retry-after", "2"),
    ],
)
async def test_headers_that_belong_to_a_code(code: str, header: str, value: str) -> None:
    error = next(error for error, _, its_code in FAILURES if its_code == code)
    async with failing(error) as client:
        reply = await client.get("/fail")
    assert reply.headers[header] == value


async def test_an_unknown_path_is_a_problem(api: Api) -> None:
    reply = await api.client.get("/v1/nothing here")
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert reply.json()["instance"] == "/v1/nothing%20here"


async def test_a_trailing_slash_is_another_path(api: Api) -> None:
    reply = await api.client.get("/v1/matching/configs/")
    assert reply.status_code == 404


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "OPTIONS", "BREW"])
async def test_a_wrong_method_is_told_which_are_right(api: Api, method: str) -> None:
    reply = await api.client.request(method, "/v1/matching/configs")
    assert (reply.status_code, reply.json()["code"]) == (405, "method_not_allowed")
    assert reply.headers["allow"] == "GET, HEAD, POST"


async def test_head_is_answered_like_get_without_a_body(api: Api) -> None:
    got = await api.client.get("/v1/matching/configs")
    head = await api.client.head("/v1/matching/configs")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.headers["etag"] == got.headers["etag"]


@pytest.mark.parametrize("offered", ["", "with space", "ü", "x" * 129, "tab\t"])
async def test_a_request_id_that_is_no_visible_ascii_is_replaced(api: Api, offered: str) -> None:
    headers = {b"X-Request-Id": offered.encode("latin-1")}
    reply = await api.client.get("/nothing", headers=headers)
    assert len(reply.headers["x-request-id"]) == 36
    assert reply.json()["request_id"] == reply.headers["x-request-id"]


async def test_a_request_id_is_bound_to_the_log_lines_of_its_request() -> None:
    seen: list[dict[str, object]] = []

    async def note(request: Request) -> Response:
        seen.append(structlog.contextvars.get_contextvars())
        return Response()

    async with client_of(routes.application(None, pages=[Route("/note", note)])) as client:
        await client.get("/note", headers={"X-Request-Id": "mine"})
    assert seen == [{"request_id": "mine"}]
    assert structlog.contextvars.get_contextvars() == {}


async def raw_request(app: Starlette, path: str) -> list[Message]:
    """Speak ASGI itself, to see each message as it is sent."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [],
        "asgi": {"version": "3.0", "spec_version": "2.4"},
    }
    await app(scope, receive, send)
    return sent


async def test_a_stream_passes_as_it_comes() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.sleep(0)
        yield b"two"

    async def stream(request: Request) -> Response:
        return StreamingResponse(parts())

    sent = await raw_request(routes.application(None, pages=[Route("/s", stream)]), "/s")
    assert [message.get("body") for message in sent] == [None, b"one", b"two", b""]


async def test_an_error_in_mid_stream_is_left_to_the_server_with_the_request_id() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        raise RuntimeError("broken")

    async def stream(request: Request) -> Response:
        return StreamingResponse(parts())

    app = routes.application(None, pages=[Route("/s", stream)])
    with pytest.raises(RuntimeError, match="broken") as caught:
        await raw_request(app, "/s")
    assert caught.value.__notes__[0].startswith("request_id: ")


async def test_a_client_that_went_away_is_no_error() -> None:
    async def read(request: Request) -> Response:
        raise ClientDisconnect

    with structlog.testing.capture_logs() as logs:
        sent = await raw_request(routes.application(None, pages=[Route("/r", read)]), "/r")
    assert (sent, logs) == ([], [])


async def test_a_problem_is_json_that_any_reader_takes(api: Api) -> None:
    reply = await api.client.get("/v1/%00%ff")
    assert json.loads(reply.content)["code"] == "not_found"
