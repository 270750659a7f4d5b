"""Does a run get over whatever happens to one of several processes, or to the database?"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service.store import embedded
from tests.acceptance.chaos_sites import DURABLE_ENOUGH, postmasters
from tests.acceptance.crash_runs import (
    Client,
    add_config,
    all_results,
    check_whole,
    document_id,
    make_rows,
    wait_for_documents,
    wait_until_ended,
)
from tests.conftest import PostgresServer
from tests.outages import standing_still
from tests.service_process import (
    COMMAND,
    Fleet,
    ServiceProcess,
    descendants,
    environment,
    fleet,
    run_command,
    running,
)

pytestmark = pytest.mark.timeout(150)

DOCUMENTS = 3_000
EXIT_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
SMALL_DISK = "160m"
# Less than PostgreSQL needs for the next piece of its log.
ROOM_LEFT_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Scene:
    """Two APIs over a PostgreSQL of the tests' own, and a config to run; no worker yet."""

    parts: Fleet
    server: PostgresServer
    data_dir: Path
    one: Client
    other: Client
    config: Any

    def start(self, **body: Any) -> Any:
        """Queue a run, over all documents unless some are named."""
        path = f"/v1/matching/configs/{self.config['id']}/run"
        return self.one.post(path, json=body).raise_for_status().json()

    def check_well(self) -> Any:
        """See that whatever worker is there carries out a run; return it."""
        run = self.start(document_ids=[document_id(0), document_id(1)])
        ended = wait_until_ended(self.one, run)
        assert (ended["status"], ended["rows_processed"]) == ("completed", 2)
        return ended

    @contextmanager
    def worker(self) -> Iterator[ServiceProcess]:
        """A worker, which is killed at the end of the block."""
        worker = self.parts.start_worker()
        try:
            yield worker
        finally:
            worker.process.kill()
            worker.process.wait()

    def check_completed(self, run: Any) -> Any:
        """See that the run is completed and whole; return it."""
        ended = wait_until_ended(self.other, run)
        assert ended["status"] == "completed", ended
        check_whole(self.other, ended, DOCUMENTS)
        return ended

    def ask(self, statement: str) -> Any:
        """Return one value that the database answers."""

        async def fetch() -> Any:
            connection = await asyncpg.connect(self.server.url)
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return self.server.run(fetch())


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    server = PostgresServer(folder / "database", None, DURABLE_ENOUGH)
    try:
        extra = {"MATCHSTREAM_LEASE_SECONDS": "2"}
        with (
            fleet(folder, server.url, apis=2, workers=0, extra=extra) as parts,
            Client(parts.apis[0]) as one,
            Client(parts.apis[1]) as other,
        ):
            config = add_config(one, DOCUMENTS)
            yield Scene(parts, server, folder / "database", one, other, config)
    finally:
        server.close()


