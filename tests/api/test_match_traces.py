"""What does `match` leave on the service: each file once, and nothing of what came to nothing?"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.cli import left_behind, mappings, match
from service.cli.answers import ClientError, JsonObject
from service.cli.client import Client
from service.cli.display import Silence
from service.cli.input_file import InputFile
from service.cli.left_behind import Keep, Traces
from service.cli.match import Job
from tests.api.live import IDLE, Live, running

ORDERS = b"po_id,vendor\n1,Vega Logistik\n2,Nordwind Energie\n"
INVOICES = b"number,vendor_name\nA,VEGA Logistik\nB,Nordwind\nC,Alpen Stahl\n"
BLOCK = 65536
LISTS = ("/v1/reference-data", "/v1/collections", "/v1/matching/configs", "/v1/matching/runs")


def job(invoices: bytes = INVOICES, spec: str = "vendor_name=vendor:fuzzy:1", **more: str) -> Job:
    """What the command would ask for."""
    return Job(
        documents=InputFile("invoices.csv", io.BytesIO(invoices)),
        reference=InputFile("orders.csv", io.BytesIO(ORDERS)),
        document_id=more.get("document_id"),
        reference_id="po_id",
        mappings=mappings.read([spec]),
        threshold=0.8,
        review_threshold=0.5,
        uses_ai=False,
        out=None,
    )


@asynccontextmanager
async def matching(
    live: Live, keep: Keep = Keep.ENDED, url: str | None = None
) -> AsyncIterator[Traces]:
    """Lend what the command works with; `url` leads to the service another way."""
    key = live.client.headers["Authorization"].removeprefix("Bearer ")
    async with (
        Client(url or str(live.client.base_url), key, reconnect_seconds=0.001) as client,
        left_behind.traces(client, keep, pytest.fail) as made,
    ):
        yield made


async def counts(live: Live) -> list[int]:
    """How many tables, collections, configs and runs there are."""
    return [(await live.get(path))["pagination"]["total"] for path in LISTS]


def grown(now: list[int], then: list[int]) -> list[int]:
    """By how many."""
    return [after - before for after, before in zip(now, then, strict=True)]


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A service with an engine."""
    async with running(database_url, tmp_path) as live:
        yield live


async def test_the_same_files_are_there_once_and_others_beside_them(live: Live) -> None:
    before = await counts(live)
    for each in (job(), job(), job(document_id="number"), job(document_id="number")):
        async with matching(live) as made:
            ended = await match.run(made, each, Silence())
            assert (ended["status"], ended["rows_processed"]) == ("completed", 3)
    # The ids that documents have are part of what they are.
    assert [now - then for now, then in zip(await counts(live), before, strict=True)] == [
        1,
        2,
        2,
        4,
    ]
    async with matching(live) as made:
        await match.run(made, job(INVOICES + b"D,Vega\n"), Silence())
        # "Run again" on the page is of the same documents.
        config = await live.get(f"/v1/matching/configs/{made.config_id}")
    assert config["target_value"]["collection"] == made.collection


async def test_a_saved_match_is_used_again_when_it_says_the_same_whatever_its_name(
    live: Live,
) -> None:
    config_ids = []
    for spec in ("vendor_name=vendor:fuzzy:1", "vendor_name=vendor:exact:1"):
        async with matching(live) as made:
            await match.run(made, job(spec=spec), Silence())
            config_ids.append(made.config_id)
    path = "/v1/matching/configs"
    names = [(await live.get(f"{path}/{each}"))["name"] for each in config_ids]
    assert len(set(names)) == len(names)
    assert all(name.startswith("invoices.csv to orders.csv, 20") for name in names)

    renamed, changed = ({"name": "Ours"}, {"missing": "zero"})
    for config_id, body in zip(config_ids, (renamed, changed), strict=True):
        await live.client.put(f"{path}/{config_id}", json=body)
    async with matching(live) as made:
        await match.run(made, job(), Silence())
        assert made.config_id is None
    async with matching(live) as made:
        await match.run(made, job(spec="vendor_name=vendor:exact:1"), Silence())
        assert made.config_id not in {None, *config_ids}


