"""Which migrations has a database had, and how does it get the rest?"""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from service.domain.errors import StartupError
from service.store.database import Connection, connect, translated_errors

MIGRATIONS_DIRECTORY = Path(__file__).parent / "migrations"

# "matchstr" as eight bytes: any fixed number does, as long as no other program takes it.
_ADVISORY_LOCK = 0x6D61746368737472

# How often the migrations are begun, where each time a deadlock undoes them.
MAX_TRIES = 5


@dataclass(frozen=True, slots=True)
class Migration:
    """A numbered file of SQL: added, never edited."""

    number: int
    name: str
    sql: str


def migrations() -> tuple[Migration, ...]:
    """Read the migrations that come with this release, in order of their numbers."""
    found = []
    for path in sorted(MIGRATIONS_DIRECTORY.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_(\w+)", path.stem)
        if match is None:
            raise StartupError(f"The migration file {path.name} is not named NNNN_name.sql.")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    return tuple(found)


_CREATE_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number int PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_LOCK = "SELECT pg_advisory_xact_lock($1)"
_APPLIED = "SELECT coalesce(max(number), 0) FROM schema_migrations"
_ALL_APPLIED = "SELECT number FROM schema_migrations"
_RECORD_APPLIED = "INSERT INTO schema_migrations (number, name) VALUES ($1, $2)"


async def migrate(url: str) -> int:
    """Bring the database to this release's schema in one transaction; return its number.

    Safe to call from several processes at once: an advisory lock lets one at a time in.
    Raises StartupError when a newer release has already changed the database.
    """
    connection = await connect(url)
    try:
        with translated_errors():
            for _ in range(MAX_TRIES):
                # Those that serve meanwhile take tables in whatever order they need them.
                with suppress(asyncpg.DeadlockDetectedError):
                    return await _apply(connection)
    finally:
        await connection.close()
    raise StartupError(
        "Other processes use the tables of the database in a way that its migration cannot go "
        f"through, also at the {MAX_TRIES}th try: stop them, then start again."
    )


async def _apply(connection: Connection) -> int:
    async with connection.transaction():
        await connection.execute(_LOCK, _ADVISORY_LOCK)
        await connection.execute(_CREATE_LEDGER)
        applied = {record["number"] for record in await connection.fetch(_ALL_APPLIED)}
        known = migrations()
        newest = known[-1].number
        if max(applied, default=0) > newest:
            raise StartupError(
                f"The database was changed by a newer release (schema {max(applied)}, this "
                f"release knows {newest}): start that release, or restore a backup."
            )
        # Not all above the highest: parts of a release are numbered before they are ready.
        for migration in known:
            if migration.number not in applied:
                await connection.execute(migration.sql)
                await connection.execute(_RECORD_APPLIED, migration.number, migration.name)
    return newest


_LEDGER_EXISTS = "SELECT to_regclass('schema_migrations') IS NOT NULL"


async def current_number(connection: Connection) -> int:
    """Return the number of the last migration that the database has had; 0 for an empty one."""
    if not await connection.fetchval(_LEDGER_EXISTS):
        return 0
    number: int = await connection.fetchval(_APPLIED)
    return number
