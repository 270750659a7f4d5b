"""Do processes share the saved indexes of a directory, build each once, and bound their size?"""

import asyncio
import fcntl
import os
import signal
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    MatchingRules,
    NumericRangeMapping,
    Scorer,
)
from service.domain.errors import MatchingFailedError
from service.domain.identifiers import ReferenceDataId, new_id
from service.domain.reference import Column, ColumnType, ReferenceVersion
from service.engine import index_cache
from service.engine.executors import local_pool
from service.matching.index import ReferenceIndex
from tests import jobs
from tests.jobs import SlowBuild, tiny_index
from tests.pools import call, lose


def never() -> ReferenceIndex:
    raise AssertionError("the index was built again")


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_an_index_is_built_once_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "one.index"
    assert index_cache.load(path) is None
    assert index_cache.ensure(path, tiny_index)
    assert not index_cache.ensure(path, never)
    index = index_cache.load(path)
    assert index is not None
    assert index.row_ids.tolist() == ["a", "b"]
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_damaged_index_is_removed_and_built_again(tmp_path: Path) -> None:
    path = tmp_path / "one.index"
    index_cache.ensure(path, tiny_index)
    flip_a_byte(path)
    assert index_cache.load(path) is None
    assert not path.exists()
    index_cache.ensure(path, tiny_index)
    flip_a_byte(path)
    assert index_cache.ensure(path, tiny_index)
    assert index_cache.load(path) is not None


@pytest.fixture
def slow_build(tmp_path: Path) -> SlowBuild:
    for name in ("began", "go_on"):
        os.mkfifo(tmp_path / name)
    return SlowBuild(tmp_path)


async def read(pipe: Path) -> str:
    return await asyncio.to_thread(pipe.read_text)


async def test_processes_that_want_the_same_index_build_it_once(slow_build: SlowBuild) -> None:
    async with local_pool(3) as pool, asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(call(pool, jobs.build_slowly, slow_build)) for _ in range(3)]
        await read(slow_build.folder / "began")
        (slow_build.folder / "go_on").write_text("")
        # Another build would wait for another word, and the test with it.
    assert sorted(each.result() for each in calls) == [False, False, True]


async def test_a_builder_that_is_killed_leaves_its_place_to_another(slow_build: SlowBuild) -> None:
    async with local_pool(2) as pool, asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(call(pool, jobs.build_slowly, slow_build)) for _ in range(2)]
        builder = int(await read(slow_build.folder / "began"))
        slow_build.path.with_suffix(".unfinished").write_text("what the builder had by then")
        os.kill(builder, signal.SIGKILL)
        assert int(await read(slow_build.folder / "began")) != builder
        (slow_build.folder / "go_on").write_text("")
    assert sorted(each.result() for each in calls) == [False, True]
    assert index_cache.load(slow_build.path) is not None
    assert not slow_build.path.with_suffix(".unfinished").exists()


def save_some(directory: Path, *names: str) -> list[Path]:
    """Save indexes, used one after the other."""
    paths = [directory / f"{name}.index" for name in names]
    for used, path in enumerate(paths):
        index_cache.ensure(path, tiny_index)
        os.utime(path, (used, used))
    return paths


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    first, second, third = save_some(tmp_path, "first", "second", "third")
    size = first.stat().st_size
    used_again = index_cache.load(first)
    index_cache.forget_oldest(tmp_path, max_bytes=2 * size)
    assert used_again is not None
    assert (first.exists(), second.exists(), third.exists()) == (True, False, True)


def test_an_index_in_use_stays_and_so_does_the_last_one(tmp_path: Path) -> None:
    first, second, third = save_some(tmp_path, "first", "second", "third")
    pinned = index_cache.pin(first)
    assert pinned is not None
    os.utime(first, (0, 0))
    with pinned:
        index_cache.forget_oldest(tmp_path, max_bytes=0)
        assert (first.exists(), second.exists(), third.exists()) == (True, False, True)
    index_cache.forget_oldest(tmp_path, max_bytes=0)
    assert not first.exists()


def test_a_new_index_stays_though_others_seem_newer(tmp_path: Path) -> None:
    later = tmp_path / "later.index"
    with later.open("wb") as file:
        file.truncate(index_cache.MAX_BYTES + 1)
    # Used before the clock was set back.
    os.utime(later, (2**32, 2**32))
    assert index_cache.ensure(tmp_path / "new.index", tiny_index)
    assert (tmp_path / "new.index").exists()


def test_there_is_nothing_to_pin_where_there_is_no_index(tmp_path: Path) -> None:
    assert index_cache.pin(tmp_path / "none.index") is None


async def test_a_full_disk_costs_the_old_indexes_and_then_the_run(tmp_path: Path) -> None:
    save_some(tmp_path, "old", "last")
    async with local_pool(1) as pool:
        await call(pool, jobs.limit_file_size, 500)
        lost = await lose(pool, ensure_tiny, tmp_path / "new.index")
        assert lost.error == MatchingFailedError.__name__
        await call(pool, jobs.limit_file_size, -1)
        assert await call(pool, ensure_tiny, tmp_path / "new.index")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["last.index", "new.index"]


def ensure_tiny(path: Path) -> bool:
    return index_cache.ensure(path, tiny_index)


def test_the_directory_is_for_its_owner_alone_and_cleared_of_what_the_dead_left(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "indexes"
    directory.mkdir(mode=0o755)
    for name in ("dead.unfinished", "dead.lock", "alive.unfinished"):
        (directory / name).touch()
    with (directory / "alive.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        index_cache.prepare(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert sorted(path.name for path in directory.iterdir()) == ["alive.lock", "alive.unfinished"]


NAME = FuzzyMapping(source="vendor", target="name", weight=0.6)
VERSION = ReferenceVersion(ReferenceDataId(new_id()), 1, 1, 5, (Column("name", ColumnType.STRING),))


def name_of(*mappings: FieldMapping, version: ReferenceVersion = VERSION) -> str:
    return index_cache.name(version, index_cache.ask(MatchingRules(field_mappings=mappings)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NAME, replace(NAME, source="supplier", weight=0.3, min_score=0.5)),
        (
            DateRangeMapping(source="a", target="t", weight=1, tolerance_days=3),
            DateRangeMapping(source="b", target="t", weight=1, flat=True),
        ),
        (
            NumericRangeMapping(source="a", target="t", weight=1),
            NumericRangeMapping(source="a", target="t", weight=1, flat=True),
        ),
    ],
)
def test_mappings_that_need_the_same_index_share_it(one: FieldMapping, other: FieldMapping) -> None:
    assert name_of(one) == name_of(other)


def test_mappings_and_versions_that_need_another_index_have_one_of_their_own() -> None:
    names = [
        name_of(NAME),
        name_of(NAME, NAME),
        name_of(replace(NAME, scorer=Scorer.RATIO)),
        name_of(replace(NAME, target="city")),
        name_of(ExactMapping(source="vendor", target="name", weight=1)),
        name_of(ExactMapping(source="vendor", target="name", weight=1, verbatim=True)),
        name_of(NAME, version=replace(VERSION, row_count=6)),
        name_of(NAME, version=replace(VERSION, generation=2)),
        name_of(NAME, version=replace(VERSION, columns=(*VERSION.columns, *VERSION.columns))),
    ]
    assert len(set(names)) == len(names)


def test_a_folder_that_was_removed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "removed" / "tiny.index"
    assert index_cache.ensure(path, jobs.tiny_index)
    assert path.exists()
    assert path.parent.stat().st_mode & 0o777 == 0o700
