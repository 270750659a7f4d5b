"""Does the client of the API do what its users rely on: every event once, clear refusals?"""

import asyncio
import io
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.api.context import StreamTimes
from service.cli.answers import ClientError
from service.cli.client import Client
from service.domain.errors import InvalidInputError
from tests import story
from tests.api.live import IDLE, Live, running

README = (Path(__file__).parents[2] / "README.md").read_text()
PROGRAM = re.search(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
BLOCK = 65536
UNLIMITED = 1 << 40


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A service with an engine."""
    async with running(database_url, tmp_path) as live:
        yield live


def client_of(live: Live, url: str | None = None) -> Client:
    """A client of the service with the key of the tests' own."""
    key = live.client.headers["Authorization"].removeprefix("Bearer ")
    return Client(url or str(live.client.base_url), key, reconnect_seconds=0.001)


async def test_the_program_of_the_readme_runs(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("invoices.csv").write_text("invoice_id,vendor\nZ-1,Vega\nZ-2,Nordwind\n")
    assert PROGRAM is not None
    Path("match.py").write_text(PROGRAM[1])
    key = live.client.headers["Authorization"].removeprefix("Bearer ")
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "match.py",
        str(live.client.base_url),
        key,
        str(live.world.config_id),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await program.communicate()
    assert program.returncode == 0
    told = [line.split()[0] for line in said.decode().splitlines()]
    identifiers = [each for each in told if not each.isdigit()]
    assert len(identifiers) == 22
    assert {"Z-1", "Z-2"} < set(identifiers)
    assert identifiers == sorted(identifiers)


async def test_a_refusal_is_the_sentence_of_the_service(live: Live) -> None:
    async with client_of(live) as client:
        with pytest.raises(ClientError, match="nothing") as refused:
            await client.run("nothing").state()
        with pytest.raises(ClientError, match="`threshold` must be less") as wrong:
            await client.create_config(
                {
                    "name": "x",
                    "reference_data_id": str(live.world.reference_id),
                    "field_mappings": [
                        {"source": "a", "target": "name", "strategy": "fuzzy", "weight": 1}
                    ],
                    "threshold": 7,
                }
            )
    with pytest.raises(ClientError) as repeated:
        async with client_of(live) as client:
            await client.upload_documents("d.csv", io.BytesIO(b"a,b\n" + b"1,\n" * 30), "c", "a")
    assert str(repeated.value) == (
        "The id column 'a' has '1' in rows 1 and 2, and in 30 rows in all: choose another column, "
        "or leave it out, and rows are numbered. Rows count from 1 below the header."
    )
    with pytest.raises(ClientError) as ragged:
        async with client_of(live) as client:
            await client.upload_documents("d.csv", io.BytesIO(b"a,b\n" + b"1\n" * 30), "c", None)
    first = "has 1 values, but the header has 2 columns."
    assert str(ragged.value).startswith(
        f"Row 1 {first} Rows count from 1 below the header. Row 2 {first}"
    )
    assert str(ragged.value).endswith(f"Row 5 {first} And 15 more like these.")
    assert (refused.value.status, refused.value.problem) == (404, "not_found")
    assert (wrong.value.status, wrong.value.problem) == (400, "validation_error")


async def test_what_is_no_service_of_ours_is_a_sentence_too() -> None:
    replies = {
        "/page": (b"200 OK", b"", b"<html>"),
        "/list": (b"200 OK", b"", b'{"data": []}'),
        "/moved": (b"308 Permanent Redirect", b"Location: https://there.example/\r\n", b""),
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        status, header, body = replies[asked.partition("?")[0]]
        length = b"Content-Length: %d\r\n" % len(body)
        writer.write(b"HTTP/1.1 " + status + b"\r\n" + length + header + b"\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Client(f"{url}/", "ms_none") as client:
        with pytest.raises(ClientError, match=f"answers at {url} is no Matchstream service"):
            await client.ask("GET", "/page")
        with pytest.raises(ClientError, match="is no Matchstream service"):
            await anext(client.walk("/list", {}))
        with pytest.raises(ClientError, match=r"said 308 and points to https://there\.example/"):
            await client.ask("GET", "/moved")


async def test_a_request_is_sent_again_while_the_service_cannot_or_is_away() -> None:
    busy = b'{"detail": "busy", "retryable": true}'
    plan = [
        (b"GET", b"200 OK", b"{}"),
        (b"GET", b"503 Service Unavailable", busy),
        (b"GET", b"200 OK", b"{}"),
        # The first reply to a change is cut off, then it is still being answered.
        (b"POST", b"", b""),
        (b"POST", b"409 Conflict", busy),
        (b"POST", b"200 OK", b"{}"),
        (b"POST", b"", b""),
        (b"POST", b"", b""),
    ]
    keys: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, status, body = plan.pop(0)
        assert head.startswith(method)
        keys.extend(re.findall(rb"(?i)idempotency-key: (\S+)", head))
        if status:
            length = b"Content-Length: %d\r\n" % len(body)
            writer.write(
                b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n" + length + b"\r\n" + body
            )
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Client(url, "ms_none", reconnect_seconds=0.001) as client:
        for _ in range(2):
            assert await client.ask("GET", "/v1/matching/runs") == {}
        assert await client.ask("POST", "/v1/matching/configs", json={}) == {}
        with pytest.raises(ClientError, match="did not answer"):
            await client.upload_documents("a.csv", io.BytesIO(b"a\n1\n"), "default")
    assert len(plan) == 1
    assert len(keys) == 3
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("127.0.0.1:8000", "ms_none"),
        ("http://127.0.0.1:99999", "ms_none"),
        ("http://[", "ms_none"),
        ("ftp://here", "ms_none"),
        ("http://here?key=1", "ms_none"),
        ("http://me:secret@here", "ms_none"),
        ("http://here", "schlüssel-secret"),
        ("http://here", "ms\nsecret"),
    ],
)
def test_what_is_no_url_or_key_is_refused_before_it_travels(url: str, key: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        Client(url, key)
    assert "secret" not in str(refused.value)


async def test_a_key_that_is_revoked_meanwhile_ends_the_events_with_the_reason(
    database_url: str, tmp_path: Path
) -> None:
    times = StreamTimes(ping_seconds=0.05, check_seconds=0)
    async with running(database_url, tmp_path, options=IDLE, stream_times=times) as live:
        run = await live.start()
        body = {"name": "short", "scopes": ["read"]}
        made = (await live.client.post("/v1/api-keys", json=body)).json()
        cuts: list[str] = []
        async with Client(str(live.client.base_url), made["key"], reconnect_seconds=0.001) as one:
            events = one.run(run["id"]).events(when_cut=cuts.append)
            assert (await anext(events)).type == "run.snapshot"
            await live.client.delete(f"/v1/api-keys/{made['id']}")
            with pytest.raises(ClientError) as refused:
                await anext(events)
    assert (refused.value.status, cuts) == (401, [])


async def test_a_text_with_line_breaks_of_unicode_is_one_event(live: Live) -> None:
    notes = "one\u2028two\x85three\x0bfour"
    run = await live.completed()
    result = (await live.get(run["links"]["results"], limit=1))["data"][0]
    path = f"{run['links']['results']}/{result['id']}/review"
    await live.client.post(path, json={"status": "approved", "notes": notes})
    async with client_of(live) as client:
        events = [event async for event in client.run(run["id"]).events(after="0")]
    assert [int(event.number) for event in events] == list(range(1, len(events) + 1))
    assert events[-1].data["result"]["notes"] == notes


async def test_an_id_is_one_part_of_a_path_whatever_it_holds(live: Live) -> None:
    async with client_of(live) as client:
        for identifier in ("?limit=1", "../configs", "a b#c"):
            with pytest.raises(ClientError) as refused:
                await client.run(identifier).state()
            assert refused.value.status == 404
        with pytest.raises(InvalidInputError):
            await client.run("").state()


async def test_no_service_is_a_sentence_too() -> None:
    async with Client("http://127.0.0.1:1", "ms_none") as client:
        with pytest.raises(ClientError, match="did not answer") as failed:
            await client.ask("GET", "/v1/matching/runs")
    assert failed.value.status is None


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int) -> None:
    """Pass on up to `budget` bytes, then close."""
    try:
        while budget > 0 and (part := await reader.read(BLOCK)):
            writer.write(part[:budget])
            await writer.drain()
            budget -= len(part)
    except ConnectionError:
        # The other side has left first.
        pass
    finally:
        writer.close()


@asynccontextmanager
async def cutting(target: str, after_bytes: int, cuts: int) -> AsyncIterator[str]:
    """Stand before a service, and cut the first `cuts` replies after so many bytes."""
    place = urlsplit(target)
    left = cuts

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        far_reader, far_writer = await asyncio.open_connection(place.hostname, place.port)
        budget, left = (after_bytes if left > 0 else UNLIMITED), left - 1
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(copy(reader, far_writer, UNLIMITED))
            await copy(far_reader, writer, budget)
            asking.cancel()

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("after_bytes", [200, 900, 2_500])
async def test_a_stream_that_is_cut_is_resumed_and_every_event_comes_once(
    database_url: str, tmp_path: Path, after_bytes: int
) -> None:
    async with running(database_url, tmp_path, options=IDLE) as live:
        begun = await story.begin(live.world, told=30)
        await begun.end()
        async with (
            cutting(str(live.client.base_url), after_bytes, cuts=3) as url,
            client_of(live, url) as client,
        ):
            run = client.run(str(begun.run.id))
            numbers = [int(event.number) async for event in run.events(after="0")]
    assert numbers == list(range(1, begun.last + 1))
