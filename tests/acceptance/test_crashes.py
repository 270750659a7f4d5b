"""Is nothing lost or doubled when the service is killed in the middle of a run?"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.service_process import ServiceProcess, running

pytestmark = pytest.mark.timeout(120)

ROWS = 2_000
DOCUMENTS = 4_000


def make_rows(count: int) -> list[dict[str, str]]:
    return [
        {"name": f"vendor {place} of the {place % 97} quay", "number": f"N{place}"}
        for place in range(count)
    ]


@pytest.fixture
def client_of() -> Iterator[Any]:
    """Open clients that are closed after the test."""
    opened: list[httpx2.Client] = []

    def of(service: ServiceProcess) -> httpx2.Client:
        opened.append(
            httpx2.Client(
                base_url=service.url, headers=service.headers, timeout=30, trust_env=False
            )
        )
        return opened[-1]

    yield of
    for client in opened:
        client.close()


def start_run(client: httpx2.Client) -> Any:
    body = {"name": "Vendors", "data": make_rows(ROWS)}
    reference = client.post("/v1/reference-data", json=body).raise_for_status().json()
    lines = [
        json.dumps({"id": f"doc_{place:05}", "fields": {"vendor": f"vendor {place} of the quay"}})
        for place in range(DOCUMENTS)
    ]
    headers = {"Content-Type": "application/x-ndjson"}
    client.post("/v1/documents", content="\n".join(lines), headers=headers).raise_for_status()
    config = {
        "name": "Vendors",
        "reference_data_id": reference["id"],
        "field_mappings": [
            {"source": "vendor", "target": "name", "strategy": "fuzzy", "weight": 1}
        ],
    }
    made = client.post("/v1/matching/configs", json=config).raise_for_status().json()
    return client.post(f"/v1/matching/configs/{made['id']}/run").raise_for_status().json()


def wait_for_documents(client: httpx2.Client, run: Any, least: int) -> None:
    """Follow the stream until so many documents are done."""
    with client.stream("GET", run["links"]["events"]) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told = json.loads(line.removeprefix("data: "))
                if ((told.get("progress") or told["run"])["rows_processed"] or 0) >= least:
                    return
    raise AssertionError("the stream ended before enough documents were done")


def wait_until_ended(client: httpx2.Client, run: Any) -> Any:
    with client.stream("GET", run["links"]["events"]) as stream:
        for _ in stream.iter_lines():
            pass
    return client.get(run["links"]["self"]).raise_for_status().json()


def check_whole(client: httpx2.Client, run: Any) -> None:
    """One result per document, counters equal to the rows, event numbers without gap or repeat."""
    results: list[Any] = []
    url = f"{run['links']['results']}?sort=document&limit=500"
    while url:
        page = client.get(url).raise_for_status()
        results += page.json()["data"]
        url = page.links["next"]["url"] if "next" in page.links else ""
    assert [each["document_id"] for each in results] == [
        f"doc_{place:05}" for place in range(DOCUMENTS)
    ]
    matched = [each for each in results if each["matched_reference_row_id"] is not None]
    assert (run["rows_processed"], run["rows_matched"]) == (DOCUMENTS, len(matched))
    events: list[Any] = []
    while len(events) < run["last_event_id"]:
        answer = client.get(
            run["links"]["events"],
            params={"after": len(events), "limit": 500},
            headers={"Accept": "application/json"},
        )
        events += answer.raise_for_status().json()["data"]
    assert [event["run_seq"] for event in events] == list(range(1, run["last_event_id"] + 1))
    done = [event["progress"]["rows_processed"] for event in events if "progress" in event]
    assert done == sorted(done)


@contextmanager
def run_under_way(tmp_path: Path, client_of: Any) -> Iterator[tuple[ServiceProcess, Any]]:
    """A service in the middle of a run."""
    with running(tmp_path / "data") as service:
        client = client_of(service)
        run = start_run(client)
        wait_for_documents(client, run, least=200)
        yield service, run


def check_completed(service: ServiceProcess, client_of: Any, run: Any) -> None:
    client = client_of(service)
    ended = wait_until_ended(client, run)
    assert ended["status"] == "completed"
    check_whole(client, ended)


def test_a_run_survives_kill_9_of_the_service(tmp_path: Path, client_of: Any) -> None:
    with run_under_way(tmp_path, client_of) as (service, run):
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
    with running(tmp_path / "data") as heir:
        check_completed(heir, client_of, run)


def test_a_run_survives_the_death_of_its_pool_processes(tmp_path: Path, client_of: Any) -> None:
    with run_under_way(tmp_path, client_of) as (service, run):
        for pid in pool_processes(service):
            os.kill(pid, signal.SIGKILL)
        check_completed(service, client_of, run)


def test_a_run_goes_on_after_the_service_was_stopped(tmp_path: Path, client_of: Any) -> None:
    with run_under_way(tmp_path, client_of) as (service, run):
        assert service.stop(signal.SIGTERM) == 0
    with running(tmp_path / "data") as heir:
        check_completed(heir, client_of, run)


def test_a_run_survives_kill_9_of_postgres_with_the_service(tmp_path: Path, client_of: Any) -> None:
    with run_under_way(tmp_path, client_of) as (service, run):
        service.process.send_signal(signal.SIGSTOP)
        for pid in service.descendants():
            # One that ended with another is as dead as it gets.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
    with running(tmp_path / "data") as heir:
        check_completed(heir, client_of, run)


def pool_processes(service: ServiceProcess) -> list[int]:
    return [
        pid
        for pid in service.descendants()
        if b"service.engine.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
