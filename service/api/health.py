"""Is the process alive, and can it do its work?"""

import asyncio
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.api import replies
from service.api.context import services
from service.domain.errors import UnavailableError
from service.store import schema
from service.store.database import Database

CHECK_SECONDS = 2.0
OK = "ok"


def health_routes() -> list[BaseRoute]:
    """Return the routes that need no key."""
    return [Route("/healthz", _healthz), Route("/readyz", _readyz)]


async def _healthz(_: Request) -> Response:
    """Say that the process answers."""
    return replies.reply({"status": OK}, headers={"Cache-Control": "no-store"})


async def _readyz(request: Request) -> Response:
    """Say whether requests would be served, and what is wrong where they would not."""
    checks = {"startup": "The service is coming up or going down."}
    if hasattr(request.app.state, "services"):
        shortage = await asyncio.to_thread(services(request).uploads.disk_shortage)
        checks = {
            "startup": OK,
            "disk": shortage or OK,
            **await _database_checks(services(request).database),
        }
    is_ready = all(said == OK for said in checks.values())
    return replies.reply(
        {"status": "ready" if is_ready else "not_ready", "checks": checks},
        200 if is_ready else 503,
        {"Cache-Control": "no-store"}
        if is_ready
        else {"Cache-Control": "no-store", "Retry-After": "1"},
    )


async def _database_checks(database: Database) -> dict[str, str]:
    """Try the pool, the server and the schema, within a bound."""
    try:
        async with asyncio.timeout(CHECK_SECONDS), database.connection() as connection:
            number = await schema.current_number(connection)
    except UnavailableError as error:
        return {"database": str(error)}
    except TimeoutError:
        silent = f"The database did not answer within {CHECK_SECONDS:.0f} seconds."
        return {"database": database.exhaustion or silent}
    if database.shortage is not None:
        # It answers, but does not do all that is asked of it.
        return {"database": database.shortage}
    newest = _newest_migration()
    if number == newest:
        return {"database": OK, "migrations": OK}
    return {
        "database": OK,
        "migrations": f"The database is at migration {number}, this release needs {newest}.",
    }


@cache
def _newest_migration() -> int:
    """The number of this release's last migration."""
    return schema.migrations()[-1].number
