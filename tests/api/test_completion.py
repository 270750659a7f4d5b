"""Does a shell get ids to put in from a service that answers, and nothing from any other?"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from typer.main import get_command

from service.cli import completion
from service.cli.completion import Completions
from service.command_line import app
from tests.api.live import Live, running

Complete: TypeAlias = Callable[..., Completions]
UNKNOWN = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
async def live(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Live]:
    """A service, and settings with which commands use it."""
    async with running(database_url, tmp_path) as live:
        key = live.client.headers["Authorization"].removeprefix("Bearer ")
        monkeypatch.setenv("MATCHSTREAM_URL", str(live.client.base_url))
        monkeypatch.setenv("MATCHSTREAM_API_KEY", key)
        monkeypatch.setenv("MATCHSTREAM_DATA_DIR", str(tmp_path / "none"))
        yield live


async def completed(complete: Complete, begun: str, **params: str) -> Completions:
    """What is offered for the last word, after the others of a command."""
    context = get_command(app).make_context("matchstream", ["runs"], resilient_parsing=True)
    context.params = dict(params)
    return await asyncio.to_thread(complete, context, begun)


async def test_ids_of_all_that_commands_take_are_offered_with_what_they_are(live: Live) -> None:
    run = await live.completed()
    other = await live.start(ai=False)
    results = (await live.get(run["links"]["results"], limit=500))["data"]
    hook = (await live.client.post("/v1/webhooks", json={"url": "https://example.com/"})).json()
    key = (await live.get("/v1/api-keys"))["data"][0]
    offered = dict(await completed(completion.run_ids, ""))
    assert offered.keys() == {run["id"], other["id"]}
    assert offered[run["id"]].startswith("completed 20")
    assert dict(await completed(completion.run_ids, run["id"][:-1])).keys() == {run["id"]}
    assert await completed(completion.run_ids, "x") == []
    pending = dict(await completed(completion.result_ids, "", run=run["id"]))
    assert pending.keys() == {each["id"] for each in results}
    assert pending[results[0]["id"]] == f"{results[0]['document_id']} {results[0]['confidence']}"
    assert await completed(completion.webhook_ids, "") == [(hook["id"], hook["url"])]
    assert (key["id"], key["name"]) in await completed(completion.key_ids, "")


async def test_of_a_service_that_is_away_silent_or_refuses_nothing_is_offered(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live.start()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent_url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for url in ("http://127.0.0.1:1", "nowhere", silent_url):
            assert await completed(completion.run_ids, "", url=url) == []
    assert await completed(completion.result_ids, "", run=UNKNOWN) == []
    monkeypatch.setenv("MATCHSTREAM_API_KEY", "ms_none")
    assert await completed(completion.run_ids, "") == []
    monkeypatch.setenv("MATCHSTREAM_PORT", "none")
    assert await completed(completion.run_ids, "") == []
