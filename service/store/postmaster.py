"""How does one PostgreSQL server process run: as whom, until when, and how does it end?"""

import asyncio
import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.domain.errors import StartupError

STOP_SECONDS = 10.0
QUIT_SECONDS = 5.0
POLL_SECONDS = 0.005
PIPE_BYTES = 4096
NOBODY = 65534

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec nothing may be imported.
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom PostgreSQL runs: it refuses the user root.

    `uid` None: as ourselves. Otherwise as that user or, with `namespace`, as ourselves under that
    number inside a user namespace, so that the files stay ours.
    """

    uid: int | None = None
    gid: int | None = None
    namespace: bool = False

    def own(self, path: Path) -> None:
        """Give the path, and what lies below it, to the user the server's files belong to."""
        if self.uid is None or self.gid is None:
            return
        uid, gid = (os.getuid(), os.getgid()) if self.namespace else (self.uid, self.gid)
        if path.stat().st_uid == uid:
            return
        for folder, _, files in os.walk(path):
            os.chown(folder, uid, gid)
            for name in files:
                os.chown(Path(folder, name), uid, gid, follow_symlinks=False)


def choose_identity(data: Path, folders: Sequence[Path]) -> Identity:
    """Decide as whom to run: ourselves unless we are root.

    As root: the user `nobody` where it can reach all `folders` (every parent open to others),
    and otherwise ourselves in a user namespace. Existing `data` of another user stays theirs.
    """
    if os.geteuid() != 0:
        return Identity()
    try:
        account = pwd.getpwnam("nobody")
        uid, gid = account.pw_uid, account.pw_gid
    except KeyError:
        uid, gid = NOBODY, NOBODY
    if data.exists() and data.stat().st_uid != 0:
        uid, gid = data.stat().st_uid, data.stat().st_gid
    reachable = all(
        parent.stat().st_mode & 0o001 for folder in folders for parent in (folder, *folder.parents)
    )
    return Identity(uid, gid, namespace=not reachable)


def prepare_child(identity: Identity) -> Callable[[], None]:
    """Return what the child does between fork and exec: change user, and die with its parent.

    The signal comes when the thread that forks ends: fork from one that lasts.
    """
    parent = os.getpid()

    def prepare() -> None:
        if identity.namespace:
            _enter_namespace(identity)
        elif identity.uid is not None and identity.gid is not None:
            os.setgroups([])
            os.setgid(identity.gid)
            os.setuid(identity.uid)
        if sys.platform == "linux":
            # After the change of user, which clears it.
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def _enter_namespace(identity: Identity) -> None:
    """Become `identity` in a new user namespace, in which that number stands for ourselves."""
    uid, gid = os.getuid(), os.getgid()
    if LIBC.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{identity.uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{identity.gid} {gid} 1")


def _spawn(
    command: Sequence[str | Path], identity: Identity, stdout: int, stderr: int
) -> subprocess.Popen[bytes]:
    """Start a program of PostgreSQL in a session of its own: a Ctrl-C is for us alone."""
    try:
        return subprocess.Popen(  # noqa: S603 - programs that we found, arguments of our own
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd="/",
            start_new_session=True,
            preexec_fn=prepare_child(identity),
        )
    except (OSError, subprocess.SubprocessError) as error:
        if not identity.namespace:
            raise StartupError(f"PostgreSQL could not be started: {error}.") from error
        raise StartupError(
            "PostgreSQL does not run as root, the user 'nobody' cannot reach the data directory, "
            "and user namespaces are not allowed here: choose a MATCHSTREAM_DATA_DIR outside "
            "private folders, run as another user, or set DATABASE_URL."
        ) from error


async def _until_end_of(pipe: int) -> None:
    """Read and forget what comes, until every holder of the pipe's other end is gone."""
    readable = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pipe, readable.set)
    try:
        while True:
            await readable.wait()
            if not os.read(pipe, PIPE_BYTES):
                return
            readable.clear()
    finally:
        loop.remove_reader(pipe)


def last_line(log: Path) -> str:
    """The end of a log, for a sentence."""
    with log.open("rb") as content:
        content.seek(max(0, log.stat().st_size - 2000))
        lines = content.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip().rstrip(".") if lines else f"{log} is empty"


class Postmaster:
    """A running program of PostgreSQL, `initdb` or the server with all its processes.

    Their standard output is a pipe to us, so that the end of the last of them is an event.
    """

    def __init__(self, command: Sequence[str | Path], identity: Identity, log: Path) -> None:
        """Start it, with its log appended to `log`."""
        self._pipe, other_end = os.pipe()
        try:
            with log.open("ab") as output:
                self._process = _spawn(command, identity, other_end, output.fileno())
        except StartupError:
            os.close(self._pipe)
            raise
        finally:
            os.close(other_end)

    @property
    def pid(self) -> int:
        """The id of its first process."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Whether its first process is gone."""
        return self._process.poll() is not None

    async def wait(self) -> int:
        """Wait until all its processes are gone; return the exit code of the first."""
        await _until_end_of(self._pipe)
        return await asyncio.to_thread(self._process.wait, QUIT_SECONDS)

    async def stop(self) -> None:
        """Shut a server down: politely to the clients' cost, then at once, then by force."""
        for number, seconds in (
            (signal.SIGINT, STOP_SECONDS),
            (signal.SIGQUIT, QUIT_SECONDS),
            (signal.SIGKILL, QUIT_SECONDS),
        ):
            if not self.has_ended():
                self._process.send_signal(number)
            if await self._ends_within(seconds):
                break
        os.close(self._pipe)

    async def abort(self) -> None:
        """End a program whose work is to be thrown away, with all that it started."""
        if not self.has_ended():
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._ends_within(QUIT_SECONDS)
        os.close(self._pipe)

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.wait()
        except TimeoutError:
            return False
        return True


async def end_stranger(pid: int, data: Path) -> None:
    """Wait until a server that an earlier owner left behind has ended; hurry it, with a bound."""
    for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, QUIT_SECONDS)):
        try:
            os.kill(pid, number)
            async with asyncio.timeout(seconds):
                while is_server_of(pid, data):  # noqa: ASYNC110 - a process that is no child of ours
                    await asyncio.sleep(POLL_SECONDS)
            return
        except ProcessLookupError:
            return
        except TimeoutError:
            continue
    raise StartupError(
        f"A PostgreSQL server of an earlier start (process {pid}) still uses {data} and does not "
        "end: stop it and start again."
    )


def is_server_of(pid: int, data: Path) -> bool:
    """Whether the process runs and is a PostgreSQL server on this data directory."""
    try:
        return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        # Where there is no /proc, a process of that number has to do.
        return sys.platform != "linux" and is_alive(pid)


def is_alive(pid: int) -> bool:
    """Whether a process of that number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
