"""What is wrong with the database: its server, its schema, its clock?

An embedded one is looked at while it runs; otherwise only its programs can be looked for.
"""

import asyncio
from dataclasses import dataclass

from service.cli import findings, keys
from service.cli.findings import Clock, Finding
from service.domain.errors import MatchstreamError, StartupError
from service.settings import Settings, database_place
from service.store import binaries, inspection, schema
from service.store.data_directory import Layout, running_dsn
from service.store.inspection import Seen

SUBJECT = "PostgreSQL"


@dataclass(frozen=True, slots=True)
class Looked:
    """What there is to say, and what was seen of the database; None where it does not answer."""

    findings: tuple[Finding, ...]
    seen: Seen | None = None


def look(settings: Settings, key: str | None, clock: Clock) -> Looked:
    """Look at the database, and for the API key in it."""
    url = settings.database_url or running_dsn(Layout.of(settings.data_dir))
    if url is None:
        return Looked((_programs(settings),))
    where = "embedded"
    if settings.database_url is not None:
        where = f"at {database_place(url, with_name=True)}"
    try:
        with keys.naming_the_database(settings):
            seen = asyncio.run(inspection.look(url, key, clock))
    except MatchstreamError as error:
        return Looked((Finding(SUBJECT, f"the one {where} cannot be looked at", str(error)),))
    found = (_server(seen, where), _schema(seen), findings.of_clock(seen.ahead, "database"))
    return Looked(found, seen)


def _programs(settings: Settings) -> Finding:
    places = [settings.postgres_bin] if settings.postgres_bin else binaries.places()
    version = Layout.of(settings.data_dir).cluster / "PG_VERSION"
    try:
        found = binaries.find(places, int(version.read_text()) if version.exists() else None)
    except StartupError as error:
        return Finding(SUBJECT, "no programs that fit", str(error))
    except (OSError, ValueError) as error:
        advice = f"Mend {version}, or restore a backup ({error})."
        return Finding(SUBJECT, "its data cannot be read", advice)
    return Finding(SUBJECT, f"version {found.major}, embedded, does not run now")


def _server(seen: Seen, where: str) -> Finding:
    told = f"version {seen.major}, {where}"
    if seen.major < binaries.OLDEST_MAJOR:
        return Finding(SUBJECT, told, f"Use PostgreSQL {binaries.OLDEST_MAJOR} or newer.")
    return Finding(SUBJECT, told)


def _schema(seen: Seen) -> Finding:
    newest = schema.migrations()[-1].number
    if seen.migration == 0:
        return Finding("schema", "none yet: the first start makes it")
    told = f"at migration {seen.migration}"
    if seen.migration < newest:
        return Finding(
            "schema",
            f"{told}, this release needs {newest}",
            "Run 'matchstream migrate', or start the service, which does so too.",
        )
    if seen.migration > newest:
        return Finding(
            "schema",
            f"{told}, made by a newer release: this one knows {newest}",
            "Start that release, or restore a backup.",
        )
    return Finding("schema", told)
