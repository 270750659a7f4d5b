"""What does a test of webhooks work with? A database, a delivery engine, and a clock of its own."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from service.domain import webhook_messages
from service.domain.addresses import read_networks
from service.domain.events import EventType
from service.domain.identifiers import WebhookId
from service.domain.representation import Json
from service.domain.runs import Run
from service.domain.webhooks import Delivery, Webhook
from service.engine import signals, webhook_posts, webhooks
from service.engine.name_resolution import Resolve
from service.engine.signals import DELIVERIES, Signals
from service.engine.webhook_posts import Access
from service.engine.webhooks import DeliveryEngine, DeliveryOptions, DeliveryTools
from service.store import deliveries, events, secret_key
from service.store import webhooks as stored
from service.store.database import Database
from service.store.secret_box import SecretBox
from service.store.webhooks import NewWebhook
from tests import story
from tests.receiver import WAIT_SECONDS
from tests.seeding import World, make_world

HERE = Access(allow_http=True, allowed_networks=read_networks(["127.0.0.1/32"]))


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        """Start now, so that signatures are fresh for who verifies them."""
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def advance(self, step: timedelta) -> None:
        """Let time pass."""
        self.now += step


class Names:
    """A resolver of the test's own: each name has a list of answers, the last one for good."""

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]] | None = None) -> None:
        """Know these names; any other one is an address and answers with itself."""
        self._answers = {name: list(given) for name, given in (answers or {}).items()}
        self.asked: list[str] = []
        self._grown = asyncio.Event()

    async def wait_for(self, count: int) -> None:
        """Return when so many questions were asked in all."""
        async with asyncio.timeout(WAIT_SECONDS):
            while len(self.asked) < count:
                self._grown.clear()
                await self._grown.wait()

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Answer a question."""
        self.asked.append(host)
        self._grown.set()
        answers = self._answers.get(host, [[host]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@dataclass(slots=True)
class Desk:
    """A workspace whose webhooks hear of its events, once an engine is `sending`."""

    world: World
    signals: Signals
    box: SecretBox
    clock: Clock
    running: DeliveryEngine | None = None
    secrets: dict[WebhookId, str] = field(default_factory=dict)

    @property
    def engine(self) -> DeliveryEngine:
        """The engine that sends."""
        assert self.running is not None
        return self.running

    @property
    def database(self) -> Database:
        """The database."""
        return self.world.database

    async def add(self, url: str, types: tuple[EventType, ...] | None = None) -> Webhook:
        """Add a webhook."""
        secret = webhook_messages.new_secret()
        new = NewWebhook(
            workspace_id=self.world.workspace_id,
            url=url,
            types=types,
            description=None,
            enabled=True,
        )
        async with self.database.transaction() as connection:
            await secret_key.bind(connection, self.box)
            webhook = await stored.insert(connection, new, secret, self.box)
        self.secrets[webhook.id] = secret
        return webhook

    async def tell(self, count: int = 1, body: dict[str, Json] | None = None) -> None:
        """Add events that belong to no run."""
        for _ in range(count):
            async with self.database.transaction() as connection:
                await events.append(
                    connection,
                    EventType.REFERENCE_DATA_READY,
                    self.world.workspace_id,
                    body or {"reference_data": {"name": "Vendors"}},
                )
        self.wake()

    async def tell_run(self, progress: int = 0) -> Run:
        """Let a run be queued, started and completed, with so many `run.progress` between."""
        told = await story.begin(self.world, told=progress)
        await told.end()
        self.wake()
        return told.run

    def wake(self) -> None:
        """Let the engine look at what is due."""
        self.signals.notify(DELIVERIES)

    async def pass_time(self, step: timedelta) -> None:
        """Let time pass for the engine, once nothing is under way."""
        await self.engine.quiet()
        self.clock.advance(step)
        self.wake()

    async def webhook(self, webhook: Webhook) -> Webhook:
        """Return the webhook as it is now."""
        async with self.database.connection() as connection:
            found = await stored.fetch(connection, self.world.workspace_id, webhook.id)
        assert found is not None
        return found

    async def deliveries(self, webhook: Webhook) -> Sequence[Delivery]:
        """Return the webhook's deliveries, oldest first, once nothing is under way."""
        await self.engine.quiet()
        async with self.database.connection() as connection:
            listed = await deliveries.list_page(connection, webhook.id, None, None, 1_000)
        return listed[::-1]

    async def until(
        self, webhook: Webhook, is_so: Callable[[Sequence[Delivery]], bool]
    ) -> Sequence[Delivery]:
        """Return the webhook's deliveries once they are as wanted."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                self.engine._written.clear()
                listed = await self.deliveries(webhook)
                if is_so(listed):
                    return listed
                await self.engine._written.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a desk differs from the usual; `options` are those of the engine."""

    access: Access = HERE
    resolve: Resolve = field(default_factory=Names)
    limit_seconds: float = webhook_posts.LIMIT_SECONDS
    tls: ssl.SSLContext | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def opened(database: Database, setting: Setting | None = None) -> AsyncIterator[Desk]:
    """Run an engine over a world of its own for as long as the block lasts."""
    clock, box = Clock(), SecretBox.with_new_key()
    world = await make_world(database, documents=1)
    async with (
        signals.running(database) as live,
        sending(database, live, box, clock, setting or Setting()) as engine,
    ):
        yield Desk(world, live, box, clock, engine)


@asynccontextmanager
async def sending(
    database: Database, live: Signals, box: SecretBox, clock: Clock, setting: Setting
) -> AsyncIterator[DeliveryEngine]:
    """Run one more engine, without chance in its waits."""
    chosen: dict[str, Any] = {"clock": clock, "chance": lambda: 0.0, **setting.options}
    options = DeliveryOptions(**chosen)
    connections = options.slots + options.suspect_slots
    async with webhook_posts.opened(
        setting.access, setting.resolve, connections, setting.tls, setting.limit_seconds
    ) as poster:
        tools = DeliveryTools(
            database=database, signals=live, poster=poster, access=setting.access, box=box
        )
        async with webhooks.running(tools, asyncio.Event(), options) as engine:
            yield engine
