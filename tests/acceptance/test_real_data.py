"""Does the whole service match real data well, and do all ways of watching a run agree?"""

import asyncio
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import httpx2
import pytest

from service.domain.configs import FieldMapping
from tests import sse
from tests.data import tasks
from tests.data.tasks import Task
from tests.service_process import ServiceProcess, running

pytestmark = pytest.mark.timeout(180)

COUNTERS = ("status", "rows_total", "rows_processed", "rows_matched", "avg_confidence")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """One service for all data sets, each in a collection of its own."""
    with running(tmp_path_factory.mktemp("service") / "data") as process:
        yield process


def as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def numbered(rows: Sequence[Mapping[str, str]], prefix: str) -> list[dict[str, str]]:
    """Give each row a key of its own, so that positions can be told from ids."""
    return [{"key": f"{prefix}{place}", **row} for place, row in enumerate(rows)]


@dataclass(frozen=True)
class Client:
    """What an integration does, over real HTTP."""

    http: httpx2.AsyncClient

    async def send(self, method: str, path: str, **request: Any) -> Any:
        reply = await self.http.request(method, path, **request)
        assert reply.is_success, reply.text
        return reply.json()

    async def upload_rows(self, name: str, rows: Sequence[Mapping[str, str]], as_json: bool) -> str:
        keyed = numbered(rows, "ref_")
        if as_json:
            body = {"name": name, "id_column": "key", "data": keyed}
            return str((await self.send("POST", "/v1/reference-data", json=body))["id"])
        form = {"name": name, "id_column": "key"}
        files = {"file": ("rows.csv", as_csv(keyed), "text/csv")}
        return str((await self.send("POST", "/v1/reference-data", data=form, files=files))["id"])

    async def upload_documents(
        self, name: str, documents: Sequence[Mapping[str, str]], how: str
    ) -> None:
        if how == "csv":
            files = {"file": ("docs.csv", as_csv(numbered(documents, "doc_")), "text/csv")}
            form = {"collection": name, "id_column": "key"}
            await self.send("POST", "/v1/documents", data=form, files=files)
            return
        entries = [
            {"id": f"doc_{place}", "collection": name, "fields": dict(fields)}
            for place, fields in enumerate(documents)
        ]
        if how == "json":
            await self.send("POST", "/v1/documents", json={"documents": entries})
        else:
            lines = "".join(json.dumps(entry) + "\n" for entry in entries)
            headers = {"Content-Type": "application/x-ndjson"}
            await self.send("POST", "/v1/documents", content=lines, headers=headers)

    async def start(self, name: str, reference_id: str, mappings: Sequence[FieldMapping]) -> Any:
        config = await self.send(
            "POST",
            "/v1/matching/configs",
            json={
                "name": name,
                "reference_data_id": reference_id,
                "field_mappings": [wire(mapping) for mapping in mappings],
                "threshold": 0.7,
                "target_type": "collection",
                "target_value": {"collection": name},
            },
        )
        return await self.send("POST", f"/v1/matching/configs/{config['id']}/run")

    async def poll(self, run: Any) -> list[Any]:
        """Ask for the progress until the run has ended; return every answer."""
        answers = [await self.send("GET", run["links"]["progress"])]
        while answers[-1]["phase"] != "done":
            answers.append(await self.send("GET", run["links"]["progress"]))
        return answers

    async def all_results(self, run: Any) -> list[Any]:
        url: str | None = f"{run['links']['results']}?sort=document&limit=500"
        found = []
        while url is not None:
            page = await self.http.get(url)
            found.extend(page.json()["data"])
            url = page.links["next"]["url"] if "next" in page.links else None
        return found


def wire(mapping: FieldMapping) -> dict[str, object]:
    """Write a mapping as a client does; an absolute tolerance replaces the one in percent."""
    written = {name: value for name, value in asdict(mapping).items() if value is not None}
    if "tolerance_absolute" in written:
        del written["tolerance_percent"]
    return written


