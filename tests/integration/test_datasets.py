"""Do worker processes find the rows of a version in a file, and no file too many?"""

import asyncio
import json
import os
import resource
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest
from typing_extensions import override

from service.domain.errors import MatchingFailedError
from service.domain.reference import ReferenceVersion
from service.engine import datasets
from service.engine.datasets import MAX_FILES, ReferenceFiles
from service.store import reference
from service.store.database import Database
from tests.seeding import ROWS, Rows, add_reference, add_workspace

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def make_version(database: Database, rows: Rows = ROWS) -> ReferenceVersion:
    workspace_id = await add_workspace(database)
    reference_id = await add_reference(database, workspace_id, rows)
    async with database.connection() as connection:
        data = await reference.fetch(connection, workspace_id, reference_id)
    assert data is not None
    return data.current


async def test_a_file_has_the_rows_of_the_version_in_order(
    database: Database, tmp_path: Path
) -> None:
    version = await make_version(database)
    async with ReferenceFiles(tmp_path, database).lend(version) as path:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows == [[row_id, list(values)] for row_id, values in ROWS]


async def test_a_version_is_written_once_for_all_who_want_it(
    database: Database, tmp_path: Path
) -> None:
    version = await make_version(database)
    files = ReferenceFiles(tmp_path, database)
    async with files.lend(version) as first, files.lend(version) as second:
        assert first == second
        written = first.stat().st_ino
    async with files.lend(version) as later:
        assert later.stat().st_ino == written


async def test_two_processes_may_write_the_same_version_at_once(
    database: Database, tmp_path: Path
) -> None:
    version = await make_version(database)

    async def lend() -> int:
        async with ReferenceFiles(tmp_path, database).lend(version) as path:
            return len(path.read_text().splitlines())

    async with asyncio.TaskGroup() as tasks:
        lent = [tasks.create_task(lend()) for _ in range(5)]
    assert {each.result() for each in lent} == {len(ROWS)}
    assert len(list(tmp_path.iterdir())) == 1


async def test_the_oldest_files_go_but_none_that_is_in_use(
    database: Database, tmp_path: Path
) -> None:
    files = ReferenceFiles(tmp_path, database)
    async with files.lend(await make_version(database)) as in_use:
        os.utime(in_use, (0, 0))
        for place in range(MAX_FILES + 3):
            (tmp_path / f"old-{place}{datasets.SUFFIX}").touch()
        async with files.lend(await make_version(database)) as newest:
            assert newest.exists()
        assert in_use.exists()
    assert len(list(tmp_path.iterdir())) == MAX_FILES + 1


async def test_a_full_disk_fails_with_a_sentence_and_leaves_no_part(
    database: Database, tmp_path: Path
) -> None:
    long_row = ("ref_1", ("x" * 1_000_000, None))
    version = await make_version(database, [long_row])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        with pytest.raises(MatchingFailedError, match="no room on the disk"):
            async with ReferenceFiles(tmp_path, database).lend(version):
                pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


class SlowDisk(ThreadPoolExecutor):
    """Threads whose work waits for `goes_on`; `asked` tells that there is some."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self.asked = asyncio.Event()
        self.goes_on = threading.Event()

    @override
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        def work() -> _T:
            self.goes_on.wait()
            return fn(*args, **kwargs)

        self.asked.set()
        return super().submit(work)


async def test_who_is_cancelled_before_a_slow_disk_answers_leaves_no_file(
    database: Database, tmp_path: Path
) -> None:
    version = await make_version(database)
    disk = SlowDisk()
    asyncio.get_running_loop().set_default_executor(disk)

    async def lend() -> None:
        async with ReferenceFiles(tmp_path, database).lend(version):
            pytest.fail("Nothing could be written yet.")

    async with asyncio.TaskGroup() as tasks:
        lending = tasks.create_task(lend())
        await disk.asked.wait()
        lending.cancel()
        disk.goes_on.set()
    disk.shutdown()
    assert list(tmp_path.iterdir()) == []


async def test_the_directory_is_for_its_owner_alone_and_cleared_of_old_remains(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "files"
    directory.mkdir(mode=0o755)
    old, young = (directory / f"{name}{datasets.UNFINISHED_SUFFIX}" for name in ("old", "young"))
    old.touch()
    os.utime(old, (0, 0))
    young.touch()
    datasets.prepare(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [path.name for path in directory.iterdir()] == [young.name]
