"""Where is the service, and which key opens it, when the user names neither?"""

import fcntl
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TypeAlias
from urllib.parse import urlsplit

from service.cli.answers import ClientError
from service.cli.client import Client, Moved
from service.domain.errors import NotFoundError, StartupError
from service.settings import Settings, variable
from service.store import first_key

FILE_NAME = "address"
# Stands below the URL of a service that ends with the command that has started it.
_PASSING = "passing"
_REFUSED_KEY = 401


@dataclass(frozen=True, slots=True)
class Address:
    """A service and a key to it; `home` is the data directory that led there, if one did.

    One that `is_passing` ends with the command that has started it.
    """

    url: str
    key: str
    home: Path | None = None
    is_passing: bool = False


# What is done with a service.
Work: TypeAlias = Callable[[Address], Coroutine[object, None, None]]


@contextmanager
def left(data_dir: Path, url: str, *, is_passing: bool = False) -> Iterator[None]:
    """Write down where the service of a data directory is, for commands on the same machine.

    `is_passing`: it ends with the command that has started it. The file is locked for as long as
    the service lives: what a killed one left behind is not, and leads nobody, with a key in hand,
    to whoever has its port by then.
    """
    path = data_dir / FILE_NAME
    with _written(path, f"{url}\n{_PASSING}\n" if is_passing else f"{url}\n") as file:
        try:
            yield
        finally:
            # Of several services on one data directory the last one has its name there.
            if _is_at(path, file):
                path.unlink(missing_ok=True)


@contextmanager
def _written(path: Path, text: str) -> Iterator[IO[str]]:
    """Put a file of our own there, whole and locked; raises StartupError."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(unfinished.open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(text)
            file.flush()
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise StartupError(f"The file {path} cannot be written: {error.strerror}.") from error
        yield file


def _is_at(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        return False


def local_url(data_dir: Path) -> str | None:
    """Return where the service of a data directory is; None when none runs."""
    return next(iter(_read(data_dir)), None)


def lasting_url(data_dir: Path) -> str | None:
    """Return where the service of a data directory is, unless it ends with another command."""
    lines = _read(data_dir)
    return None if _PASSING in lines else next(iter(lines), None)


def _read(data_dir: Path) -> list[str]:
    """Return the lines that the running service has left; none when none runs."""
    try:
        with (data_dir / FILE_NAME).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().split()
    except OSError:
        # No file, or none that is ours to read.
        pass
    return []


def is_own(settings: Settings, url: str) -> bool:
    """Whether a URL is that of the service of the data directory, letter by letter.

    Nobody else gets its key: another name may lead elsewhere.
    """
    return local_url(settings.data_dir) == url.rstrip("/")


def refuse_second(settings: Settings) -> None:
    """Raise StartupError where a service has what another one needs: the data, or the port.

    Several may share a database of their own.
    """
    running = local_url(settings.data_dir)
    if running is None:
        return
    if settings.database_url is None and lasting_url(settings.data_dir) is None:
        raise StartupError(
            f"A match on the data in {settings.data_dir} is under way, with a service of its own: "
            "start again when it has ended."
        )
    if settings.database_url is None or urlsplit(running).port == settings.port:
        raise StartupError(f"Matchstream already runs with these data at {running}: open it.")


def seek(
    settings: Settings, url: str | None, local: Callable[[Path], str | None] = local_url
) -> Address | None:
    """Return the service that was named, else the one of the data directory; None without one.

    `local` says which service of the data directory will do. Raises NotFoundError, with what to
    do, when there is no key to it.
    """
    named = url or settings.url
    if named is not None:
        return Address(named, key_for(settings, is_local=is_own(settings, named)))
    found = local(settings.data_dir)
    if found is None:
        return None
    return Address(found, key_for(settings, is_local=True), settings.data_dir)


def find(settings: Settings, url: str | None) -> Address:
    """Return the service as `seek` does; raises NotFoundError, with what to do, without one."""
    found = seek(settings, url)
    if found is None:
        raise NotFoundError(
            f"No service runs on the data in {settings.data_dir}: start one with 'matchstream "
            f"serve', or name one with --url or {variable('url')}."
        )
    return found


@asynccontextmanager
async def client(found: Address) -> AsyncIterator[Client]:
    """Lend a client of the service; where a data directory led to it, it may move there.

    Of a key that is refused it is told where it can be changed.
    """
    moved: Moved = partial(local_url, found.home) if found.home is not None else lambda: None
    async with Client(found.url, found.key, moved=moved) as lent:
        try:
            yield lent
        except ClientError as error:
            if error.status != _REFUSED_KEY:
                raise
            raise ClientError(
                f"{str(error).rstrip('.')}: put another one into {variable('api_key')}.",
                error.status,
                error.problem,
            ) from error


def key_for(settings: Settings, *, is_local: bool) -> str:
    """Return the key of the settings, else the first one of the local service."""
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    kept = first_key.read(settings.data_dir) if is_local else None
    if kept is None:
        raise NotFoundError(f"No API key is known: put one into {variable('api_key')}.")
    return kept
