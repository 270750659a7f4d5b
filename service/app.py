"""What does a running service consist of, in which order does it come up and go down?

PostgreSQL (ours or DATABASE_URL) -> pool -> schema -> first key -> signals -> engine -> ready
                                                               and back, in reverse order
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware

from service.api import routes
from service.api.context import Services
from service.api.health import health_routes
from service.api.hosts import AllowedHosts, WhenReady
from service.api.limits import Limits
from service.engine import signals
from service.settings import Settings
from service.store import embedded, first_key, schema
from service.store.database import Database
from service.ui import pages


def create_app(settings: Settings) -> Starlette:
    """Build the application; its lifespan owns everything that runs.

    `app.state.services` is there when it is ready, `app.state.first_key` is the plain first key
    where the data directory has it, `app.state.stopping` is set when streams have to say goodbye.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            url = settings.database_url
            if url is None:
                start = embedded.start(settings.data_dir, bin_dir=settings.postgres_bin)
                url = await stack.enter_async_context(start)
            await schema.migrate(url)
            database = await stack.enter_async_context(
                Database.open(url, pool_size=settings.database_pool_size)
            )
            app.state.first_key = await first_key.ensure(database, settings.data_dir)
            services = Services(
                database=database,
                signals=await stack.enter_async_context(signals.running(database)),
                limits=Limits(upload_bytes=settings.max_upload_bytes),
            )
            # The engine comes up here, after what it uses and before anyone can ask for a run.
            app.state.services = services
            try:
                yield
            finally:
                del app.state.services

    app = routes.application(lifespan, pages=[*health_routes(), *pages.routes()])
    app.state.stopping = asyncio.Event()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    hosts = {*settings.allowed_hosts, host.lower()}
    # Innermost, so that what they refuse has a request id and the form of every problem.
    app.user_middleware += [Middleware(AllowedHosts, frozenset(hosts)), Middleware(WhenReady)]
    return app
