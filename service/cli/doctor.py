"""What is wrong with this installation? All that a service needs, looked at without starting it."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import typer

from service.cli import address, database_checks, key_checks, listener, service_checks
from service.cli.findings import Clock, Finding
from service.domain.errors import StartupError
from service.engine.disk_space import shortage
from service.matching.compiled import load_kernel
from service.settings import Settings, load, unknown_variables

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


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


def our_clock() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def look(clock: Clock = our_clock) -> Iterator[Finding]:
    """Yield what there is to say, in the order in which a start needs it."""
    try:
        settings = load()
    except StartupError as error:
        yield Finding("settings", "cannot be used", str(error))
        return
    for sentence in unknown_variables():
        yield Finding("settings", "one has no effect", sentence)
    yield Finding("settings", "can be read")
    yield _kernel()
    yield _data_directory(settings)
    url = settings.url or address.local_url(settings.data_dir)
    yield _port(settings, url)
    yield from _parts(settings, url, clock)
    yield _ai(settings)


def _kernel() -> Finding:
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
    there = next(each for each in (place, *place.parents) if os.path.lexists(each))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        advice = f"Make {there} writable, or choose another with MATCHSTREAM_DATA_DIR."
        return Finding("data directory", f"{place} cannot be written", advice)
    made = "" if place.exists() else ", not there yet: the first start makes it"
    return Finding("data directory", f"{place}{made}", shortage(place))


def _port(settings: Settings, url: str | None) -> Finding:
    """Say whether a service could listen; the one that is there already may."""
    if settings.port == 0:
        return Finding("port", "a free one is taken at each start")
    if url is not None and _is_here(settings, url):
        return Finding("port", f"{settings.port} is that of the service")
    try:
        listener.listen(settings).close()
    except StartupError as error:
        return Finding("port", f"{settings.port} cannot be had", str(error))
    return Finding("port", f"{settings.port} is free")


def _is_here(settings: Settings, url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.port == settings.port and parts.hostname in {settings.host, *_LOOPBACK}
    except ValueError:
        # What is wrong with it is told where it is asked.
        return False


def _parts(settings: Settings, url: str | None, clock: Clock) -> Iterator[Finding]:
    """Look at the database and the service, and at the key that is to open them."""
    try:
        key = key_checks.known(settings)
    except StartupError as error:
        yield Finding("API key", "cannot be read", str(error))
        key = None
    database = database_checks.look(settings, key, clock)
    yield from database.findings
    is_there = False
    if url is None:
        yield Finding("service", "none runs on the data directory")
    else:
        service = service_checks.look(url, clock)
        yield from service.findings
        is_there = service.is_ours
    now = clock() if database.seen is None else clock() + database.seen.ahead
    if key is None:
        yield key_checks.missing(is_needed=url is not None)
    elif url is not None and is_there:
        yield key_checks.asked(service_checks.refusal(url, key), database.seen, now)
    else:
        is_given = settings.api_key is not None
        yield key_checks.unasked(database.seen, now, is_given=is_given)


def _ai(settings: Settings) -> Finding:
    if settings.anthropic_api_key is None:
        return Finding("AI pass", "off: no key is set")
    return Finding("AI pass", f"on, with {settings.ai_model}")
