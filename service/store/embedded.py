"""How does Matchstream bring its own PostgreSQL: one private server per data directory.

owner           data directory                    PostgreSQL
  | flock         owner.lock  (pid, DSN)              |
  | end leftovers postmaster.pid                      |
  | first time    initdb -> renamed when complete     |
  | start --------------------------------------------> unix socket only, dies with us
  | watch (pipe) <------------------------------------| killed: started again
  | stop: SIGINT, then SIGQUIT, SIGKILL --------------> gone
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import chain, repeat
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlencode

import structlog

from service.domain.errors import StartupError
from service.store import binaries
from service.store.binaries import Binaries
from service.store.data_directory import SOCKET_PREFIX, Layout, owned, running_dsn
from service.store.postmaster import (
    POLL_SECONDS,
    Postmaster,
    choose_identity,
    end_stranger,
    is_alive,
    is_server_of,
    last_line,
)

LOG = structlog.get_logger()

INITDB_SECONDS = 120.0
READY_SECONDS = 60.0
RESTART_SECONDS = (0.1, 1.0, 5.0, 10.0)
LOG_MAX_BYTES = 1_000_000
# What initdb writes, and the first segments of the log.
NEW_CLUSTER_BYTES = 48 * 2**20
# The kernel's limit for a socket's path is 108 bytes with the final NUL.
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_MAX_BYTES = 107
STATE_LINE = 7
ORPHANS = "pre-existing shared memory block"
USER = "matchstream"
DATABASE = "postgres"

SERVER_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Starts, stops and crashes; what clients do wrong is theirs to log, values nobody's.
        "log_min_messages": "log",
        "log_checkpoints": "off",
        "log_error_verbosity": "terse",
    }
)
# For servers that live as long as a test: quick, and lost when the machine goes down.
THROWAWAY_SETTINGS: Mapping[str, str] = MappingProxyType(
    {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
)


@asynccontextmanager
async def start(
    data_dir: Path,
    *,
    bin_dir: Path | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[str]:
    """Run the server of this data directory while the context lasts; yield its DSN.

    One owner at a time; a server that is killed meanwhile is started again. Enter it in a thread
    that lasts as long as the context. Raises `StartupError` with a sentence when it cannot be.
    """
    folders = binaries.places() if bin_dir is None else [bin_dir]
    layout = Layout.of(data_dir)
    async with owned(layout) as lock:
        server = _Server(layout, _choose_binaries(layout, folders), settings)
        dsn = f"postgresql:///{DATABASE}?{urlencode({'host': server.sockets, 'user': USER})}"
        failure: Exception | None = None
        try:
            await server.initialise()
            await server.launch()
            lock.say(dsn=dsn, sockets=str(server.sockets))
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(server.keep_running())
                try:
                    yield dsn
                except Exception as error:  # noqa: BLE001 - else the group wraps what is not its own
                    failure = error
                watch.cancel()
            if failure is not None:
                raise failure
        finally:
            await server.stop()
            shutil.rmtree(server.sockets, ignore_errors=True)


@asynccontextmanager
async def join(data_dir: Path, *, bin_dir: Path | None = None) -> AsyncIterator[str]:
    """Yield the DSN of the data directory's running server, or start it for this context."""
    dsn = running_dsn(Layout.of(data_dir))
    if dsn is not None:
        yield dsn
        return
    async with start(data_dir, bin_dir=bin_dir) as own:
        yield own


def _choose_binaries(layout: Layout, folders: Iterable[Path]) -> Binaries:
    """Find the programs that fit the data, or any when there is none yet."""
    try:
        major = int((layout.cluster / "PG_VERSION").read_text())
    except FileNotFoundError:
        return binaries.find(folders, None)
    except ValueError as error:
        raise StartupError(f"{layout.cluster} is damaged: its PG_VERSION is no number.") from error
    return binaries.find(folders, major)


