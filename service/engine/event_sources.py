"""Whose events can be followed, by which numbers, and which notice tells of new ones?"""

from dataclasses import dataclass
from typing import TypeAlias

from service.domain.events import Event, EventType
from service.domain.identifiers import RunId, WorkspaceId
from service.engine.signals import run_topic, workspace_topic
from service.store import events
from service.store.database import Database


@dataclass(frozen=True, slots=True)
class RunEvents:
    """The events of one run, by the run's numbers."""

    run_id: RunId

    @property
    def topic(self) -> str:
        """The topic of the notices."""
        return run_topic(self.run_id)


@dataclass(frozen=True, slots=True)
class WorkspaceEvents:
    """All events of a workspace, by the workspace's numbers."""

    workspace_id: WorkspaceId

    @property
    def topic(self) -> str:
        """The topic of the notices."""
        return workspace_topic(self.workspace_id)


Source: TypeAlias = RunEvents | WorkspaceEvents


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """An event as it goes over the wire: its number in the source, and the bytes of the block."""

    number: int
    type: EventType
    block: bytes


def encode(number: int, event: Event) -> StreamedEvent:
    """Write an event as an SSE block; its data is one line, since JSON escapes line ends."""
    block = f"id: {number}\nevent: {event.type.value}\ndata: {event.data}\n\n"
    return StreamedEvent(number, event.type, block.encode())


async def read_page(database: Database, source: Source, after: int) -> list[StreamedEvent]:
    """Read one page of events with numbers above `after` from the table, encoded."""
    async with database.connection() as connection:
        if isinstance(source, RunEvents):
            page = await events.of_run(connection, source.run_id, after)
            return [encode(event.run_seq or 0, event) for event in page]
        page = await events.of_workspace(connection, source.workspace_id, after)
        return [encode(event.workspace_seq, event) for event in page]


def is_whole(page: list[StreamedEvent], after: int, head: int) -> bool:
    """Whether the page lacks nothing between `after` and its end, or else `head`.

    Numbers rise by one, and the page was read when there was a number `head` already.
    """
    if not page or page[-1].number != after + len(page):
        return False
    return page[-1].number >= head or len(page) == events.PAGE_LIMIT
