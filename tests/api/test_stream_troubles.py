"""What becomes of a stream when its reader stalls, or leaves, or the database goes away?"""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from service.api import event_stream, stream
from service.api.context import Services, StreamTimes
from service.api.watched import WatchedRun
from service.engine import hub
from service.engine.event_sources import RunEvents
from service.engine.signals import SLOW_POLL_SECONDS
from service.engine.uploads import Uploads
from tests import story
from tests.api.live import IDLE, Live, running
from tests.conftest import PostgresServer
from tests.outages import closed_database
from tests.sse import opened

PATIENCE_SECONDS = 10.0
# More than the buffers between the two ends hold.
LARGE_BYTES = 1_000_000
LARGE_EVENTS = 10


@pytest.fixture
async def idle(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A service that soon drops a reader that takes nothing."""
    times = StreamTimes(ping_seconds=0.1, send_timeout_seconds=0.3)
    async with running(database_url, tmp_path, options=IDLE, stream_times=times) as live:
        yield live


async def add_large_events(begun: story.Story) -> None:
    """Write events that do not fit into any buffer."""
    async with begun.world.database.transaction() as connection:
        await connection.execute(
            """
            INSERT INTO events (workspace_id, workspace_seq, id, run_id, run_seq, type, data)
            SELECT $1, 1000 + n, gen_random_uuid(), $2, $3 + n, 'run.progress',
                   '"' || repeat('x', $4) || '"'
            FROM generate_series(1, $5::int) AS n
            """,
            begun.run.workspace_id,
            begun.run.id,
            begun.last,
            LARGE_BYTES,
            LARGE_EVENTS,
        )
        await connection.execute(
            "UPDATE runs SET event_seq = event_seq + $2 WHERE id = $1", begun.run.id, LARGE_EVENTS
        )


async def connect_stalling(live: Live, path: str) -> socket.socket:
    """Ask for the stream on a socket with a small buffer, and read nothing."""
    url = urlsplit(str(live.client.base_url))
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(reader, (url.hostname, url.port))
    key = live.client.headers["authorization"]
    request = f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: {key}\r\n\r\n"
    await loop.sock_sendall(reader, request.encode())
    return reader


async def read_to_the_end(reader: socket.socket) -> bytes:
    """Read until the other side closes."""
    loop = asyncio.get_running_loop()
    body = bytearray()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while part := await loop.sock_recv(reader, 1 << 20):
            body += part
    return bytes(body)


async def test_a_reader_that_takes_nothing_is_dropped(idle: Live) -> None:
    begun = await story.begin(idle.world)
    await add_large_events(begun)
    with capture_logs() as logs:
        reader = await connect_stalling(idle, f"{begun.path}?last_event_id=0")
        with reader:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not any(line["event"] == "reader_dropped" for line in logs):
                    # A reader that does take what comes is not disturbed meanwhile.
                    async with opened(idle.client, f"{begun.path}?last_event_id=0") as healthy:
                        assert (await healthy.next_event()).number == 1
            body = await read_to_the_end(reader)
    assert len(body) < LARGE_BYTES * LARGE_EVENTS
    # Cut, not ended: half a stream must not pass for a whole one.
    assert not body.endswith(b"0\r\n\r\n")
    assert [line["log_level"] for line in logs if line["event"] == "reader_dropped"] == ["info"]


def is_open_on_our_side(reader: socket.socket) -> bool:
    """Whether the service's end of the connection is established, and not closed."""
    (_, ours), (_, theirs) = reader.getpeername(), reader.getsockname()
    established = "01"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if local.endswith(f":{ours:04X}") and remote.endswith(f":{theirs:04X}"):
            return state == established
    return False


async def test_the_connection_of_a_reader_that_takes_nothing_is_closed_on_our_side(
    idle: Live,
) -> None:
    begun = await story.begin(idle.world)
    await add_large_events(begun)
    stalling = await connect_stalling(idle, f"{begun.path}?last_event_id=0")
    with capture_logs() as logs, stalling as reader:
        assert is_open_on_our_side(reader)
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Its own end stays open, and unread.
            while is_open_on_our_side(reader):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
    told = [line["event"] for line in logs if line["log_level"] != "debug"]
    assert told == ["reader_dropped"]
    assert idle.engine.hub._feeds == {}


async def test_a_stalled_reader_does_not_hold_up_the_stop_of_the_service(
    database_url: str, tmp_path: Path
) -> None:
    times = StreamTimes(send_timeout_seconds=600)
    async with (
        asyncio.timeout(2 * PATIENCE_SECONDS),
        running(database_url, tmp_path, options=IDLE, stream_times=times) as live,
    ):
        begun = await story.begin(live.world)
        await add_large_events(begun)
        with await connect_stalling(live, f"{begun.path}?last_event_id=0"):
            async with opened(live.client, begun.path) as healthy:
                await healthy.next_event()
                live.engine.stopping.set()
                (goodbye,) = await healthy.rest()
                assert goodbye.retry == "2000"
            async with asyncio.timeout(event_stream.GOODBYE_SECONDS + PATIENCE_SECONDS):
                while live.engine.hub._farewells:  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.01)