class _Server:
    """The server of one data directory, through initialisation, starts and stops."""

    def __init__(self, layout: Layout, programs: Binaries, settings: Mapping[str, str]) -> None:
        """Decide as whom it runs, and make the folder of its socket."""
        self._layout = layout
        self._programs = programs
        self._identity = choose_identity(
            layout.cluster, [layout.root, programs.folder, programs.postgres]
        )
        self.sockets = self._make_socket_folder()
        self._settings = {
            **SERVER_SETTINGS,
            **settings,
            "unix_socket_directories": str(self.sockets),
        }
        self._postmaster: Postmaster | None = None

    def _make_socket_folder(self) -> Path:
        """Make the private folder of the socket, in a short place when ours is too long."""
        folder = self._layout.root / "socket"
        if len(os.fsencode(folder / SOCKET_NAME)) > SOCKET_PATH_MAX_BYTES or "," in str(folder):
            folder = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX))
        # What a killed server left there is of no use to anybody.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        self._identity.own(folder)
        return folder

    async def initialise(self) -> None:
        """Make PostgreSQL's data directory on first start, whole or not at all."""
        cluster = self._layout.cluster
        if cluster.exists():
            self._identity.own(cluster)
            return
        unfinished = cluster.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        self._check_room()
        unfinished.mkdir(mode=0o700)
        self._identity.own(unfinished)
        # Sorted by code point, the same on every system and after every upgrade of it.
        command: list[str | Path] = [self._programs.initdb, "--pgdata", unfinished]
        command += [f"--username={USER}", "--encoding=UTF8", "--locale=C", "--auth=trust"]
        process = Postmaster(command, self._identity, self._layout.log)
        try:
            async with asyncio.timeout(INITDB_SECONDS):
                code = await process.wait()
        except TimeoutError as error:
            raise StartupError(f"initdb did not end; see {self._layout.log}.") from error
        finally:
            await process.abort()
        if code != 0:
            raise StartupError(f"initdb failed: {last_line(self._layout.log)}.")
        unfinished.rename(cluster)

    def _check_room(self) -> None:
        """Raise where the disk is too full for a new database, of which initdb says nothing."""
        free = shutil.disk_usage(self._layout.root).free
        if free < NEW_CLUSTER_BYTES:
            raise StartupError(
                f"The disk of the data directory {self._layout.root} has {free / 2**20:.0f} MiB "
                f"left, and a new database takes {NEW_CLUSTER_BYTES / 2**20:.0f}: free some, or "
                "choose another with MATCHSTREAM_DATA_DIR."
            )

    async def launch(self) -> None:
        """Start the server and wait until it takes connections."""
        await self.stop()
        await self._clear_leftovers()
        if self._layout.log.exists() and self._layout.log.stat().st_size > LOG_MAX_BYTES:
            self._layout.log.replace(self._layout.log.with_suffix(".log.1"))
        command: list[str | Path] = [self._programs.postgres, "-D", self._layout.cluster]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        try:
            async with asyncio.timeout(READY_SECONDS):
                self._postmaster = Postmaster(command, self._identity, self._layout.log)
                # Its state in a file is what the server offers: there is no event to wait on.
                while not self._is_ready(self._postmaster):
                    await asyncio.sleep(POLL_SECONDS)
                    if self._postmaster.has_ended() and ORPHANS in last_line(self._layout.log):
                        # Processes of a killed server notice its death within moments.
                        await self.stop()
                        self._postmaster = Postmaster(command, self._identity, self._layout.log)
        except TimeoutError as error:
            raise StartupError(
                f"PostgreSQL did not get ready in {READY_SECONDS:.0f} seconds; see "
                f"{self._layout.log}."
            ) from error

    def _is_ready(self, postmaster: Postmaster) -> bool:
        """Read the server's own statement; raise when it has ended instead."""
        if postmaster.has_ended():
            raise StartupError(f"PostgreSQL does not start: {last_line(self._layout.log)}.")
        try:
            lines = (self._layout.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > STATE_LINE and (lines[0], lines[STATE_LINE].strip()) == (
            str(postmaster.pid),
            "ready",
        )

    async def _clear_leftovers(self) -> None:
        """Deal with the pid file of a server that did not end well."""
        file = self._layout.cluster / "postmaster.pid"
        try:
            pid = int(file.read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return
        if is_server_of(pid, self._layout.cluster):
            await end_stranger(pid, self._layout.cluster)
        elif is_alive(pid):
            # Another program has got the number, which PostgreSQL takes for a server of its own.
            file.unlink(missing_ok=True)

    async def keep_running(self) -> None:
        """Start the server again whenever it ends by itself; go on until cancelled."""
        while self._postmaster is not None:
            LOG.error("postgres", action="postgres_ended", code=await self._postmaster.wait())
            for seconds in chain(RESTART_SECONDS, repeat(RESTART_SECONDS[-1])):
                await asyncio.sleep(seconds)
                try:
                    await self.launch()
                    break
                except (StartupError, OSError) as error:
                    LOG.error("postgres", action="postgres_restart_failed", reason=str(error))  # noqa: TRY400
            LOG.info("postgres", action="postgres_restarted")

    async def stop(self) -> None:
        """Stop the server if it runs."""
        if self._postmaster is not None:
            postmaster, self._postmaster = self._postmaster, None
            await postmaster.stop()
