"""Does `watch` tell each event once, and end as the run does, though its service comes and goes?"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from tests.acceptance.crash_runs import Client, start_run
from tests.service_process import COMMAND, READY, environment, fleet, spawned

SECONDS = 60.0


def test_a_service_that_is_killed_and_comes_back_in_its_place_or_elsewhere(
    tmp_path: Path, empty_database_url: str
) -> None:
    with fleet(tmp_path, empty_database_url, apis=2, workers=0) as parts:
        # The folder that both have leads to the second one.
        first, second = parts.apis
        named = {"MATCHSTREAM_URL": first.url, "MATCHSTREAM_API_KEY": first.key}
        with Client(first) as client:
            run_id = start_run(client, documents=100)["id"]
        with (
            watching(run_id, second.data_dir, {}) as by_folder,
            watching(run_id, tmp_path / "none", named) as by_address,
        ):
            watchers = (by_folder, by_address)
            begun = [json.loads(line_of(each.stdout)) for each in watchers]
            for api in parts.apis:
                api.process.kill()
                api.process.wait()
            # Both know that theirs is gone before anything comes back.
            for watcher, api in zip(watchers, (second, first), strict=True):
                assert f"{api.url} did not answer" in line_of(watcher.stderr)
            place = {
                "DATABASE_URL": empty_database_url,
                "MATCHSTREAM_PORT": str(urlsplit(first.url).port),
            }
            with spawned(tmp_path / "other", "serve --no-engine", place) as in_its_place:
                # On a free port, and so elsewhere.
                parts.start_api()
                assert in_its_place.wait_for(READY) == first.url
                parts.start_worker()
                ends = [each.communicate(timeout=SECONDS) for each in watchers]
    for watcher, snapshot, (out, err) in zip(watchers, begun, ends, strict=True):
        assert (watcher.returncode, err) == (0, "")
        assert (snapshot["type"], snapshot["run_seq"]) == ("run.snapshot", 1)
        events = [json.loads(line) for line in out.splitlines()]
        assert [event["run_seq"] for event in events] == list(range(2, len(events) + 2))
        assert events[-1]["type"] == "run.completed"


@contextmanager
def watching(
    run_id: str, data_dir: Path, extra: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Run `watch` beside the test."""
    with subprocess.Popen(
        [COMMAND, "watch", run_id, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(data_dir, extra),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(stream: IO[Any] | None) -> str:
    """The next line that a command writes."""
    assert stream is not None
    return str(stream.readline())
