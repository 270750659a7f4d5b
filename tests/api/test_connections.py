"""Can a connection be held up, filled without end, or confused? On a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from service.api import connections, routes
from tests.api.live import served

SECONDS = 20.0
CRLF = b"\r\n"
GET = b"GET /small HTTP/1.1\r\nHost: here\r\n\r\n"
HALF = b"GET /small HTTP/1.1\r\nHost: he"
POST = b"POST /take HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"POST /take HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


class Hasty(connections.Protocol):
    """With bounds that a test can wait for."""

    head_seconds = 0.3
    body_seconds = 0.3
    write_seconds = 0.3


class Patient(connections.Protocol):
    """With bounds that no test meets."""

    head_seconds = body_seconds = write_seconds = 600.0


class Seen:
    """What the application saw of its requests."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def small(self, request: Request) -> Response:
        return PlainTextResponse("fine")

    async def large(self, request: Request) -> Response:
        return Response(b"x" * 20_000_000)

    async def take(self, request: Request) -> Response:
        try:
            return PlainTextResponse(str(len(await request.body())))
        except ClientDisconnect:
            self.gone.set()
            raise


@asynccontextmanager
async def connected(
    seen: Seen, protocol: type[connections.Protocol]
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    named = {"/small": seen.small, "/large": seen.large, "/take": seen.take}
    pages = [Route(path, call, methods=["GET", "POST"]) for path, call in named.items()]
    async with served(routes.application(None, pages=pages), protocol) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**25)
        try:
            async with asyncio.timeout(SECONDS):
                yield reader, writer
        finally:
            writer.close()


def problem_of(reply: bytes) -> tuple[int, Any]:
    head, _, body = reply.partition(CRLF * 2)
    assert b"content-type: application/problem+json" in head.lower()
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("started", [HALF, CRLF, GET[:-2]])
async def test_a_head_that_never_ends_is_cut_off(started: bytes) -> None:
    async with connected(Seen(), Hasty) as (reader, writer):
        writer.write(started)
        status, problem = problem_of(await reader.read())
    assert (status, problem["code"]) == (408, "request_timeout")


async def test_bytes_now_and_then_do_not_buy_time_for_a_head() -> None:
    async with connected(Seen(), Hasty) as (reader, writer):
        reply = asyncio.ensure_future(reader.read())  # noqa: TID251 - ends with the connection
        writer.write(HALF)
        while not reply.done():
            writer.write(b"a")
            await asyncio.sleep(0.05)
        # A byte that crosses the reply resets the connection, and takes the reply with it.
        with suppress(ConnectionResetError):
            assert b" 408 " in await reply


async def test_a_connection_without_a_word_is_closed_without_one() -> None:
    async with connected(Seen(), Hasty) as (reader, _):
        assert await reader.read() == b""


async def test_a_second_head_has_its_time_too() -> None:
    async with connected(Seen(), Hasty) as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"fine")
        writer.write(HALF)
        status, _ = problem_of(await reader.read())
    assert status == 408


@pytest.mark.parametrize(
    "head",
    [
        b"GET /small HTTP/1.1\r\nHost: here\r\nX-Long: " + b"x" * 40_000 + CRLF * 2,
        b"GET /small HTTP/1.1\r\nHost: here\r\n" + b"X-Many: 123456789\r\n" * 2_500 + CRLF,
        b"GET /small?" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n",
        # Without an end.
        b"GET /small HTTP/1.1\r\nX-Long: " + b"x" * 5_000_000,
        b"GET /small HTTP/1.1\r\n" + b"X-Many: 123456789\r\n" * 250_000,
    ],
    ids=["long", "many", "url", "long without end", "many without end"],
)
async def test_a_head_beyond_its_bound_is_refused(head: bytes) -> None:
    async with connected(Seen(), Patient) as (reader, writer):
        writer.write(head)
        reply = await reader.read(65_536)
    status, problem = problem_of(reply)
    assert (status, problem["code"]) == (431, "payload_too_large")


