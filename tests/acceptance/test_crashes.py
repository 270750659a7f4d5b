"""Is nothing lost or doubled when the service is killed in the middle of a run?"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.crash_runs import (
    Client,
    check_whole,
    start_run,
    wait_for_documents,
    wait_until_ended,
)
from tests.service_process import ServiceProcess, running

pytestmark = pytest.mark.timeout(120)

DOCUMENTS = 4_000


@contextmanager
def run_under_way(tmp_path: Path) -> Iterator[tuple[ServiceProcess, Any]]:
    """A service in the middle of a run."""
    with running(tmp_path / "data") as service, Client(service) as client:
        run = start_run(client, DOCUMENTS)
        wait_for_documents(client, run, least=200)
        yield service, run


def check_completed(service: ServiceProcess, run: Any) -> None:
    with Client(service) as client:
        ended = wait_until_ended(client, run)
        assert ended["status"] == "completed"
        check_whole(client, ended, DOCUMENTS)


def test_a_run_survives_kill_9_of_the_service(tmp_path: Path) -> None:
    with run_under_way(tmp_path) as (service, run):
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
    with running(tmp_path / "data") as heir:
        check_completed(heir, run)


def test_a_run_survives_the_death_of_its_pool_processes(tmp_path: Path) -> None:
    with run_under_way(tmp_path) as (service, run):
        for pid in pool_processes(service):
            os.kill(pid, signal.SIGKILL)
        check_completed(service, run)


def test_a_run_goes_on_after_the_service_was_stopped(tmp_path: Path) -> None:
    with run_under_way(tmp_path) as (service, run):
        assert service.stop(signal.SIGTERM) == 0
    with running(tmp_path / "data") as heir:
        check_completed(heir, run)


def test_a_run_survives_kill_9_of_postgres_with_the_service(tmp_path: Path) -> None:
    with run_under_way(tmp_path) as (service, run):
        service.process.send_signal(signal.SIGSTOP)
        for pid in service.descendants():
            # One that ended with another is as dead as it gets.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
    with running(tmp_path / "data") as heir:
        check_completed(heir, run)


def pool_processes(service: ServiceProcess) -> list[int]:
    return [
        pid
        for pid in service.descendants()
        if b"service.engine.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
