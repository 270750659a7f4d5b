"""What does a stream tell of: one run to its end, or a workspace for as long as it is read?

Each knows its snapshot, the number that the snapshot stands for, and when all has been told.
"""

from collections.abc import Sequence
from typing import Protocol

from service.api.snapshots import snapshot
from service.domain import representation
from service.domain.events import EVENT_OF_STATUS, RUN_SNAPSHOT, WORKSPACE_SNAPSHOT
from service.domain.identifiers import WorkspaceId
from service.domain.representation import Json
from service.domain.runs import TERMINAL_STATUSES, Run
from service.engine.event_sources import RunEvents, Source, StreamedEvent, WorkspaceEvents
from service.store import events, runs, workspaces
from service.store.database import Database

# A snapshot has a bound; the list of runs has all of them.
MAX_ALIVE = 200
_ENDINGS = frozenset(EVENT_OF_STATUS[status] for status in TERMINAL_STATUSES)


class Watched(Protocol):
    """Whose events a stream tells, as they were when last looked at."""

    @property
    def source(self) -> Source:
        """Where the events come from."""

    @property
    def last(self) -> int:
        """The number of the last event."""

    def snapshot(self) -> bytes:
        """Write where things stand after the last event, as a block."""

    def is_told(self, position: int) -> bool:
        """Whether there is nothing to come after the number, as far as is known."""

    def may_end_with(self, batch: Sequence[StreamedEvent]) -> bool:
        """Whether to look again after these events."""

    async def look_again(self) -> None:
        """Read where things stand now."""


class WatchedRun:
    """One run; nothing is to come once it has ended and its last event was told."""

    def __init__(self, database: Database, run: Run) -> None:
        """Watch `run`, which was read from the database just now."""
        self._database = database
        self._run = run
        self._is_deleted = False
        self.source: Source = RunEvents(run.id)

    @property
    def last(self) -> int:
        """The number of the last event."""
        return self._run.last_event_id

    def snapshot(self) -> bytes:
        """Write the run and its progress."""
        data: dict[str, Json] = {
            "type": RUN_SNAPSHOT,
            "run_id": str(self._run.id),
            "run_seq": self.last,
            "run": representation.run(self._run),
            "progress": representation.progress(self._run),
        }
        return _block(self.last, RUN_SNAPSHOT, data)

    def is_told(self, position: int) -> bool:
        """Whether the run has ended with the event of this number, or was deleted."""
        return self._is_deleted or (self._run.status.is_terminal and position >= self.last)

    def may_end_with(self, batch: Sequence[StreamedEvent]) -> bool:
        """Whether the run has reached a terminal status among these events."""
        return any(event.type in _ENDINGS for event in batch)

    async def look_again(self) -> None:
        """Read the run; it may have been deleted meanwhile."""
        async with self._database.connection() as connection:
            found = await runs.fetch(connection, self._run.workspace_id, self._run.id)
        self._run = found or self._run
        self._is_deleted = found is None


class WatchedWorkspace:
    """All that happens in a workspace, without an end."""

    def __init__(self, database: Database, workspace_id: WorkspaceId) -> None:
        """Watch the workspace; `look_again` before anything else."""
        self._database = database
        self._workspace_id = workspace_id
        self._alive: list[Run] = []
        self.source: Source = WorkspaceEvents(workspace_id)
        self.last = 0

    def snapshot(self) -> bytes:
        """Write the runs that have not ended, oldest first, each with its progress."""
        shown: list[Json] = [
            {**representation.run(run), "progress": representation.progress(run)}
            for run in self._alive[:MAX_ALIVE]
        ]
        data: dict[str, Json] = {
            "type": WORKSPACE_SNAPSHOT,
            "workspace_seq": self.last,
            "runs": shown,
            "has_more": len(self._alive) > MAX_ALIVE,
        }
        return _block(self.last, WORKSPACE_SNAPSHOT, data)

    def is_told(self, position: int) -> bool:
        """A workspace goes on."""
        return False

    def may_end_with(self, batch: Sequence[StreamedEvent]) -> bool:
        """A workspace goes on."""
        return False

    async def look_again(self) -> None:
        """Read the runs alive and the number of the last event, as of one moment."""
        async with snapshot(self._database) as connection:
            self.last = await workspaces.last_event_id(connection, self._workspace_id)
            self._alive = await runs.alive(connection, self._workspace_id, MAX_ALIVE + 1)


def _block(number: int, name: str, data: dict[str, Json]) -> bytes:
    return f"id: {number}\nevent: {name}\ndata: {events.encode(data)}\n\n".encode()
