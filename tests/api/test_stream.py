"""Does a stream tell a run's events once each, in order, to its end, whenever one connects?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.live import Live, running
from tests.sse import opened, read_events


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path) as live:
        yield live


async def test_a_fresh_stream_begins_with_a_snapshot_and_ends_with_the_run(live: Live) -> None:
    live.executor.hold()
    run = await live.start()
    async with opened(live.client, run["links"]["events"]) as stream:
        first = await stream.next_event()
        live.executor.release()
        rest = await stream.rest()
    assert first.event == "run.snapshot"
    assert first.number == first.json["run"]["last_event_id"]
    assert first.json["progress"]["last_event_id"] == first.number
    later = [block.number for block in rest if block.is_event]
    assert later == list(range(first.number + 1, first.number + 1 + len(later)))
    assert rest[-1].event == "run.completed"


async def test_a_reader_after_the_end_gets_the_snapshot_and_the_end(live: Live) -> None:
    run = await live.completed()
    (only,) = await read_events(live.client, run["links"]["events"])
    assert only.event == "run.snapshot"
    assert only.json["run"]["status"] == "completed"
    assert only.json["progress"]["rows_processed"] == 20
