"""Do a run's results get to where they are wanted, and is nothing there harmed?"""

import csv
import json
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from service.cli import result_table
from service.cli.client import Client, RunHandle
from service.domain.errors import MatchstreamError
from tests.api.live import Live, running

DOCUMENTS = 20


@asynccontextmanager
async def ended_run(live: Live) -> AsyncIterator[RunHandle]:
    """A run that has completed."""
    run = await live.completed()
    key = live.client.headers["Authorization"].removeprefix("Bearer ")
    async with Client(str(live.client.base_url), key) as client:
        yield client.run(run["id"])


async def test_results_replace_a_file_and_go_into_a_pipe(database_url: str, tmp_path: Path) -> None:
    place, link, pipe = tmp_path / "kept.csv", tmp_path / "link.csv", tmp_path / "pipe"
    place.write_text("before")
    place.chmod(0o600)
    link.symlink_to(place)
    os.mkfifo(pipe)
    came: list[bytes] = []
    reader = threading.Thread(target=lambda: came.append(pipe.read_bytes()))
    reader.start()
    async with running(database_url, tmp_path / "service") as live, ended_run(live) as handle:
        for out in (link, pipe, tmp_path / "list.json", tmp_path / "lines.ndjson"):
            result_table.check(str(out))
            await result_table.write(handle, str(out))
        pipe.unlink()
        (tmp_path / "gone").mkdir()
        result_table.check(str(tmp_path / "gone" / "x.csv"))
        (tmp_path / "gone").rmdir()
        with pytest.raises(MatchstreamError, match=f"matchstream results {handle.id}"):
            await result_table.write(handle, str(tmp_path / "gone" / "x.csv"))
    reader.join()
    assert link.is_symlink()
    assert place.stat().st_mode & 0o777 == 0o600
    with place.open(newline="", encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == DOCUMENTS
    assert came == [place.read_bytes()]
    listed = json.loads((tmp_path / "list.json").read_text())
    lines = (tmp_path / "lines.ndjson").read_text().splitlines()
    assert listed == [json.loads(line) for line in lines]
    assert list(tmp_path.glob(".*")) == []
