"""How fast does the API answer who polls and reads, against a bare handler with the same bytes?

    python -m tests.benchmarks.bench_api --seconds 2

Both sides are processes with uvicorn, asked in turns by the same connections: first while nothing
else happens, then with runs at full speed beside them.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import uvloop
from rich.console import Console
from rich.table import Table

from tests.benchmarks import bare_server, report
from tests.benchmarks.load import Target, ask
from tests.data.tasks import Task, generate_invoices
from tests.service_process import ServiceProcess, running

ROUNDS = 3
SECONDS = 2.0
LOAD_ROWS, LOAD_DOCUMENTS, LOAD_RUNS = 2_000, 10_000, 400
PLENTY = {
    "MATCHSTREAM_READS_PER_MINUTE": "1000000000",
    "MATCHSTREAM_WRITES_PER_MINUTE": "1000000000",
    "MATCHSTREAM_LOG_LEVEL": "warning",
}
# What each ratio of requests per second should reach, where we have set ourselves an aim.
AIMS = {"progress, 304": 0.5, "results, 50": 0.25}


@dataclass(slots=True)
class Case:
    """A request that both sides are sent, and how they did: requests per second, p99 in ms."""

    name: str
    ours: Target
    bare: Target
    rates: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], "bare": []})
    p99: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], "bare": []})

    @property
    def ratio(self) -> float:
        """Requests per second of ours over those of the bare handler: the median of rounds."""
        pairs = zip(self.rates["ours"], self.rates["bare"], strict=True)
        return statistics.median(ours / bare for ours, bare in pairs)


def main(seconds: float = SECONDS) -> None:
    """Print a table without and one with runs beside, and keep the figures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "data", "demo", PLENTY) as service,
    ):
        uvloop.run(measure(service, Path(folder), seconds))


async def measure(service: ServiceProcess, folder: Path, seconds: float) -> None:
    """Ask both sides, idle and busy."""
    console = Console()
    figures = {}
    paths = await paths_of_the_sample(service)
    recorded = {name: await record(service, *wanted) for name, wanted in paths.items()}
    async with bare_server.running(folder / "replies.json", recorded) as bare_url:
        for title, prepare in (("alone", nothing), ("with runs at full speed", keep_busy)):
            cases = [
                Case(
                    name,
                    Target(service.url, path, {**service.headers, **headers}),
                    Target(bare_url, f"/{number}", headers),
                )
                for number, (name, (path, headers)) in enumerate(paths.items())
            ]
            await prepare(service)
            for _ in range(ROUNDS):
                for case in cases:
                    await one_round(case, seconds)
            console.print(shown(title, cases))
            figures[title] = {case.name: told(case) for case in cases}
    report.write("api", figures)


async def one_round(case: Case, seconds: float) -> None:
    """Ask one side after the other."""
    for side, target in (("ours", case.ours), ("bare", case.bare)):
        latencies = await ask(target, seconds)
        case.rates[side].append(len(latencies) / seconds)
        case.p99[side].append(statistics.quantiles(latencies, n=100)[98] * 1000)


async def paths_of_the_sample(
    service: ServiceProcess,
) -> dict[str, tuple[str, dict[str, str]]]:
    """What is asked: path and headers by name, all of the sample's run that has ended."""
    async with client_of(service) as client:
        run = (await client.get("/v1/matching/runs")).json()["data"][0]
        links = run["links"]
        tag = (await client.get(links["progress"])).headers["etag"]
    return {
        "progress, 304": (links["progress"], {"If-None-Match": tag}),
        "progress": (links["progress"], {}),
        "run detail": (links["self"], {}),
        "results, 50": (f"{links['results']}?limit=50", {}),
    }


async def record(
    service: ServiceProcess, path: str, headers: dict[str, str]
) -> bare_server.Recorded:
    """Keep a reply for the bare handler to give."""
    async with client_of(service) as client:
        reply = await client.get(path, headers=headers)
    kept = [(name, value) for name, value in reply.headers.items() if name != "date"]
    return bare_server.Recorded(reply.status_code, kept, reply.text)


async def nothing(service: ServiceProcess) -> None:
    """Leave the service alone."""


async def keep_busy(service: ServiceProcess) -> None:
    """Queue runs for longer than the measuring takes."""
    task = generate_invoices(LOAD_ROWS, LOAD_DOCUMENTS, 1)
    async with client_of(service) as client:
        config = await upload(client, task)
        for _ in range(LOAD_RUNS):
            reply = await client.post(f"/v1/matching/configs/{config}/run", json={})
            reply.raise_for_status()


async def upload(client: httpx2.AsyncClient, task: Task) -> str:
    """Store the task's rows and documents; return the id of a config over them."""
    rows = "\n".join(json.dumps(row) for row in task.rows)
    files = {"file": ("rows.ndjson", rows.encode(), "application/x-ndjson")}
    data = await client.post("/v1/reference-data", data={"name": "load"}, files=files)
    data.raise_for_status()
    documents = "\n".join(
        json.dumps({"id": f"load_{place}", "fields": dict(fields)})
        for place, fields in enumerate(task.documents)
    )
    stored = await client.post(
        "/v1/documents",
        content=documents.encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    stored.raise_for_status()
    mappings = [
        {
            "source": mapping.source,
            "target": mapping.target,
            "strategy": mapping.strategy,
            "weight": mapping.weight,
        }
        for mapping in task.rules.field_mappings
    ]
    body = {"name": "load", "reference_data_id": data.json()["id"], "field_mappings": mappings}
    config = await client.post("/v1/matching/configs", json=body)
    config.raise_for_status()
    identifier: str = config.json()["id"]
    return identifier


def client_of(service: ServiceProcess) -> httpx2.AsyncClient:
    """Open a client of the service."""
    return httpx2.AsyncClient(
        base_url=service.url, headers=service.headers, trust_env=False, timeout=120
    )


def told(case: Case) -> dict[str, float]:
    """The figures of a case, medians of its rounds."""
    return {
        "requests_per_second": statistics.median(case.rates["ours"]),
        "bare_requests_per_second": statistics.median(case.rates["bare"]),
        "p99_ms": statistics.median(case.p99["ours"]),
        "bare_p99_ms": statistics.median(case.p99["bare"]),
        "ratio": case.ratio,
    }


def shown(title: str, cases: Sequence[Case]) -> Table:
    """Write the figures of cases as a table."""
    table = Table(title=f"The API {title}, median of {ROUNDS} rounds")
    headings = ("request", "per s", "bare, per s", "ratio", "aim", "p99 ms", "bare, p99 ms")
    for heading in headings:
        table.add_column(heading, justify="right")
    for case in cases:
        figures = told(case)
        table.add_row(
            case.name,
            f"{figures['requests_per_second']:,.0f}",
            f"{figures['bare_requests_per_second']:,.0f}",
            f"{figures['ratio']:.2f}",
            f"{AIMS[case.name]:g}" if case.name in AIMS else "",
            f"{figures['p99_ms']:.1f}",
            f"{figures['bare_p99_ms']:.1f}",
        )
    return table


if __name__ == "__main__":
    reader = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_api")
    reader.add_argument("--seconds", type=float, default=SECONDS, help="of each side in a round")
    main(reader.parse_args().seconds)