def wait_until(is_so: Callable[[], object]) -> None:
    """Wait for what no event tells."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_worker_that_stood_still_beyond_its_lease_writes_nothing_more(scene: Scene) -> None:
    with scene.worker() as old:
        run = scene.start()
        wait_for_documents(scene.one, run, least=200)
        with standing_still(old.process.pid), scene.worker():
            ended = scene.check_completed(run)
        # It is well again: the only one left carries out the next one.
        scene.check_well()
    after = scene.one.get(run["links"]["self"]).json()
    assert (after["version"], after["last_event_id"]) == (ended["version"], ended["last_event_id"])
    check_whole(scene.one, after, DOCUMENTS)


def test_sigterm_under_load_hands_the_run_over_with_all_that_is_done(scene: Scene) -> None:
    with scene.worker() as first:
        run = scene.start()
        wait_for_documents(scene.one, run, least=200)
        begun = time.monotonic()
        assert first.stop() == 0
        assert time.monotonic() - begun < EXIT_SECONDS
    left = scene.one.get(run["links"]["self"]).json()
    done = {each["id"] for each in all_results(scene.one, run)}
    assert left["status"] == "running"
    assert len(done) == left["rows_processed"] < DOCUMENTS
    with scene.worker():
        scene.check_completed(run)
    assert done <= {each["id"] for each in all_results(scene.one, run)}


def cancel(client: Client, run: Any) -> int:
    return client.post(f"{run['links']['self']}/cancel").status_code


def test_any_api_cancels_a_run_that_waits_or_is_carried_out_and_once(scene: Scene) -> None:
    waiting = scene.start()
    assert [cancel(each, waiting) for each in (scene.other, scene.one)] == [200, 409]
    assert wait_until_ended(scene.one, waiting)["rows_processed"] is None
    with scene.worker():
        run = scene.start()
        wait_for_documents(scene.one, run, least=200)
        assert [cancel(scene.other, run), cancel(scene.one, run)] == [200, 409]
        cancelled = wait_until_ended(scene.one, run)
        # The worker has let go of it.
        completed = scene.check_well()
    after = scene.one.get(run["links"]["self"]).json()
    assert (after["status"], cancel(scene.one, completed)) == ("cancelled", 409)
    assert after["last_event_id"] == cancelled["last_event_id"]
    assert len(all_results(scene.one, run)) == after["rows_processed"] < DOCUMENTS


def test_a_run_that_kills_its_worker_every_time_fails_with_a_sentence(scene: Scene) -> None:
    # So that no document of it is ever done.
    blocked = scene.server.begin("BEGIN; LOCK TABLE results; SELECT pg_sleep(300)")
    run = scene.start()
    for attempt in range(1, 6):
        with scene.worker():
            statement = f"SELECT attempt = {attempt} FROM runs WHERE id = '{run['id']}'"
            wait_until(lambda statement=statement: scene.ask(statement))  # type: ignore[misc]
    scene.ask("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ '^BEGIN; LOCK'")
    assert blocked.exception(PATIENCE_SECONDS) is not None
    with scene.worker():
        ended = wait_until_ended(scene.one, run)
    # A worker may be killed before it has begun to count.
    assert (ended["status"], ended["rows_processed"] or 0) == ("failed", 0)
    assert ended["error"].startswith("The run was begun 5 times and each time its worker died")


def test_a_database_that_stands_still_or_restarts_is_told_and_waited_for(scene: Scene) -> None:
    with scene.worker():
        run = scene.start()
        wait_for_documents(scene.one, run, least=200)
        with ExitStack() as silence:
            (first,) = postmasters(scene.data_dir)
            for pid in [first, *descendants(first)]:
                silence.enter_context(standing_still(pid))
            reply = scene.one.get("/readyz")
            assert reply.status_code == 503
            assert "The database did not answer within 2 seconds." in reply.text
        os.kill(first, signal.SIGINT)
        wait_until(lambda: scene.one.get("/readyz").status_code == 200)
        assert ended_in_time(scene, run)["status"] == "completed"
    check_whole(scene.other, scene.one.get(run["links"]["self"]).json(), DOCUMENTS)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=755", "tmpfs", str(disk)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here: that takes root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room_again(
    small_disk: Path, tmp_path: Path
) -> None:
    with (
        running(small_disk / "data", stderr=tmp_path / "stderr") as service,
        Client(service) as client,
    ):
        config = add_config(client, DOCUMENTS)
        ballast = small_disk / "ballast"
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        ballast.write_bytes(bytes(free - ROOM_LEFT_BYTES))
        run = client.post(f"/v1/matching/configs/{config['id']}/run").raise_for_status().json()
        # With its reference data on the disk: without, it would fail with a sentence.
        wait_until(lambda: phase_of(client, run) not in {"queued", "loading"})
        told = client.get("/readyz")
        assert told.status_code == 503
        assert "MiB are left on the disk of the data directory: free some." in told.text
        body = {"name": "More", "data": make_rows(60_000)}
        refused = client.post("/v1/reference-data", json=body)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        ballast.unlink()
        wait_until(lambda: client.get("/readyz").status_code == 200)
        ended = wait_until_ended(client, run)
        assert ended["status"] == "completed"
        check_whole(client, ended, DOCUMENTS)


def test_a_disk_too_full_to_begin_is_told(small_disk: Path) -> None:
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "ballast").write_bytes(bytes(free - embedded.NEW_CLUSTER_BYTES // 2))
    told = run_command(small_disk / "data", "serve")
    assert told.returncode == 1
    assert "MiB left, and a new database takes 48: free some, or choose another" in told.stderr
    assert not list((small_disk / "data").glob("postgres*"))

    table = small_disk / "orders.csv"
    table.write_text("vendor\nVega\n")
    words = [COMMAND, "match", "-", "--against", str(table), "--map", "name=vendor:fuzzy:1"]
    with Path("/dev/zero").open() as endless:
        matched = subprocess.run(
            words,
            stdin=endless,
            capture_output=True,
            text=True,
            env=environment(small_disk / "data", {"TMPDIR": str(small_disk)}),
            check=False,
        )
    assert (matched.returncode, matched.stdout) == (1, "")
    assert f"standard input cannot be kept in {small_disk} for as long as" in matched.stderr


def phase_of(client: Client, run: Any) -> Any:
    """What the run is doing now."""
    return client.get(run["links"]["progress"]).raise_for_status().json()["phase"]


def ended_in_time(scene: Scene, run: Any) -> Any:
    """Return the run once it has ended, asked by polling: streams end with their database."""
    wait_until(lambda: scene.one.get(run["links"]["self"]).json().get("completed_at"))
    return scene.one.get(run["links"]["self"]).raise_for_status().json()
