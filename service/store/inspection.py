"""What is there to see of a database without changing it: its version, schema, clock, and a key?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from service.domain.api_keys import ApiKey, hash_key
from service.domain.errors import StartupError
from service.store import api_keys, schema
from service.store.database import Connection, connect, translated_errors


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen; `ahead` is by how much its clock is ahead of ours."""

    major: int
    migration: int
    ahead: timedelta
    key: ApiKey | None


_NOW = "SELECT clock_timestamp()"
_KEY = "SELECT * FROM api_keys WHERE key_hash = $1"


async def look(url: str, key: str | None, clock: Callable[[], datetime]) -> Seen:
    """Look at a database; `key` is a plain API key, found also when it opens nothing any more.

    Raises UnavailableError when the server cannot be reached, StartupError when it refuses.
    """
    connection = await connect(url)
    try:
        with translated_errors():
            migration = await schema.current_number(connection)
            return Seen(
                major=connection.get_server_version().major,
                migration=migration,
                ahead=await _ahead(connection, clock),
                key=await _find(connection, key) if key is not None and migration else None,
            )
    except asyncpg.PostgresError as error:
        raise StartupError(f"The database does not let us look: {error}.") from error
    finally:
        await connection.close()


async def _ahead(connection: Connection, clock: Callable[[], datetime]) -> timedelta:
    """Compare with our clock at half the way there and back."""
    asked = clock()
    theirs: datetime = await connection.fetchval(_NOW)
    return theirs - (asked + (clock() - asked) / 2)


async def _find(connection: Connection, key: str) -> ApiKey | None:
    record = await connection.fetchrow(_KEY, hash_key(key))
    return None if record is None else api_keys.from_record(record)
