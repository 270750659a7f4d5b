"""Do API and engine work as processes of their own, any number of each over one database?"""

from pathlib import Path

import httpx2
import pytest

from tests.acceptance.crash_runs import Client, check_whole, start_run, wait_until_ended
from tests.service_process import fleet, run_command, wait_until_gone


def test_what_one_api_queues_a_worker_does_and_another_api_shows(
    tmp_path: Path, empty_database_url: str
) -> None:
    with fleet(tmp_path, empty_database_url, apis=2, workers=2) as parts:
        one, other = (Client(api) for api in parts.apis)
        with one, other:
            run = start_run(one, documents=200)
            ended = wait_until_ended(other, run)
            assert ended["status"] == "completed"
            check_whole(other, ended, documents=200)
        for api in parts.apis:
            assert httpx2.get(f"{api.url}/readyz").status_code == 200
            # No process matches beside an API alone.
            assert api.descendants() == set()
        for worker in parts.workers:
            started = worker.descendants()
            assert started
            assert worker.stop() == 0
            assert wait_until_gone(started, seconds=1) == set()


def test_without_an_engine_a_run_waits_until_a_worker_comes(
    tmp_path: Path, empty_database_url: str
) -> None:
    with (
        fleet(tmp_path, empty_database_url, workers=0) as parts,
        Client(parts.apis[0]) as client,
    ):
        run = start_run(client, documents=20)
        assert client.get(run["links"]["self"]).json()["status"] == "queued"
        parts.start_worker()
        assert wait_until_ended(client, run)["status"] == "completed"


@pytest.mark.parametrize("command", ["worker", "serve --no-engine"])
def test_half_a_service_without_a_database_of_its_own_is_a_sentence(
    tmp_path: Path, command: str
) -> None:
    failed = run_command(tmp_path / "data", *command.split())
    assert failed.returncode == 1
    assert f"'{command}' does one half of the work" in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_worker_whose_database_does_not_answer_says_where_it_looked(tmp_path: Path) -> None:
    nowhere = {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}
    failed = run_command(tmp_path / "data", "worker", extra=nowhere)
    assert failed.returncode == 1
    assert "The database does not answer at 127.0.0.1:1" in failed.stderr
    assert failed.stderr.count("\n") == 1
