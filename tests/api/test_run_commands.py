"""Do lists and reviews from a terminal say what one needs to go on?"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from service.cli import runs, webhooks
from service.cli.runs import Verdict
from service.domain.errors import NotFoundError
from tests.api.live import running

NOBODY = "01890000-0000-7000-8000-000000000000"


async def test_runs_have_names_and_reviews_take_documents_and_deliveries_say_how_it_went(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def said(command: Callable[[], None]) -> list[list[str]]:
        await asyncio.to_thread(command)
        lines = capsys.readouterr().out.splitlines()
        # The service, which is in this process, logs to the same place.
        return [line.split("\t") for line in lines if " action=" not in line]

    def review(named: str) -> Callable[[], None]:
        return lambda: runs.review(run["id"], named, Verdict.APPROVED)

    async with running(database_url, tmp_path) as live:
        key = live.client.headers["Authorization"].removeprefix("Bearer ")
        monkeypatch.setenv("MATCHSTREAM_URL", str(live.client.base_url))
        monkeypatch.setenv("MATCHSTREAM_API_KEY", key)
        run = await live.completed()
        config = await live.get(run["links"]["config"])
        result = (await live.get(run["links"]["results"], limit=1))["data"][0]

        assert await said(review(result["document_id"])) == [[f"{result['document_id']}: approved"]]
        for unknown in ("nothing", NOBODY):
            with pytest.raises(NotFoundError, match=f"no result `{unknown}`, and no document"):
                await said(review(unknown))

        header, listed = await said(lambda: runs.runs())
        assert dict(zip(header, listed, strict=True))["name"] == config["name"]
        await live.client.delete(config["links"]["self"])
        header, listed = await said(lambda: runs.runs())
        assert dict(zip(header, listed, strict=True))["name"] == ""

        body = {"url": "https://example.com/"}
        hook = (await live.client.post("/v1/webhooks", json=body)).json()
        await live.client.post(f"/v1/webhooks/{hook['id']}/ping")
        header, listed = await said(lambda: webhooks.deliveries(hook["id"]))
        waiting = dict(zip(header, listed, strict=True))
        assert (waiting["attempt_count"], waiting["last_answer"]) == ("0", "-")
        assert "next_attempt_at" in waiting
