"""Whom can a campaign of chaos kill, and how is it started again?"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from service.store.data_directory import Layout, running_dsn
from tests.conftest import PostgresServer
from tests.service_process import (
    KEY,
    READY,
    Fleet,
    ServiceProcess,
    descendants,
    fleet,
    killed_unless_ready,
    spawned,
)

LEASE_SECONDS = 2.0
STARTS = 10
# Commits outlive the server's death, only not the machine's.
DURABLE_ENOUGH = {"fsync": "off", "full_page_writes": "off"}

Fault = Callable[[], None]


class Site(Protocol):
    """Some processes to kill, over one database."""

    @property
    def apis(self) -> Sequence[ServiceProcess]:
        """Where runs can be started."""

    @property
    def url(self) -> str:
        """Where the database is."""

    def faults(self) -> dict[str, Fault]:
        """What can be done now, by name."""

    def repair(self) -> None:
        """Start again what is gone."""


class Halves:
    """Two APIs and two workers over a PostgreSQL of the campaign's own."""

    def __init__(self, parts: Fleet, server: PostgresServer, data_dir: Path) -> None:
        """Use `halves`."""
        self._parts = parts
        self._data_dir = data_dir
        self.url = server.url

    @property
    def apis(self) -> Sequence[ServiceProcess]:
        """Where runs can be started."""
        return self._parts.apis

    def faults(self) -> dict[str, Fault]:
        """What can be done now, by name."""
        worker = random.choice(self._parts.workers)
        api = random.choice(self._parts.apis)
        return {
            "pool process": lambda: kill(pool_processes(worker)),
            "worker": worker.process.kill,
            "API": api.process.kill,
            "external PostgreSQL": lambda: kill(postmasters(self._data_dir)),
            "session of PostgreSQL": lambda: kill(sessions(postmasters(self._data_dir))),
            "worker stands still beyond its lease": lambda: stand_still(worker),
            "worker is told to stop": worker.process.terminate,
        }

    def repair(self) -> None:
        """Start again what is gone."""
        for group, start in (
            (self._parts.apis, self._parts.start_api),
            (self._parts.workers, self._parts.start_worker),
        ):
            for gone in [each for each in group if each.process.poll() is not None]:
                group.remove(gone)
                insist(start)


class Whole:
    """One service with a PostgreSQL of its own."""

    def __init__(self, data_dir: Path, stack: ExitStack) -> None:
        """Start it."""
        self._data_dir = data_dir
        self._stack = stack
        self._service = insist(self._start)

    @property
    def apis(self) -> Sequence[ServiceProcess]:
        """Where runs can be started."""
        return [self._service]

    @property
    def url(self) -> str:
        """Where the database is."""
        return running_dsn(Layout.of(self._data_dir)) or ""

    def _start(self) -> ServiceProcess:
        service = self._stack.enter_context(spawned(self._data_dir))
        with killed_unless_ready(service):
            service.url = service.wait_for(READY)
            service.key = service.wait_for(KEY)
        return service

    def faults(self) -> dict[str, Fault]:
        """What can be done now, by name."""
        service, data_dir = self._service, self._data_dir
        return {
            "pool process": lambda: kill(pool_processes(service)),
            "service": service.process.kill,
            "embedded PostgreSQL": lambda: kill(postmasters(data_dir)),
            "session of PostgreSQL": lambda: kill(sessions(postmasters(data_dir))),
            "service is told to stop": service.process.terminate,
        }

    def repair(self) -> None:
        """Start again what is gone."""
        if self._service.process.poll() is not None:
            self._service = insist(self._start)


@contextmanager
def halves(folder: Path) -> Iterator[Halves]:
    """Run two APIs and two workers over a PostgreSQL of their own."""
    server = PostgresServer(folder / "database", None, DURABLE_ENOUGH)
    try:
        extra = {"MATCHSTREAM_LEASE_SECONDS": str(LEASE_SECONDS)}
        with fleet(folder, server.url, apis=2, workers=2, extra=extra) as parts:
            yield Halves(parts, server, folder / "database")
    finally:
        server.close()


@contextmanager
def whole(folder: Path) -> Iterator[Whole]:
    """Run one service with a PostgreSQL of its own."""
    with ExitStack() as stack:
        yield Whole(folder / "data", stack)


def kill(pids: Sequence[int]) -> None:
    """Kill one of the processes, if there is any."""
    # 0, -1 and 1 would be our group, everybody, and the system.
    if any(pid <= 1 for pid in pids):
        raise ValueError(f"not the process of one of ours: {pids}")
    with suppress(ProcessLookupError, IndexError):
        os.kill(random.choice(pids), signal.SIGKILL)


def stand_still(worker: ServiceProcess) -> None:
    """Stop a worker for longer than its lease, and let it go on."""
    worker.process.send_signal(signal.SIGSTOP)
    time.sleep(1.5 * LEASE_SECONDS)
    worker.process.send_signal(signal.SIGCONT)


def pool_processes(service: ServiceProcess) -> list[int]:
    """The processes that match for a service or worker."""
    return [pid for pid in service.descendants() if b"service.engine.child" in command_of(pid)]


def postmasters(data_dir: Path) -> list[int]:
    """The first process of the PostgreSQL in a data directory; none while it is not running."""
    with suppress(OSError, ValueError):
        pid = int((data_dir / "postgres/postmaster.pid").read_text().split("\n")[0])
        # The file outlives a server that was killed, and its number may be another's by now.
        if pid > 1 and b"postgres" in command_of(pid):
            return [pid]
    return []


def sessions(servers: Sequence[int]) -> list[int]:
    """The processes of a PostgreSQL that serve a connection."""
    return [
        each
        for server in servers
        for each in descendants(server)
        if command_of(each).startswith(b"postgres: matchst")
    ]


def command_of(pid: int) -> bytes:
    """How a process was started; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def insist(start: Callable[[], ServiceProcess]) -> ServiceProcess:
    """Start a process as a supervisor does: again, when its database is just coming up."""
    for _ in range(STARTS - 1):
        with suppress(AssertionError):
            return start()
    return start()
