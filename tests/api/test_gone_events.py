"""Do list, stream and poll still say the same of a run whose old progress events are gone?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.engine import cleaning
from tests import story
from tests.api.live import IDLE, Live, running
from tests.sse import opened, read_events
from tests.story import Story


@pytest.fixture
async def idle(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A service whose engine leaves the runs to the test."""
    async with running(database_url, tmp_path, options=IDLE) as live:
        yield live


async def cleaned(live: Live) -> Story:
    """Tell a run of 8 events that ended long ago; its progress, 3 to 7, is gone."""
    begun = await story.begin(live.world, told=5)
    await begun.end()
    async with live.world.database.connection() as connection:
        await connection.execute("UPDATE runs SET completed_at = now() - interval '8 days'")
    await cleaning.clean(live.world.database)
    return begun


async def test_a_resume_before_the_hole_gets_a_snapshot_and_the_end(idle: Live) -> None:
    begun = await cleaned(idle)
    for seen in range(7):
        (only,) = await read_events(idle.client, begun.path, {"Last-Event-ID": str(seen)})
        assert (only.event, only.number) == ("run.snapshot", 8), seen
        assert only.json["run"]["status"] == "completed"


async def test_a_resume_behind_the_hole_gets_what_is_left(idle: Live) -> None:
    begun = await cleaned(idle)
    (only,) = await read_events(idle.client, begun.path, {"Last-Event-ID": "7"})
    assert (only.event, only.number) == ("run.completed", 8)
    reply = await idle.client.get(begun.path, headers={"Last-Event-ID": "8"})
    assert reply.status_code == 204


async def test_list_stream_and_poll_agree(idle: Live) -> None:
    begun = await cleaned(idle)
    run = await idle.get(begun.path.removesuffix("/events"))
    progress = await idle.get(f"{begun.path.removesuffix('/events')}/progress")
    listed = await idle.events(run)
    assert [event["run_seq"] for event in listed] == [1, 2, 8]
    (snapshot,) = await read_events(idle.client, begun.path)
    assert snapshot.json["progress"] == progress
    assert run["last_event_id"] == progress["last_event_id"] == snapshot.number == 8


async def test_a_workspace_resumed_before_the_hole_gets_a_snapshot(idle: Live) -> None:
    await cleaned(idle)
    last = (await idle.client.get("/v1/events", headers={"Accept": "application/json"})).json()
    numbers = [event["workspace_seq"] for event in last["data"]]
    headers = {"Last-Event-ID": str(numbers[-1] - 3)}
    async with opened(idle.client, "/v1/events", headers) as stream:
        snapshot = await stream.next_event()
        begun = await story.begin(idle.world)
        begun.wake(idle.engine.signals)
        later = await stream.next_event()
    assert (snapshot.event, snapshot.number) == ("workspace.snapshot", numbers[-1])
    assert (later.event, later.number) == ("run.queued", numbers[-1] + 1)