def check_agreement(polled: Sequence[Any], streamed: Sequence[sse.Block]) -> None:
    """Every polled answer is the state after the event that it names."""
    state = {}
    for block in streamed:
        told = block.json
        state[block.number] = told.get("progress") or told["run"]
    assert list(state) == list(range(min(state), max(state) + 1))
    for answer in polled:
        told = state[answer["last_event_id"]]
        assert [answer[name] for name in COUNTERS] == [told[name] for name in COUNTERS]


def measure_top_1(results: Sequence[Any], task: Task) -> float:
    by_document = {result["document_id"]: result for result in results}
    hits = []
    for place, truth in enumerate(task.truth):
        if truth:
            candidates = by_document[f"doc_{place}"]["candidates"]
            hits.append(
                bool(candidates)
                and candidates[0]["reference_row_id"] in {f"ref_{row}" for row in truth}
            )
    return sum(hits) / len(hits)


def load_febrl4_with_strangers() -> Task:
    """Drop 15 % of the reference rows, so that some documents have no match."""
    return tasks.load_febrl4().drop_rows(0.15)


CASES = [
    pytest.param("invoices", tasks.load_invoices, "csv", 0.93, id="invoices"),
    pytest.param(
        "febrl4", lambda: tasks.load_febrl4().drop_rows(0.15), "ndjson", 0.995, id="febrl4"
    ),
    pytest.param("dblp_acm", tasks.load_dblp_acm, "json", 0.99, id="dblp_acm"),
    pytest.param("restaurants", tasks.load_restaurants, "csv", 0.97, id="restaurants"),
]


@pytest.mark.parametrize(("name", "load", "how", "least"), CASES)
async def test_real_data_goes_through_the_whole_service(
    service: ServiceProcess, name: str, load: Any, how: str, least: float
) -> None:
    task: Task = load()
    async with httpx2.AsyncClient(
        base_url=service.url, headers=service.headers, timeout=60, trust_env=False
    ) as http:
        client = Client(http)
        reference_id = await client.upload_rows(name, task.rows, as_json=how == "json")
        await client.upload_documents(name, task.documents, how)
        run = await client.start(name, reference_id, task.rules.field_mappings)
        async with asyncio.TaskGroup() as watching:
            polling = watching.create_task(client.poll(run))
            # As from the beginning: the run's first event has the number 1.
            headers = {"Last-Event-ID": "0"}
            reading = watching.create_task(sse.read_events(http, run["links"]["events"], headers))
        check_agreement(polling.result(), reading.result())
        detail = await client.send("GET", run["links"]["self"])
        results = await client.all_results(run)
        await check_review(client, detail)
    assert detail["status"] == "completed"
    assert sorted(result["document_id"] for result in results) == sorted(
        f"doc_{place}" for place in range(len(task.documents))
    )
    check_counters(detail, results)
    accuracy = measure_top_1(results, task)
    print(f"{name}: top-1 {accuracy:.4f}, {detail['rows_matched']} of {len(results)} matched")  # noqa: T201
    assert accuracy >= least


def check_counters(detail: Any, results: Sequence[Any]) -> None:
    matched = [each for each in results if each["matched_reference_row_id"] is not None]
    assert detail["rows_processed"] == detail["rows_total"] == len(results)
    assert detail["rows_matched"] == len(matched)
    mean = sum(each["confidence"] for each in matched) / len(matched)
    assert detail["avg_confidence"] == pytest.approx(mean, abs=0.0001)
    assert (
        detail["results"]
        == sorted(results, key=lambda each: (-each["confidence"], each["document_id"]))[:50]
    )


async def check_review(client: Client, detail: Any) -> None:
    first = detail["results"][0]
    path = f"{detail['links']['results']}/{first['id']}"
    reviewed = await client.send("POST", f"{path}/review", json={"status": "approved"})
    assert reviewed["status"] == "approved"
    told = await sse.read_events(
        client.http, detail["links"]["events"], {"Last-Event-ID": str(detail["last_event_id"])}
    )
    assert [block.event for block in told] == ["result.reviewed"]
    await client.send("POST", f"{path}/review", json={"status": "pending"})
