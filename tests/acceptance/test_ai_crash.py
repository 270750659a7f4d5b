"""Is nothing asked again that was decided, when the service is killed in the middle of the pass?"""

import asyncio
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.fake_ai import vendor
from tests.fake_ai.vendor import GOOD_KEY, Vendor
from tests.service_process import ServiceProcess, running

pytestmark = pytest.mark.timeout(120)

DOCUMENTS = 60
NAMES = [f"{first} {last}" for first in ("Alpine", "Borealis") for last in ("Paper", "Freight")]


@contextmanager
def stand_in() -> Iterator[tuple[Vendor, str]]:
    """Run a stand-in for the API in a thread of its own; yields it and its address."""
    ready: list[Any] = []
    is_ready, loop = threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        is_over = asyncio.Event()
        made = Vendor()
        made.behaviour.latency_seconds = 0.3
        async with vendor.running(made) as url:
            ready.extend([made, url, is_over])
            is_ready.set()
            await is_over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert is_ready.wait(10)
    made, url, is_over = ready
    try:
        yield made, url
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join(10)
        loop.close()


@contextmanager
def client_of(service: ServiceProcess) -> Iterator[httpx2.Client]:
    """A client with the service's key."""
    with httpx2.Client(
        base_url=service.url, headers=service.headers, timeout=30, trust_env=False
    ) as client:
        yield client


def start_run(client: httpx2.Client) -> Any:
    """Start a smart run whose documents are all borderline."""
    rows = [{"name": name, "number": f"N{place}"} for place, name in enumerate(NAMES)]
    reference = client.post("/v1/reference-data", json={"name": "Vendors", "data": rows}).json()
    documents = [
        {"id": f"d{place:03}", "fields": {"vendor": NAMES[place % 4], "number": f"? {place}"}}
        for place in range(DOCUMENTS)
    ]
    client.post("/v1/documents", json={"documents": documents}).raise_for_status()
    mappings = [
        {"source": "vendor", "target": "name", "strategy": "fuzzy", "weight": 0.6},
        {"source": "number", "target": "number", "strategy": "exact", "weight": 0.4},
    ]
    config = {"name": "V", "reference_data_id": reference["id"], "field_mappings": mappings}
    made = client.post("/v1/matching/configs", json=config).raise_for_status().json()
    return client.post(f"/v1/matching/configs/{made['id']}/smart-run").raise_for_status().json()


def follow(client: httpx2.Client, run: Any, least: int) -> int:
    """Follow the stream until so many documents are decided, or to its end; return how many."""
    decided = 0
    with client.stream("GET", run["links"]["events"]) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told = json.loads(line.removeprefix("data: "))
                figures = (told.get("progress") or told["run"])["ai"]
                decided = figures["resolved"]
                if decided >= least:
                    break
    return decided


def test_a_killed_pass_goes_on_and_asks_nothing_twice_that_was_decided(tmp_path: Path) -> None:
    with stand_in() as (made, url):
        settings = {
            "ANTHROPIC_API_KEY": GOOD_KEY,
            "MATCHSTREAM_AI_BASE_URL": url,
            "MATCHSTREAM_AI_DOCUMENTS_PER_REQUEST": "5",
            "MATCHSTREAM_AI_MAX_IN_FLIGHT": "2",
        }
        with running(tmp_path / "data", extra=settings) as service, client_of(service) as client:
            run = start_run(client)
            decided = follow(client, run, least=10)
            service.process.send_signal(signal.SIGKILL)
            service.process.wait()
        first = [each["fields"]["number"] for batch in made.asked for each in batch]
        made.asked.clear()
        with running(tmp_path / "data", extra=settings) as heir, client_of(heir) as client:
            follow(client, run, least=DOCUMENTS + 1)
            ended = client.get(run["links"]["self"]).json()
        again = [each["fields"]["number"] for batch in made.asked for each in batch]
    assert (ended["status"], ended["ai"]["status"]) == ("completed", "done")
    assert (ended["ai"]["resolved"], ended["rows_matched"]) == (DOCUMENTS, DOCUMENTS)
    assert {*first, *again} == {f"? {place}" for place in range(DOCUMENTS)}
    assert len(again) == len(set(again)), "the heir asks about each document once"
    assert len(again) <= DOCUMENTS - decided
    # What was on its way when the service died is asked again, and nothing more.
    assert len({*first} & {*again}) <= 2 * 5 + 5
