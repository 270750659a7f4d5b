"""How does a test write a run's events itself, as many as it likes? Through the store, by hand."""

from service.domain.identifiers import WorkerId, new_id
from service.domain.runs import Lease, Phase, Run
from service.engine.signals import Signals, run_topic, workspace_topic
from service.store import configs, leases, reference, run_documents, run_lifecycle
from service.store.run_lifecycle import FrozenInputs
from tests.seeding import World

LEASE_SECONDS = 300.0


class Story:
    """A run that nobody works on but the test; its numbers begin with 1 `queued`, 2 `started`."""

    def __init__(self, world: World, run: Run, lease: Lease) -> None:
        """Use `begin`."""
        self.world = world
        self.run = run
        self.lease = lease

    async def tell(self, count: int = 1) -> None:
        """Write so many `run.progress` in one transaction, and wake nobody."""
        async with self.world.database.transaction() as connection:
            for _ in range(count):
                self.run = await run_lifecycle.enter_phase(connection, self.lease, Phase.MATCHING)

    async def end(self) -> None:
        """Write `run.completed`, and wake nobody."""
        async with self.world.database.transaction() as connection:
            self.run = await run_lifecycle.complete(connection, self.lease)

    def wake(self, signals: Signals) -> None:
        """Wake whoever follows the run or its workspace."""
        signals.notify(run_topic(self.run.id), workspace_topic(self.run.workspace_id))

    @property
    def last(self) -> int:
        """The number of the last event."""
        return self.run.last_event_id

    @property
    def path(self) -> str:
        """Where the run's events are."""
        return f"/v1/matching/runs/{self.run.id}/events"


async def begin(world: World, told: int = 0, **changes: object) -> Story:
    """Start a run by hand, as `World.queue` is told, with so many `run.progress` told already."""
    run = await world.queue(**changes)
    async with world.database.transaction() as connection:
        claim = await leases.claim(connection, WorkerId(new_id()), LEASE_SECONDS, [])
        assert claim is not None
        assert claim.run.id == run.id
        config = await configs.fetch(connection, world.workspace_id, world.config_id)
        data = await reference.fetch(connection, world.workspace_id, world.reference_id)
        assert config is not None
        assert data is not None
        inputs = FrozenInputs(config.rules, config.version, data.current)
        documents = await run_documents.freeze(connection, run, None)
        started = await run_lifecycle.start(connection, claim.lease, inputs, documents, ())
    story = Story(world, started, claim.lease)
    await story.tell(told)
    return story
