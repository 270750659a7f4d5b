"""What does a running service consist of, in which order does it come up and go down?

PostgreSQL (ours or DATABASE_URL) -> pool -> schema -> keys -> signals -> engine -> ready
                                                               and back, in reverse order
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from starlette.applications import Starlette
from starlette.middleware import Middleware

from service.api import routes
from service.api.context import Services, WebhookDesk
from service.api.contract.description import Description
from service.api.health import health_routes
from service.api.hosts import AllowedHosts, WhenReady
from service.api.limits import Limits
from service.api.quotas import Quota, Quotas
from service.api.request_leases import RequestLeases
from service.api.sign_in import SignIn
from service.domain.addresses import read_networks
from service.engine import engine, hub, signals
from service.engine.engine import EngineOptions
from service.engine.uploads import Uploads
from service.engine.webhook_posts import Access
from service.settings import DAY_SECONDS, Settings
from service.store import delivery_lanes, embedded, first_key, leases, schema, secret_key
from service.store.database import Database
from service.ui import pages
from service.ui.docs.route import DocsPage


def create_app(settings: Settings, *, with_engine: bool = True) -> Starlette:
    """Build the application; its lifespan owns everything that runs.

    Without an engine it queues runs, for other processes on the same database to carry out.

    `app.state.services` is there when it is ready, `app.state.first_key` is the plain first key
    where the data directory has it, `app.state.stopping` is set when streams have to say goodbye.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            services = await _open(stack, settings, app)
            await stack.enter_async_context(app.state.metrics.watching_loop())
            if with_engine:
                await _start_engine(stack, settings, services, app.state.stopping)
            app.state.services = services
            try:
                yield
            finally:
                del app.state.services

    description = Description(routes.ENDPOINTS)
    described = [*description.routes(), *DocsPage(description.document).routes()]
    app = routes.application(
        lifespan,
        pages=[
            *health_routes(),
            *described,
            *_sign_in(settings).routes(),
            *pages.routes(),
        ],
        cors_origins=settings.cors_origins,
    )
    app.state.stopping = asyncio.Event()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    hosts = {*settings.allowed_hosts, host.lower()}
    # Innermost, so that what they refuse has a request id and the form of every problem.
    app.user_middleware += [Middleware(AllowedHosts, frozenset(hosts)), Middleware(WhenReady)]
    return app


async def _open(stack: AsyncExitStack, settings: Settings, app: Starlette) -> Services:
    """Bring up what handlers use, down to the database."""
    url = settings.database_url
    if url is None:
        start = embedded.start(settings.data_dir, bin_dir=settings.postgres_bin)
        url = await stack.enter_async_context(start)
    await schema.migrate(url)
    database = await stack.enter_async_context(
        Database.open(url, pool_size=settings.database_pool_size)
    )
    app.state.first_key = await first_key.ensure(database, settings.data_dir)
    notices = await stack.enter_async_context(signals.running(database))
    request_leases = RequestLeases()
    await stack.enter_async_context(request_leases.renewing(database))
    return Services(
        database=database,
        signals=notices,
        hub=await stack.enter_async_context(hub.running(database, notices, app.state.stopping)),
        uploads=Uploads(settings.data_dir / "uploads", database),
        limits=Limits(upload_bytes=settings.max_upload_bytes),
        quotas=_quotas(settings),
        has_ai=settings.ai_account is not None,
        webhooks=WebhookDesk(
            Access(settings.webhook_allow_http, read_networks(settings.webhook_networks)),
            await secret_key.open_box(database, settings.data_dir, settings.plain_secret_key),
        ),
        request_leases=request_leases,
    )


def _sign_in(settings: Settings) -> SignIn:
    return SignIn(
        form=pages.text(pages.LOGIN_PAGE),
        signed_in=pages.text(pages.SIGNED_IN_PAGE),
        lasts=timedelta(hours=settings.session_hours),
    )


def _quotas(settings: Settings) -> Quotas:
    return Quotas(
        {
            Quota.READS: settings.reads_per_minute,
            Quota.WRITES: settings.writes_per_minute,
            Quota.UPLOADS: settings.uploads_per_minute,
        }
    )


async def _start_engine(
    stack: AsyncExitStack, settings: Settings, services: Services, stopping: asyncio.Event
) -> None:
    """Let this process carry out runs, before anyone can ask for one."""
    if settings.database_url is None:
        # The embedded server died with its last owner, and so did whoever held a lease.
        async with services.database.connection() as connection:
            await leases.end_all(connection)
            await delivery_lanes.end_all(connection)
    options = EngineOptions(
        data_dir=settings.data_dir,
        processes=settings.workers,
        lease_seconds=settings.lease_seconds,
        progress_kept_seconds=settings.progress_days * DAY_SECONDS,
        ai_plan=settings.ai_plan,
        ai_account=settings.ai_account,
        chunk_limit_seconds=settings.chunk_limit_seconds,
        access=services.webhooks.access,
        box=services.webhooks.box,
    )
    running = engine.running(services.database, services.signals, options, stopping)
    await stack.enter_async_context(running)
