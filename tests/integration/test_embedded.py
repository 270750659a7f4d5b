"""Does the PostgreSQL that we bring start, last, recover and end as it should?"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from service.domain.errors import StartupError
from service.store import binaries, embedded
from service.store.postmaster import is_server_of

FAST = embedded.THROWAWAY_SETTINGS
OWNER = """
import asyncio, sys
from pathlib import Path
from service.store import embedded

async def main():
    settings = embedded.THROWAWAY_SETTINGS
    async with embedded.start(Path(sys.argv[1]), settings=settings) as dsn:
        print(dsn, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become another user")


async def ask(dsn: str, question: str) -> object:
    """Run a statement that answers with one value."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def server_pid(data_dir: Path) -> int:
    """The process id of the data directory's server."""
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split("\n")[0])


async def end_of_server(pid: int, data_dir: Path) -> None:
    """Return when the server is gone, which has to be within seconds."""
    async with asyncio.timeout(15):
        while is_server_of(pid, data_dir / "postgres"):  # noqa: ASYNC110 - no child of ours
            await asyncio.sleep(0.01)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can reach, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns the data directory `tmp_path`, its server ready."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql:")
        yield process
        process.kill()


async def test_data_outlives_a_restart_and_nothing_runs_between(tmp_path: Path) -> None:
    async with embedded.start(tmp_path, settings=FAST) as dsn:
        await ask(dsn, "CREATE TABLE kept AS SELECT 7 AS value")
        pid = server_pid(tmp_path)
    assert not is_server_of(pid, tmp_path / "postgres")
    async with embedded.start(tmp_path, settings=FAST) as dsn:
        assert await ask(dsn, "SELECT value FROM kept") == 7


async def test_only_a_private_socket_listens_and_writes_are_durable(tmp_path: Path) -> None:
    async with embedded.start(tmp_path) as dsn:
        assert await ask(dsn, "SHOW listen_addresses") == ""
        assert await ask(dsn, "SHOW fsync") == "on"
        assert await ask(dsn, "SHOW synchronous_commit") == "on"
        assert (tmp_path / "socket").stat().st_mode & 0o777 == 0o700


@as_root
async def test_root_runs_the_server_as_nobody_where_nobody_can_go(open_folder: Path) -> None:
    async with embedded.start(open_folder / "data", settings=FAST) as dsn:
        assert await ask(dsn, "SELECT 1") == 1
        owner = Path(f"/proc/{server_pid(open_folder / 'data')}").stat().st_uid
        assert owner != 0


@as_root
async def test_root_uses_a_namespace_in_a_private_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    async with embedded.start(tmp_path / "data", settings=FAST) as dsn:
        assert await ask(dsn, "SELECT 1") == 1
        pid = server_pid(tmp_path / "data")
        assert Path(f"/proc/{pid}/ns/user").readlink() != Path("/proc/self/ns/user").readlink()
        assert (tmp_path / "data" / "postgres").stat().st_uid == os.geteuid()


