"""Does an upload come in whole or not at all, read by a process that never outlives its use?"""

import asyncio
import os
import select
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.domain.errors import InvalidInputError, MatchstreamError, PayloadTooLargeError
from service.engine import spool, upload_readers
from service.engine.spool import Spool
from service.engine.uploads import MAX_READERS
from service.ingest.instructions import Instructions, UploadFormat, UploadTarget
from tests.integration.upload_files import MAX_BYTES, Desk, open_desk
from tests.service_process import descendants

CSV = Instructions(target=UploadTarget.REFERENCE_DATA, format=UploadFormat.CSV)
# Far more than pipes and buffers hold, so that the reader cannot be done before it is read.
MANY = b"id,name\n" + b"".join(b"%d,%s\n" % (number, b"x" * 90) for number in range(100_000))
GONE_SECONDS = 10.0


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(database_url, tmp_path) as value:
        yield value


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[Spool]:
    async with spool.opened(tmp_path, MAX_BYTES) as value:
        await value.write(MANY)
        await value.finish()
        yield value


def readers() -> set[int]:
    """The process ids of the readers that this process has started."""
    return {pid for pid in descendants(os.getpid()) if b"upload_child" in command_line(pid)}


def command_line(pid: int) -> bytes:
    """The arguments of a process, nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def test_a_large_upload_is_read_in_a_process_that_waits_and_ends(filled: Spool) -> None:
    async with upload_readers.started(filled, CSV) as reader:
        blocks = reader.blocks()
        first = await anext(blocks)
        assert len(readers()) == 1
        size = len(first) + sum([len(block) async for block in blocks])

    assert size > len(MANY)
    assert reader.outcome.row_count == 100_000
    assert readers() == set()


async def test_a_reader_that_is_not_needed_any_more_is_ended(filled: Spool) -> None:
    async with upload_readers.started(filled, CSV) as reader:
        await anext(reader.blocks())
        assert len(readers()) == 1

    assert readers() == set()


async def test_a_reader_that_dies_fails_the_upload_and_nothing_stays(desk: Desk) -> None:
    async def kill_reader() -> None:
        while not (found := readers()):
            await asyncio.to_thread(os.sched_yield)
        os.kill(found.pop(), signal.SIGKILL)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(kill_reader())
        with pytest.raises(MatchstreamError, match="reader of the upload ended unexpectedly"):
            await desk.reference_data(MANY)

    assert await desk.count("reference_data") == await desk.count("reference_rows") == 0


async def test_a_cancelled_upload_leaves_nothing(desk: Desk) -> None:
    # The lock keeps the rows from coming in for as long as it is held.
    async with desk.database.transaction() as connection:
        await connection.execute("LOCK TABLE reference_rows IN EXCLUSIVE MODE")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await desk.reference_data(MANY)
        assert readers() == set()

    assert await desk.count("reference_data") == await desk.count("reference_rows") == 0
    assert (await desk.reference_data(MANY)).current.row_count == 100_000


PARENT = """
import asyncio, sys
from pathlib import Path
from service.engine import spool, upload_readers
from service.ingest.instructions import Instructions, UploadFormat, UploadTarget

async def main():
    async with spool.opened(Path(sys.argv[1]), 10**9) as file:
        await file.write(b"a\\n" + b"x\\n" * 5_000_000)
        await file.finish()
        asked = Instructions(target=UploadTarget.REFERENCE_DATA, format=UploadFormat.CSV)
        async with upload_readers.started(file, asked) as reader:
            await anext(reader.blocks())
            print("reading", flush=True)
            await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_reader_ends_with_its_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=PIPE
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"reading\n"
    [child] = descendants(parent.pid)
    watched = os.pidfd_open(child)

    parent.kill()
    await parent.wait()

    ended, _, _ = await asyncio.to_thread(select.select, [watched], [], [], GONE_SECONDS)
    os.close(watched)
    assert ended
    assert list(tmp_path.iterdir()) == []


async def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for times in (1, 5):
        async with spool.opened(tmp_path, MAX_BYTES) as file:
            await file.write(MANY[:8])
            for _ in range(times):
                await file.write(MANY[8:])
            await file.finish()
            async with upload_readers.started(file, CSV) as reader:
                blocks = reader.blocks()
                await anext(blocks)
                [pid] = readers()
                peaks.append(max([peak_kilobytes(pid) async for _ in blocks]))

    assert peaks[0] > 0
    assert peaks[1] < peaks[0] + 4_000


def peak_kilobytes(pid: int) -> int:
    """The most memory a process has had, 0 when it is gone: its last blocks wait in the pipe."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


async def test_a_spool_refuses_what_is_too_large(tmp_path: Path) -> None:
    async with spool.opened(tmp_path / "new", 10) as file:
        await file.write(b"x" * 10)
        with pytest.raises(PayloadTooLargeError, match="larger than the 10 bytes"):
            await file.write(b"x")


async def test_two_uploads_of_the_same_documents_both_come_in(desk: Desk) -> None:
    lines = [b'{"id": "%d", "fields": {}}' % number for number in range(5_000)]

    async with asyncio.TaskGroup() as tasks:
        there = tasks.create_task(desk.documents(b"\n".join(lines), UploadFormat.NDJSON))
        back = tasks.create_task(desk.documents(b"\n".join(lines[::-1]), UploadFormat.NDJSON))

    assert there.result().created + back.result().created == 5_000
    assert there.result().updated + back.result().updated == 5_000


async def test_an_id_repeated_far_behind_names_all_its_rows(desk: Desk) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await desk.reference_data(MANY + b"70000,x\n7,y\n70000,z\n", id_column="id")

    assert [(problem.row, problem.message) for problem in caught.value.problems] == [
        (100_001, "Row 100001 has the id '70000' that row 70001 has too."),
        (100_003, "Row 100003 has the id '70000' that row 70001 has too."),
    ]
    assert await desk.count("reference_data") == await desk.count("reference_rows") == 0


async def test_a_small_upload_does_not_wait_behind_large_ones(desk: Desk) -> None:
    free = desk.uploads._free_readers
    for _ in range(MAX_READERS):
        await free.acquire()

    small = await desk.documents(b"a\n1\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await desk.documents(MANY)

    assert small.created == await desk.count("documents") == 1
