"""How does a test run the real service? As a process of its own, as a user would."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

READY = "Matchstream is ready at "
WORKER_READY = "Matchstream worker is ready"
KEY = "API key: "
START_SECONDS = 25.0
STOP_SECONDS = 15.0
COMMAND = str(Path(sys.executable).with_name("matchstream"))


def environment(data_dir: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a service of our own: no setting of the caller's gets in."""
    kept = {
        name: value
        for name, value in os.environ.items()  # noqa: TID251 - passed on, not read
        if not name.startswith("MATCHSTREAM_") and name != "DATABASE_URL"
    }
    ours = {"MATCHSTREAM_DATA_DIR": str(data_dir), "MATCHSTREAM_PORT": "0"}
    return {**kept, **ours, "MATCHSTREAM_WORKERS": "2", **(extra or {})}


@dataclass
class ServiceProcess:
    """A running `matchstream` command; `url` and `key` are what it printed."""

    process: subprocess.Popen[str]
    data_dir: Path
    url: str = ""
    key: str = ""
    output: list[str] = field(default_factory=list)
    _lines: "Queue[str | None]" = field(default_factory=Queue)

    @property
    def headers(self) -> dict[str, str]:
        """The header that opens the service."""
        return {"Authorization": f"Bearer {self.key}"}

    def read_lines(self) -> None:
        """Pass on what the command prints, line by line, to its end."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait_for(self, start: str, seconds: float = START_SECONDS) -> str:
        """Return the rest of the first line that starts so; fail when none comes."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"no {start!r} in time, but: {self.output}") from None
            if line is None:
                raise AssertionError(f"ended without {start!r}: {self.output}")
            self.output.append(line)
            if line.startswith(start):
                return line.removeprefix(start)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask the service to stop; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def descendants(self) -> set[int]:
        """The process ids of everything the service started, directly or not."""
        return descendants(self.process.pid)


@contextmanager
def running(
    data_dir: Path,
    command: str = "serve",
    extra: Mapping[str, str] | None = None,
    stderr: Path | None = None,
) -> Iterator[ServiceProcess]:
    """Run `matchstream` until the end of the block, from the line that says it is ready."""
    with spawned(data_dir, command, extra, stderr) as service:
        service.url = service.wait_for(READY)
        service.key = service.wait_for(KEY)
        yield service


def _hangups_are_ignored() -> bool:
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def _hear_hangups() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def spawned(
    data_dir: Path,
    command: str = "serve",
    extra: Mapping[str, str] | None = None,
    stderr: Path | None = None,
) -> Iterator[ServiceProcess]:
    """Start `matchstream`, wait for nothing, and leave no process behind."""
    errors = stderr or data_dir.with_name(f"{data_dir.name}.stderr")
    errors.parent.mkdir(parents=True, exist_ok=True)
    with (
        errors.open("a") as sink,
        subprocess.Popen(
            [COMMAND, *command.split()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            env=environment(data_dir, extra),
            cwd=errors.parent,
            # A suite that was started with `nohup` would hand that on.
            preexec_fn=_hear_hangups if _hangups_are_ignored() else None,
        ) as process,
    ):
        service = ServiceProcess(process, data_dir)
        reader = threading.Thread(target=service.read_lines)
        reader.start()
        try:
            yield service
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
            reader.join(STOP_SECONDS)


@contextmanager
def killed_unless_ready(service: ServiceProcess) -> Iterator[None]:
    """Leave no process behind that did not get ready."""
    try:
        yield
    except AssertionError:
        service.process.kill()
        service.process.wait()
        raise


class Fleet:
    """API and worker processes over one PostgreSQL, which none of them owns; see `fleet`."""

    def __init__(self, stack: ExitStack, folder: Path, extra: Mapping[str, str]) -> None:
        """Start nothing yet."""
        self.apis: list[ServiceProcess] = []
        self.workers: list[ServiceProcess] = []
        self._stack = stack
        self._folder = folder
        self._extra = extra
        self._started = 0

    def start_api(self) -> ServiceProcess:
        """Add a `serve --no-engine`, ready; all have the key that the first one made."""
        api = self._spawn("serve --no-engine", "apis")
        with killed_unless_ready(api):
            api.url = api.wait_for(READY)
            api.key = api.wait_for(KEY)
        self.apis.append(api)
        return api

    def start_worker(self) -> ServiceProcess:
        """Add a `worker`, ready, with a data directory of its own."""
        worker = self._spawn("worker", f"worker-{self._started}")
        with killed_unless_ready(worker):
            worker.wait_for(WORKER_READY)
        self.workers.append(worker)
        return worker

    def _spawn(self, command: str, data: str) -> ServiceProcess:
        self._started += 1
        errors = self._folder / f"{self._started}-{command.split()[0]}.stderr"
        return self._stack.enter_context(
            spawned(self._folder / data, command, self._extra, stderr=errors)
        )


@contextmanager
def fleet(
    folder: Path,
    database_url: str,
    *,
    apis: int = 1,
    workers: int = 1,
    extra: Mapping[str, str] | None = None,
) -> Iterator[Fleet]:
    """Run so many `serve --no-engine` and `worker` over one database until the end of the block.

    A worker has one process that matches, and leases last 3 seconds, unless `extra` says
    otherwise. What a process logs lies in `folder`, in `<number>-<command>.stderr`.
    """
    settings = {
        "DATABASE_URL": database_url,
        "MATCHSTREAM_WORKERS": "1",
        "MATCHSTREAM_LEASE_SECONDS": "3",
        **(extra or {}),
    }
    with ExitStack() as stack:
        made = Fleet(stack, folder, settings)
        for _ in range(apis):
            made.start_api()
        for _ in range(workers):
            made.start_worker()
        yield made


def run_command(
    data_dir: Path, *words: str, extra: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a `matchstream` command to its end."""
    return subprocess.run(
        [COMMAND, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        env=environment(data_dir, extra),
        cwd=data_dir.parent,
        check=False,
    )


def descendants(pid: int) -> set[int]:
    """The process ids of a process's children and theirs, read from /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = _parent(entry)
            if parent is not None:
                parents[int(entry.name)] = parent
    found: set[int] = set()
    frontier = {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found


def _parent(entry: Path) -> int | None:
    """The parent of a process, None when it is gone or a zombie."""
    try:
        state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return None if state == "Z" else int(parent)


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    return _parent(Path(f"/proc/{pid}")) is not None


def wait_until_gone(pids: set[int], seconds: float = STOP_SECONDS) -> set[int]:
    """Wait for processes that are no children of ours; return those that stayed."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        # A process handle becomes readable when its process has ended.
        select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        os.close(handle)
    return {pid for pid in pids if is_running(pid)}
