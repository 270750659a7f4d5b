"""What is wrong with this installation? All that a service needs, looked at without starting it."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx2
import typer

from service.cli import address, keys
from service.domain.errors import MatchstreamError, StartupError
from service.engine.disk_space import shortage
from service.matching.compiled import load_kernel
from service.settings import Settings, database_place, load, unknown_variables
from service.store import binaries, schema
from service.store.data_directory import Layout
from service.store.database import connect

OLDEST_SERVER = 140_000
ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look showed; `advice` is what to do, None where all is well."""

    subject: str
    state: str
    advice: str | None = None


def doctor() -> None:
    """Say what is wrong with this installation, and what to do about it.

      matchstream doctor

    Starts nothing and changes nothing. Ends with 1 when something has to be mended.
    """
    findings = list(look())
    for each in findings:
        typer.echo(f"{'ok   ' if each.advice is None else 'WRONG'} {each.subject}: {each.state}")
        if each.advice is not None:
            typer.echo(f"      {each.advice}")
    if any(each.advice is not None for each in findings):
        raise typer.Exit(1)


def look() -> Iterator[Finding]:
    """Yield what there is to say, in the order in which a start needs it."""
    try:
        settings = load()
    except StartupError as error:
        yield Finding("settings", "cannot be used", str(error))
        return
    for sentence in unknown_variables():
        yield Finding("settings", "one has no effect", sentence)
    yield Finding("settings", "can be read")
    yield from (check(settings) for check in CHECKS)


def _kernel(_: Settings) -> Finding:
    if load_kernel() is not None:
        return Finding("matching kernel", "compiled")
    advice = "Install a C compiler (on Debian and Ubuntu: 'apt install gcc libc6-dev'), then "
    return Finding(
        "matching kernel",
        "not there: answers are the same, but far slower on large tables",
        f"{advice}delete .venv and run 'make install'.",
    )


def _data_directory(settings: Settings) -> Finding:
    place = settings.data_dir
    there = next(each for each in (place, *place.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        advice = f"Make {there} writable, or choose another with MATCHSTREAM_DATA_DIR."
        return Finding("data directory", f"{place} cannot be written", advice)
    return Finding("data directory", str(place), shortage(place))


def _postgres(settings: Settings) -> Finding:
    if settings.database_url is not None:
        return asyncio.run(_server(settings, settings.database_url))
    places = [settings.postgres_bin] if settings.postgres_bin else binaries.places()
    try:
        found = binaries.find(places, _data_major(settings))
    except StartupError as error:
        return Finding("PostgreSQL", "no programs that fit", str(error))
    return Finding("PostgreSQL", f"version {found.major}, embedded")


def _data_major(settings: Settings) -> int | None:
    version = Layout.of(settings.data_dir).cluster / "PG_VERSION"
    return int(version.read_text()) if version.exists() else None


async def _server(settings: Settings, url: str) -> Finding:
    place = database_place(url, with_name=True)
    try:
        with keys.naming_the_database(settings):
            connection = await connect(url)
        try:
            version = connection.get_server_version()
            number = await schema.current_number(connection)
        finally:
            await connection.close()
    except MatchstreamError as error:
        return Finding("PostgreSQL", f"{place} does not answer", str(error))
    told = f"version {version.major} at {place}, migration {number}"
    if version.major * 10_000 < OLDEST_SERVER:
        return Finding("PostgreSQL", told, "Use PostgreSQL 14 or newer.")
    return Finding("PostgreSQL", told)


def _service(settings: Settings) -> Finding:
    url = settings.url or address.local_url(settings.data_dir)
    if url is None:
        return Finding("service", "none runs on the data directory")
    try:
        with closing(httpx2.Client(timeout=ANSWER_SECONDS, trust_env=False)) as client:
            ready = client.get(f"{url}/readyz")
            told = ready.json()
    except (httpx2.HTTPError, ValueError) as error:
        advice = f"Start it, or change MATCHSTREAM_URL ({type(error).__name__})."
        return Finding("service", f"{url} does not answer", advice)
    if ready.is_success:
        return Finding("service", f"{url} is ready")
    return Finding("service", f"{url} cannot work now", str(told.get("checks", told)))


def _ai(settings: Settings) -> Finding:
    if settings.anthropic_api_key is None:
        return Finding("AI pass", "off: no key is set")
    return Finding("AI pass", f"on, with {settings.ai_model}")


CHECKS: tuple[Callable[[Settings], Finding], ...] = (
    _kernel,
    _data_directory,
    _postgres,
    _service,
    _ai,
)