async def test_the_streams_of_a_key_end_when_it_is_revoked(
    database_url: str, tmp_path: Path
) -> None:
    times = StreamTimes(ping_seconds=0.05, check_seconds=0.05)
    async with running(database_url, tmp_path, options=IDLE, stream_times=times) as live:
        begun = await story.begin(live.world)
        wanted = {"name": "reader", "scopes": ["read"]}
        made = (await live.client.post("/v1/api-keys", json=wanted)).json()
        theirs = {"Authorization": f"Bearer {made['key']}"}
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            opened(live.client, begun.path, theirs) as revoked,
            opened(live.client, begun.path) as other,
        ):
            await revoked.next_event()
            reply = await live.client.delete(f"/v1/api-keys/{made['id']}")
            assert reply.status_code == 200, reply.text
            assert not any(block.is_event or block.retry for block in await revoked.rest())
            await begun.tell()
            begun.wake(live.engine.signals)
            await other.until("run.progress")


async def test_a_reader_that_leaves_takes_its_feed_with_it(idle: Live) -> None:
    begun = await story.begin(idle.world)
    async with opened(idle.client, begun.path) as leaving:
        await leaving.next_event()
        (feed, task) = idle.engine.hub._feeds[RunEvents(begun.run.id)]
        assert feed.readers == 1
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.wait([task])
    assert idle.engine.hub._feeds == {}


async def test_a_stream_outlives_a_restart_of_the_database(
    idle: Live, postgres: PostgresServer, database_url: str
) -> None:
    begun = await story.begin(idle.world)
    async with opened(idle.client, begun.path) as open_stream:
        await open_stream.next_event()
        with closed_database(postgres, database_url):
            reply = await idle.client.get(begun.path.removesuffix("/events"))
            assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
            assert reply.json()["retryable"] is True
            assert int(reply.headers["retry-after"]) > 0
        await begun.tell()
        begun.wake(idle.engine.signals)
        async with asyncio.timeout(2 * SLOW_POLL_SECONDS + PATIENCE_SECONDS):
            assert (await open_stream.next_event()).number == begun.last


async def test_a_reader_behind_the_ring_is_sent_away_politely_while_the_database_is_gone(
    idle: Live, postgres: PostgresServer, database_url: str, tmp_path: Path
) -> None:
    begun = await story.begin(idle.world, told=10)
    database, signals = idle.world.database, idle.engine.signals
    async with hub.running(database, signals, asyncio.Event(), ring_size=1) as feeds:
        service = Services(
            database=database, signals=signals, hub=feeds, uploads=Uploads(tmp_path, database)
        )
        at_head = feeds.read(RunEvents(begun.run.id), begun.last - 1)
        await anext(at_head)
        with closed_database(postgres, database_url):
            blocks = [
                block
                async for block in stream.blocks(
                    service, WatchedRun(idle.world.database, begun.run), 0
                )
            ]
        await at_head.aclose()
    assert blocks == [b"retry: 2000\n\n"]


async def test_a_stream_ends_with_a_run_that_is_deleted_under_it(idle: Live) -> None:
    begun = await story.begin(idle.world)
    service = Services(
        database=idle.world.database,
        signals=idle.engine.signals,
        hub=idle.engine.hub,
        uploads=Uploads(Path(), idle.world.database),
    )
    blocks = stream.blocks(service, WatchedRun(idle.world.database, begun.run), begun.last)
    await begun.end()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert b"event: run.completed\n" in await anext(blocks)
        async with idle.world.database.connection() as connection:
            await connection.execute("DELETE FROM runs WHERE id = $1", begun.run.id)
        assert [block async for block in blocks] == []