async def test_a_head_within_its_bound_is_read() -> None:
    async with connected(Seen(), Patient) as (reader, writer):
        writer.write(GET[:-2] + b"X-Long: " + b"x" * 30_000 + CRLF * 2)
        assert (await reader.readuntil(b"fine")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"", b"x" * 10])
async def test_a_body_that_stands_still_is_cut_off(sent: bytes) -> None:
    seen = Seen()
    async with connected(seen, Hasty) as (reader, writer):
        writer.write(POST + sent)
        status, problem = problem_of(await reader.read())
        await seen.gone.wait()
    assert (status, problem["code"], problem["retryable"]) == (408, "request_timeout", True)


async def test_a_body_that_comes_is_taken_however_long_it_takes() -> None:
    size = connections.LEAST_BODY_BYTES
    head = f"POST /take HTTP/1.1\r\nHost: here\r\nContent-Length: {size * 10}\r\n\r\n"
    async with connected(Seen(), Hasty) as (reader, writer):
        writer.write(head.encode())
        for _ in range(10):
            writer.write(b"x" * size)
            await asyncio.sleep(0.1)
        assert await reader.readuntil(str(size * 10).encode())


@pytest.mark.parametrize(
    "rest",
    [
        b"0\r\n" + b"X-Trailer: 123456789\r\n" * 250_000,
        b"0\r\nX-Trailer: " + b"x" * 5_000_000,
        b"1;" + b"x" * 5_000_000,
    ],
    ids=["trailers", "a long trailer", "a long extension"],
)
async def test_what_nobody_reads_behind_a_head_is_bounded(rest: bytes) -> None:
    async with connected(Seen(), Patient) as (reader, writer):
        writer.write(CHUNKED + rest)
        status, _ = problem_of(await reader.read(65_536))
    assert status == 400


async def test_small_chunks_and_a_trailer_are_read_and_the_trailer_dropped() -> None:
    async with connected(Seen(), Patient) as (reader, writer):
        writer.write(CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\nHost: there\r\n\r\n")
        assert await reader.readuntil(b"20000")
        writer.write(GET)
        assert await reader.readuntil(b"fine")


async def test_a_reader_that_takes_nothing_is_cut_off() -> None:
    lost = asyncio.Event()

    class Watched(Hasty):
        def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[explicit-override]
            lost.set()
            super().connection_lost(exc)

    async with connected(Seen(), Watched) as (reader, writer):
        transport = writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        writer.write(GET.replace(b"small", b"large"))
        await lost.wait()
        transport.resume_reading()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(20_000_000)


MALFORMED = [
    b"hello\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /\xff HTTP/1.1\r\nHost: here\r\n\r\n",
    b"CONNECT here:443 HTTP/1.1\r\nHost: here\r\n\r\n",
    b"GET /small HTTP/1.1\r\nHo st: here\r\n\r\n",
    b"GET /small HTTP/1.1\r\nHost: here\r\nX: a\x00b\r\n\r\n",
    # Two readers could see two ends of these bodies.
    POST[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST[:-2] + b"Content-Length: 5\r\n\r\nhello",
    POST.replace(b"1000", b"-1") + b"hello",
    CHUNKED.replace(b"chunked", b"chunked, identity") + b"0\r\n\r\n",
    CHUNKED + b"xyz\r\n",
]


@pytest.mark.parametrize("sent", MALFORMED, ids=lambda each: repr(each[:50]))
async def test_what_is_no_http_is_a_problem_and_the_end(sent: bytes) -> None:
    async with connected(Seen(), Patient) as (reader, writer):
        writer.write(sent)
        status, problem = problem_of(await reader.read())
    assert (status, problem["code"]) == (400, "validation_error")
    assert set(problem) >= {"type", "title", "status", "detail", "retryable", "request_id"}