@as_root
async def test_data_of_nobody_moves_into_a_private_folder_and_back(
    open_folder: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    async with embedded.start(open_folder / "data", settings=FAST) as dsn:
        await ask(dsn, "CREATE TABLE kept AS SELECT 7 AS value")
    for source, target in ((open_folder, tmp_path), (tmp_path, open_folder)):
        (source / "data").rename(target / "data")
        async with embedded.start(target / "data", settings=FAST) as dsn:
            assert await ask(dsn, "SELECT value FROM kept") == 7


async def test_a_long_path_gets_its_socket_elsewhere_and_nothing_stays(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 20) / ("path" * 20)
    async with embedded.start(data_dir, settings=FAST) as dsn:
        assert await ask(dsn, "SELECT 1") == 1
        sockets = Path(json.loads((data_dir / "owner.lock").read_text())["sockets"])
        assert sockets.exists()
    assert not sockets.exists()


async def test_a_second_owner_is_told_who_the_first_is(
    owner: subprocess.Popen[str], tmp_path: Path
) -> None:
    with pytest.raises(StartupError, match=f"in use by process {owner.pid}:"):
        async with embedded.start(tmp_path, settings=FAST):
            pass


async def test_others_join_the_server_of_a_running_owner(
    owner: subprocess.Popen[str], tmp_path: Path
) -> None:
    async with embedded.join(tmp_path) as dsn:
        assert await ask(dsn, "SELECT 1") == 1
    assert owner.poll() is None
    assert is_server_of(server_pid(tmp_path), tmp_path / "postgres")


async def test_the_server_dies_with_a_killed_owner_and_starts_again(
    owner: subprocess.Popen[str], tmp_path: Path
) -> None:
    pid = server_pid(tmp_path)
    owner.kill()
    # At once, while the old server may still be shutting down.
    async with embedded.start(tmp_path, settings=FAST) as dsn:
        assert await ask(dsn, "SELECT 1") == 1
    await end_of_server(pid, tmp_path)


async def test_owner_and_server_killed_together_recover(
    owner: subprocess.Popen[str], tmp_path: Path
) -> None:
    os.kill(server_pid(tmp_path), signal.SIGKILL)
    owner.kill()
    async with embedded.start(tmp_path, settings=FAST) as dsn:
        assert await ask(dsn, "SELECT 1") == 1


async def test_a_killed_server_is_started_again(tmp_path: Path) -> None:
    async with embedded.start(tmp_path, settings=FAST) as dsn:
        connection = await asyncpg.connect(dsn)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        os.kill(server_pid(tmp_path), signal.SIGKILL)
        async with asyncio.timeout(15):
            await lost.wait()
            while True:
                try:
                    assert await ask(dsn, "SELECT 1") == 1
                    break
                except (OSError, asyncpg.PostgresError):
                    await asyncio.sleep(0.01)


async def test_a_pid_file_that_names_a_stranger_is_no_obstacle(tmp_path: Path) -> None:
    async with embedded.start(tmp_path, settings=FAST):
        pid_file = (tmp_path / "postgres" / "postmaster.pid").read_text().split("\n")
    (tmp_path / "postgres" / "postmaster.pid").write_text("\n".join(["1", *pid_file[1:]]))
    async with embedded.start(tmp_path, settings=FAST) as dsn:
        assert await ask(dsn, "SELECT 1") == 1


@pytest.mark.parametrize(("major", "age"), [(99, "newer"), (9, "older")])
async def test_data_of_another_version_is_refused(tmp_path: Path, major: int, age: str) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text(f"{major}\n")
    with pytest.raises(StartupError, match=rf"made by PostgreSQL {major}, which is {age} than"):
        async with embedded.start(tmp_path, settings=FAST):
            pass


async def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match=r"/file/data is not writable \(Not a directory\)"):
        async with embedded.start(tmp_path / "file" / "data", settings=FAST):
            pass


async def test_a_file_where_the_directory_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match=r"/file is not writable \(it is a file\): choose"):
        async with embedded.start(tmp_path / "file", settings=FAST):
            pass


async def test_without_programs_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"No PostgreSQL programs .* or set DATABASE_URL"):
        async with embedded.start(tmp_path, bin_dir=tmp_path, settings=FAST):
            pass


async def test_an_initdb_cut_off_leaves_nothing_that_hinders(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    async with embedded.start(tmp_path, settings=FAST) as dsn:
        assert await ask(dsn, "SELECT 1") == 1


async def test_an_error_inside_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="mine"):
        async with embedded.start(tmp_path, settings=FAST):
            raise LookupError("mine")


async def test_a_server_that_cannot_start_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"PostgreSQL does not start: .*shared_buffers"):
        async with embedded.start(tmp_path, settings={"shared_buffers": "nonsense"}):
            pass


def test_programs_that_fit_the_data_win_over_the_first_found() -> None:
    found = [binaries.find([folder], None) for folder in binaries.places()]
    oldest = min(found, key=lambda program: program.major)
    assert binaries.find(binaries.places(), oldest.major).major == oldest.major
