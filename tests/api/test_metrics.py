"""Do the figures for Prometheus say what happened, and nothing of whom?"""

import asyncio
import time
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from service.api.metrics import LAG_EVERY_SECONDS, Metrics
from service.store.database import Database
from tests.api.conftest import Api
from tests.api.live import IDLE, running

RUN = "/v1/matching/runs/01934f31-3f0d-7b8e-a7c4-9d2b6e0f4c22"


async def figures(client: httpx2.AsyncClient) -> dict[tuple[str, ...], float]:
    """The figures by name and the values of their labels."""
    reply = await client.get("/metrics", headers={"Authorization": ""})
    assert reply.status_code == 200
    families = text_string_to_metric_families(reply.text)
    samples = [sample for family in families for sample in family.samples]
    return {(each.name, *each.labels.values()): each.value for each in samples}


async def test_requests_are_counted_by_route_not_by_path(api: Api) -> None:
    for path in (RUN, f"{RUN[:-1]}3", "/v1/nowhere", "/metrics?x=1"):
        await api.client.get(path)
    await api.client.request("BREW", "/v1/documents")
    found = await figures(api.client)
    total = "matchstream_requests_total"
    assert found[total, "GET", "/v1/matching/runs/{run_id}", "404"] == 2
    assert found[total, "GET", "other", "404"] == 1
    assert found[total, "GET", "/metrics", "400"] == 1
    assert found[total, "other", "/v1/documents", "405"] == 1
    seconds = "matchstream_reply_seconds_count"
    assert found[seconds, "GET", "/v1/matching/runs/{run_id}"] == 2


async def test_runs_that_are_alive_are_counted(database_url: str, tmp_path: Path) -> None:
    async with running(database_url, tmp_path, options=IDLE) as live:
        await live.start()
        await live.start()
        found = await figures(live.client)
        text = (await live.client.get("/metrics")).text
    assert found["matchstream_runs", "queued"] == 2
    assert found["matchstream_runs", "running"] == 0
    assert found["matchstream_database_up",] == 1
    assert found["matchstream_database_connections", "busy"] >= 0
    assert found["process_resident_memory_bytes",] > 0
    assert str(live.world.config_id) not in text


async def test_a_database_that_is_away_does_not_hide_the_other_figures(database_url: str) -> None:
    metrics = Metrics()
    async with Database.open(database_url, pool_size=1, acquire_seconds=0.01) as database:
        async with database.connection():
            await metrics.take(database)
        assert metrics.registry.get_sample_value("matchstream_database_up") == 0
        await metrics.take(database)
    assert metrics.registry.get_sample_value("matchstream_database_up") == 1


async def test_the_lag_of_the_loop_is_measured() -> None:
    metrics = Metrics()
    async with asyncio.TaskGroup() as tasks:
        measuring = tasks.create_task(metrics.measure_lag())
        await asyncio.sleep(0)
        # What nobody may do: the loop stands still until well after the task was due.
        time.sleep(2 * LAG_EVERY_SECONDS)  # noqa: ASYNC251 - on purpose
        await measuring
    lag = metrics.registry.get_sample_value("matchstream_event_loop_lag_seconds_sum")
    assert lag is not None
    assert lag > LAG_EVERY_SECONDS / 2
