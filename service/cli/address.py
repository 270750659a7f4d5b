"""Where is the service, and which key opens it, when the user names neither?"""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import httpx2

from service.domain.errors import NotFoundError
from service.settings import Settings, variable
from service.store import first_key

FILE_NAME = "address"
ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Address:
    """A service and a key to it."""

    url: str
    key: str


# What is done with a service.
Work: TypeAlias = Callable[[Address], Coroutine[object, None, None]]


@contextmanager
def left(data_dir: Path, url: str) -> Iterator[None]:
    """Write down where the service of a data directory is, for commands on the same machine."""
    path = data_dir / FILE_NAME
    path.write_text(f"{url}\n")
    try:
        yield
    finally:
        # Of several services on one data directory the last one has its name there.
        if _read(path) == url:
            path.unlink(missing_ok=True)


def local_url(data_dir: Path) -> str | None:
    """Return where the service of a data directory answers; None when none does."""
    url = _read(data_dir / FILE_NAME)
    if url is None:
        return None
    try:
        reply = httpx2.get(f"{url}/healthz", timeout=ANSWER_SECONDS, trust_env=False)
    except httpx2.HTTPError:
        # A service that was killed left its address behind.
        return None
    return url if reply.is_success else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def find(settings: Settings, url: str | None) -> Address:
    """Return the service that was named, else the one of the data directory.

    Raises NotFoundError, with what to do, when there is none or no key to it.
    """
    named = url or settings.url
    found = named or local_url(settings.data_dir)
    if found is None:
        raise NotFoundError(
            f"No service runs on the data in {settings.data_dir}: start one with 'matchstream "
            f"serve', or name one with --url or {variable('url')}."
        )
    return Address(found.rstrip("/"), key_for(settings, is_local=named is None))


def key_for(settings: Settings, *, is_local: bool) -> str:
    """Return the key of the settings, else the first one of the local service."""
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    kept = first_key.read(settings.data_dir) if is_local else None
    if kept is None:
        raise NotFoundError(f"No API key is known: put one into {variable('api_key')}.")
    return kept
