"""Does the service start, stop and survive as a user sees it, and say in a sentence why not?"""

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.service_process import (
    ServiceProcess,
    run_command,
    running,
    spawned,
    wait_until_gone,
)

EXIT_SECONDS = 8.0


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def service(data_dir: Path) -> Iterator[ServiceProcess]:
    with running(data_dir) as service:
        yield service


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that no test stops."""
    with running(tmp_path_factory.mktemp("shared") / "data") as service:
        yield service


def test_it_answers_and_shows_the_same_key_at_the_next_start(data_dir: Path) -> None:
    keys = []
    for _ in range(2):
        with running(data_dir) as service:
            keys.append(service.key)
            assert httpx2.get(f"{service.url}/healthz").json() == {"status": "ok"}
            ready = httpx2.get(f"{service.url}/readyz")
            assert (ready.status_code, ready.json()["status"]) == (200, "ready")
            runs = httpx2.get(f"{service.url}/v1/matching/runs", headers=service.headers)
            assert runs.status_code == 200
    assert keys[0] == keys[1]
    assert keys[0].startswith("ms_")
    assert (data_dir / "first-key").read_text().strip() == keys[0]
    assert (data_dir / "first-key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("path", "may_run_scripts"), [("/", True), ("/first-steps", False)])
def test_a_page_needs_no_key_and_runs_no_script_but_ours(
    shared: ServiceProcess, path: str, may_run_scripts: bool
) -> None:
    page = httpx2.get(f"{shared.url}{path}")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert ("script-src 'self'" in policy) is may_run_scripts
    assert "unsafe" not in page.headers["content-security-policy"]
    used = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert used
    for name in used:
        assert httpx2.get(f"{shared.url}{name}").status_code == 200


def test_a_foreign_host_name_is_refused_as_a_problem(shared: ServiceProcess) -> None:
    reply = httpx2.get(f"{shared.url}/v1/matching/runs", headers={"Host": "rebound.example"})
    assert reply.status_code == 400
    assert reply.json()["code"] == "validation_error"
    assert "MATCHSTREAM_ALLOWED_HOSTS" in reply.json()["detail"]


def test_replies_do_not_name_the_server(shared: ServiceProcess) -> None:
    assert "server" not in httpx2.get(f"{shared.url}/healthz").headers


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_it_within_seconds_and_leaves_no_process(
    service: ServiceProcess, number: signal.Signals
) -> None:
    started = service.descendants()
    assert started
    begun = time.monotonic()
    assert service.stop(number) == 0
    assert time.monotonic() - begun < EXIT_SECONDS
    assert wait_until_gone(started, seconds=1) == set()


def test_a_signal_during_the_first_start_ends_it_too(data_dir: Path) -> None:
    with spawned(data_dir) as service:
        while not (data_dir / "postgres.new").exists():
            assert service.process.poll() is None
            time.sleep(0.005)
        started = service.descendants()
        assert service.stop(signal.SIGINT) == 0
        assert wait_until_gone(started, seconds=1) == set()
    with running(data_dir) as service:
        assert httpx2.get(f"{service.url}/readyz").status_code == 200


def test_killed_it_leaves_no_process_behind_and_starts_again(
    service: ServiceProcess, data_dir: Path
) -> None:
    started = service.descendants()
    service.process.kill()
    service.process.wait()
    with running(data_dir) as heir:
        assert heir.key == service.key
        assert httpx2.get(f"{heir.url}/readyz").status_code == 200
    assert wait_until_gone(started) == set()


def test_a_killed_postgres_is_back_within_seconds(service: ServiceProcess) -> None:
    pid = int((service.data_dir / "postgres/postmaster.pid").read_text().split("\n")[0])
    os.kill(pid, signal.SIGKILL)
    assert wait_until_gone({pid}) == set()
    deadline = time.monotonic() + 15
    while httpx2.get(f"{service.url}/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    runs = httpx2.get(f"{service.url}/v1/matching/runs", headers=service.headers)
    assert runs.status_code == 200


def test_a_taken_port_is_a_sentence_and_starts_nothing(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        failed = run_command(data_dir, "serve", extra={"MATCHSTREAM_PORT": port})
    assert failed.returncode == 1
    assert f"Another program listens on port {port} of 127.0.0.1" in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert not data_dir.exists()


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_second_service_on_the_same_data_says_where_the_first_is(
    shared: ServiceProcess, command: str
) -> None:
    # On the port that it has and on another one.
    port = str(httpx2.URL(shared.url).port) if command == "demo" else "0"
    failed = run_command(shared.data_dir, command, extra={"MATCHSTREAM_PORT": port})
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == (
        f"matchstream: Matchstream already runs with these data at {shared.url}: open it.\n"
    )


def _blocked_directory(data_dir: Path) -> dict[str, str]:
    data_dir.touch()
    return {"MATCHSTREAM_DATA_DIR": str(data_dir / "below")}


def _newer_data(data_dir: Path) -> dict[str, str]:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("99\n")
    return {}


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (_blocked_directory, "data/below is not writable (Not a directory): choose another with"),
        (_newer_data, "was made by PostgreSQL 99, which is newer than the programs found here"),
        (lambda _: {"MATCHSTREAM_POSTGRES_BIN": "/nowhere"}, "No PostgreSQL programs"),
        (lambda _: {"MATCHSTREAM_PORT": "http"}, "MATCHSTREAM_PORT=http cannot be used"),
        (lambda _: {"MATCHSTREAM_HOST": "nowhere.invalid"}, "The service cannot listen on"),
        (lambda _: {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "The database does not"),
    ],
)
def test_what_hinders_the_start_is_one_sentence(
    data_dir: Path, prepare: Callable[[Path], dict[str, str]], sentence: str
) -> None:
    failed = run_command(data_dir, "demo", extra=prepare(data_dir))
    assert failed.returncode == 1
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert failed.stderr.startswith("matchstream: ")


def test_another_server_is_used_where_database_url_names_one(
    data_dir: Path, empty_database_url: str
) -> None:
    with running(data_dir, extra={"DATABASE_URL": empty_database_url}) as service:
        assert httpx2.get(f"{service.url}/readyz").status_code == 200
        assert not (data_dir / "postgres").exists()
