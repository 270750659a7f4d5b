"""Are a run's events also there as a plain list, page by page?"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import story
from tests.api.live import IDLE, Live, running
from tests.story import Story

JSON = {"Accept": "application/json"}
KINDS = [
    ("application/json", "application/json"),
    ("application/json, */*;q=0.1", "application/json"),
    ("text/event-stream", "text/event-stream"),
    ("text/event-stream, application/json", "text/event-stream"),
    ("*/*", "text/event-stream"),
]
BAD_QUERIES = [
    ("after=-1", "after"),
    ("after=x", "after"),
    ("after=" + "9" * 19, "after"),
    ("cursor=x", "cursor"),
    ("after=1&cursor=1", "cursor"),
    ("limit=0", "limit"),
    ("limit=501", "limit"),
    ("last_event_id=1", "last_event_id"),
]


@pytest.fixture
async def idle(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A service whose engine leaves the runs to the test."""
    async with running(database_url, tmp_path, options=IDLE) as live:
        yield live


async def page(live: Live, path: str, **params: Any) -> httpx2.Response:
    reply = await live.client.get(path, params=params or None, headers=JSON)
    assert reply.status_code == 200, reply.text
    return reply


async def ten_events(live: Live) -> Story:
    begun = await story.begin(live.world, told=7)
    await begun.end()
    assert begun.last == 10
    return begun


@pytest.mark.parametrize("name", ["after", "cursor"])
async def test_pages_of_events_add_up_to_the_whole(idle: Live, name: str) -> None:
    begun = await ten_events(idle)
    whole = (await page(idle, begun.path)).json()["data"]
    assert [event["run_seq"] for event in whole] == list(range(1, 11))
    for limit in (1, 3, 5, 9, 10, 500):
        found, place = [], "0"
        while place:
            shown = (await page(idle, begun.path, limit=limit, **{name: place})).json()
            found += shown["data"]
            place = shown["pagination"]["next_cursor"]
            assert shown["pagination"]["has_more"] == (place is not None)
            assert shown["pagination"]["total"] == 10
        assert found == whole


async def test_the_link_header_leads_through_the_events(idle: Live) -> None:
    begun = await ten_events(idle)
    reply = await page(idle, begun.path, limit=4)
    seen = [event["run_seq"] for event in reply.json()["data"]]
    while "next" in reply.links:
        reply = await page(idle, reply.links["next"]["url"])
        seen += [event["run_seq"] for event in reply.json()["data"]]
    assert seen == list(range(1, 11))


async def test_after_gives_the_later_events_only(idle: Live) -> None:
    begun = await ten_events(idle)
    for after in (0, 1, 9, 10, 11, 10**17):
        shown = (await page(idle, begun.path, after=after)).json()
        assert [event["run_seq"] for event in shown["data"]] == list(range(after + 1, 11))


async def test_an_event_says_who_and_when_and_what(idle: Live) -> None:
    begun = await ten_events(idle)
    told = (await page(idle, begun.path)).json()["data"]
    common = {"type", "id", "created_at", "workspace_seq", "run_id", "run_seq"}
    about = {"run.progress": "progress"}
    for event in told:
        assert set(event) == {*common, about.get(event["type"], "run")}
        assert event["run_id"] == str(begun.run.id)
        assert event["created_at"].endswith("Z")
    assert [event["workspace_seq"] for event in told] == list(
        range(told[0]["workspace_seq"], told[0]["workspace_seq"] + 10)
    )
    assert len({event["id"] for event in told}) == 10
    assert "results" not in told[-1]["run"]


async def test_the_accept_header_chooses_list_or_stream(idle: Live) -> None:
    begun = await ten_events(idle)
    for accept, kind in KINDS:
        reply = await idle.client.get(begun.path, headers={"Accept": accept})
        assert reply.status_code == 200
        assert reply.headers["content-type"].partition(";")[0] == kind, accept


async def test_a_wrong_query_is_refused_by_name(idle: Live) -> None:
    begun = await story.begin(idle.world)
    for query, parameter in BAD_QUERIES:
        reply = await idle.client.get(f"{begun.path}?{query}", headers=JSON)
        assert (reply.status_code, reply.json()["code"]) == (400, "validation_error"), query
        assert [problem["pointer"] for problem in reply.json()["errors"]] == [parameter], query