async def test_a_file_that_is_refused_is_named(live: Live) -> None:
    refused = {
        INVOICES + b"C,Vega\n": "^invoices.csv: The id column 'number' has 'C' in rows 3 and 4: ",
        INVOICES[:19]: "^There are no documents in invoices.csv.$",
    }
    for content, sentence in refused.items():
        async with matching(live) as made:
            with pytest.raises(ClientError, match=sentence):
                await match.run(made, job(content, document_id="number"), Silence())


async def test_what_is_asked_not_to_be_kept_is_gone_and_what_was_there_stays(live: Live) -> None:
    async with matching(live) as made:
        await match.run(made, job(), Silence())
    before = await counts(live)
    async with matching(live, Keep.NEVER) as made:
        await match.run(made, job(INVOICES + b"D,Vega\n"), Silence())
        assert await counts(live) > before
    assert await counts(live) == before


@pytest.mark.parametrize("keep", [Keep.ENDED, Keep.ALWAYS])
async def test_an_interrupt_takes_away_what_was_made_for_it(live: Live, keep: Keep) -> None:
    before = await counts(live)
    live.executor.hold()

    async def interrupted() -> None:
        async with matching(live, keep) as made:
            await match.run(made, job(), Silence())

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(interrupted())
        await live.executor.has_taken.wait()
        task.cancel()
    stays = [0, 0, 0, 0] if keep is Keep.ENDED else [1, 1, 1, 1]
    assert grown(await counts(live), before) == stays
    if keep is Keep.ALWAYS:
        newest = (await live.get("/v1/matching/runs"))["data"][0]
        assert newest["status"] == "cancelled"


async def test_a_run_stays_when_the_service_is_lost_sight_of(live: Live) -> None:
    before = await counts(live)
    live.executor.hold()
    place = urlsplit(str(live.client.base_url))

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(place.hostname, place.port)
        async with asyncio.TaskGroup() as tasks:
            streams = [
                tasks.create_task(copy(reader, far_writer)),
                tasks.create_task(copy(far_reader, writer)),
            ]
            lost.append(lambda: [each.cancel() for each in streams])

    async def watched(url: str) -> None:
        async with matching(live, Keep.NEVER, url) as made:
            await match.run(made, job(), display)

    display = Followed()
    lost: list[Callable[[], object]] = []
    server = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    with pytest.RaisesGroup(pytest.RaisesExc(ClientError, match="The run may go on there")):
        async with asyncio.TaskGroup() as tasks:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            tasks.create_task(watched(url))
            await live.executor.has_taken.wait()
            await display.has_shown.wait()
            server.close()
            for cut in lost:
                cut()
    live.executor.release()
    run = (await live.get("/v1/matching/runs"))["data"][0]
    assert (await live.wait_until_ended(run))["status"] == "completed"
    assert grown(await counts(live), before) == [1, 1, 1, 1]


class Followed(Silence):
    """Tells that the run is followed."""

    def __init__(self) -> None:
        """Nothing is shown yet."""
        self.has_shown = asyncio.Event()

    def show(self, progress: JsonObject) -> None:  # type: ignore[explicit-override] # from 3.12
        """Take note of what comes."""
        self.has_shown.set()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on all that comes, then close."""
    try:
        while part := await reader.read(BLOCK):
            writer.write(part)
            await writer.drain()
    except ConnectionError:
        # The other side has left first.
        pass
    finally:
        writer.close()


async def test_what_the_service_refuses_leaves_nothing(live: Live) -> None:
    before = await counts(live)
    with pytest.raises(ClientError, match="Row 2 has 1 values"):
        async with matching(live) as made:
            await match.run(made, job(b"number,vendor_name\nA,Vega\nB\n"), Silence())
    assert await counts(live) == before


async def test_tables_that_another_run_may_need_stay(database_url: str, tmp_path: Path) -> None:
    async with running(database_url, tmp_path, options=IDLE) as live:
        await live.start()
        with suppress(ClientError):
            async with matching(live) as made:
                await match.upload(made, job(), Silence())
                raise ClientError("refused")
        assert (await live.get("/v1/collections"))["pagination"]["total"] == 2
