"""What does a newcomer see first? The shipped sample, matched live through the public API.

Every step looks first for what an earlier start has left, so that one that was interrupted is
picked up where it stopped and a finished one is shown again.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import httpx2
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as ProgressBar

from service.domain.errors import MatchstreamError

REFERENCE_NAME = "Sample purchase orders"
CONFIG_NAME = "Sample invoices to purchase orders"
COLLECTION = "sample"
TERMINAL = frozenset({"completed", "failed", "cancelled"})
# The server's ping comes every 15 seconds.
TIMEOUT_SECONDS = 40.0
MAX_RECONNECTS = 5
PAGE_SIZE = 100
MAX_PAGES = 100

CONFIG: Mapping[str, object] = {
    "name": CONFIG_NAME,
    "field_mappings": [
        {"source": "po_number", "target": "po_number", "strategy": "exact", "weight": 0.25},
        {"source": "vendor_name", "target": "vendor_name", "strategy": "fuzzy", "weight": 0.30},
        {
            "source": "amount",
            "target": "amount",
            "strategy": "numeric_range",
            "tolerance_percent": 2,
            "weight": 0.20,
        },
        {
            "source": "invoice_date",
            "target": "order_date",
            "strategy": "date_range",
            "tolerance_days": 60,
            "weight": 0.10,
        },
        {"source": "currency", "target": "currency", "strategy": "exact", "weight": 0.05},
        {"source": "description", "target": "description", "strategy": "fuzzy", "weight": 0.10},
    ],
    "threshold": 0.7,
    "review_threshold": 0.4,
    "target_type": "collection",
    "target_value": {"collection": COLLECTION},
}

JsonObject = dict[str, Any]


class SampleError(MatchstreamError):
    """The sample could not be loaded, run or shown."""

    code = "sample_failed"


async def run(url: str, key: str) -> None:
    """Load the sample where it is not there yet, run it, show how it goes and what to try next."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(
        base_url=url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
    ) as client:
        sample = Sample(client)
        try:
            found = await sample.run_of(await sample.config_of(await sample.reference_data()))
            if found["status"] not in TERMINAL:
                found = await sample.watch(found["id"])
        except httpx2.HTTPError as error:
            raise SampleError(f"the service did not answer ({type(error).__name__}).") from error
    for line in [*_summary(found), "", *_first_steps(url, key, found["id"])]:
        typer.echo(line)


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample's resources, found or made through the API."""

    client: httpx2.AsyncClient

    async def reference_data(self) -> str:
        """Return the id of the sample's reference data, with the documents there too."""
        identifier = await self._find(
            "/v1/reference-data", name=REFERENCE_NAME, status="ready"
        ) or await self._upload(
            "/v1/reference-data",
            "purchase_orders.csv",
            {"name": REFERENCE_NAME, "id_column": "po_id"},
        )
        documents = await self._ask("GET", "/v1/documents", params={"collection": COLLECTION})
        if not documents["data"]:
            await self._upload(
                "/v1/documents",
                "invoices.csv",
                {"collection": COLLECTION, "id_column": "invoice_id"},
            )
        return identifier

    async def config_of(self, reference_data_id: str) -> str:
        """Return the id of the sample's matching config."""
        path = "/v1/matching/configs"
        found = await self._find(path, name=CONFIG_NAME, reference_data_id=reference_data_id)
        if found is not None:
            return found
        body = {**CONFIG, "reference_data_id": reference_data_id}
        return str((await self._ask("POST", path, json=body))["id"])

    async def run_of(self, config_id: str) -> JsonObject:
        """Return the newest run of the config that did not fail, or a new one."""
        runs = await self._ask("GET", "/v1/matching/runs", params={"config_id": config_id})
        for found in runs["data"]:
            if found["status"] not in {"failed", "cancelled"}:
                return dict(found)
        return await self._ask("POST", f"/v1/matching/configs/{config_id}/run")

    async def watch(self, run_id: str) -> JsonObject:
        """Show the run's progress as its events tell it; return the run once it has ended."""
        last_event_id: str | None = None
        with _display() as display:
            for _ in range(MAX_RECONNECTS):
                async for number, data in self._events(run_id, last_event_id):
                    last_event_id = number
                    progress = data.get("progress") or data.get("run") or {}
                    display.show(progress.get("rows_processed"), progress.get("rows_total"))
                found = await self._ask("GET", f"/v1/matching/runs/{run_id}")
                if found["status"] in TERMINAL:
                    display.show(found["rows_processed"], found["rows_total"])
                    return found
        raise SampleError("the stream of the run's events was cut off again and again.")

    async def _events(
        self, run_id: str, last_event_id: str | None
    ) -> AsyncIterator[tuple[str, JsonObject]]:
        """Yield number and data of the events after the given one, until the stream ends."""
        headers = {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        path = f"/v1/matching/runs/{run_id}/events"
        number, data = "0", ""
        async with self.client.stream("GET", path, headers=headers) as reply:
            async for line in reply.aiter_lines():
                name, _, value = line.partition(":")
                if name == "id":
                    number = value.strip()
                elif name == "data":
                    data += value.strip()
                elif not line and data:
                    yield number, json.loads(data)
                    data = ""

    async def _find(self, path: str, **wanted: str) -> str | None:
        """Return the id of the first item of a list with these values."""
        cursor: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            page = await self._ask("GET", path, params={"limit": str(PAGE_SIZE), **cursor})
            for item in page["data"]:
                if all(item.get(name) == value for name, value in wanted.items()):
                    return str(item["id"])
            if not page["pagination"]["has_more"]:
                return None
            cursor = {"cursor": page["pagination"]["next_cursor"]}
        return None

    async def _upload(self, path: str, name: str, fields: Mapping[str, str]) -> str:
        """Upload one of the sample's files; return the id of what it became, if it has one."""
        content = files("service.cli").joinpath("sample", name).read_bytes()
        uploads = {"file": (name, content, "text/csv")}
        return str((await self._ask("POST", path, data=fields, files=uploads)).get("id"))

    async def _ask(self, method: str, path: str, **content: Any) -> JsonObject:
        """Send a request; return what comes back, or raise the problem's own sentence."""
        reply = await self.client.request(method, path, **content)
        try:
            answer = reply.json()
        except ValueError:
            answer = {}
        if reply.is_success and isinstance(answer, dict):
            return answer
        detail = answer.get("detail") if isinstance(answer, dict) else None
        raise SampleError(f"{method} {path} was answered with {reply.status_code}: {detail}")


class _Bar:
    """A bar that moves, on a terminal."""

    def __init__(self, console: Console) -> None:
        """Draw on the console."""
        columns = (
            TextColumn("Matching"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("invoices"),
        )
        self._progress = ProgressBar(*columns, console=console)
        self._task = self._progress.add_task("", total=None)

    def show(self, done: int | None, total: int | None) -> None:
        """Move on; the bar is drawn as soon as it is known how much there is to do."""
        if total is not None:
            self._progress.update(self._task, completed=done or 0, total=total)
            self._progress.start()

    def __enter__(self) -> "_Bar":
        """Draw nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state standing."""
        self._progress.stop()


class _Lines:
    """A line for every change, where a bar cannot be drawn."""

    def __init__(self) -> None:
        """Start without a line."""
        self._last: tuple[int, int | None] | None = None

    def show(self, done: int | None, total: int | None) -> None:
        """Write how far the run is, unless the last line says so already."""
        now = (done or 0, total)
        if now != self._last and total is not None:
            self._last = now
            typer.echo(f"Matching: {now[0]} of {total} invoices")

    def __enter__(self) -> "_Lines":
        """Nothing to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


def _display() -> _Bar | _Lines:
    """Choose how progress is shown."""
    console = Console()
    return _Bar(console) if console.is_terminal else _Lines()


def _summary(run: JsonObject) -> list[str]:
    """What came out, in words."""
    if run["status"] != "completed":
        return [f"The sample's run has {run['status']}: {run['error']}"]
    counts = f"{run['rows_matched']} of {run['rows_processed']} invoices"
    threshold = CONFIG["threshold"]
    return [
        f"{counts} have found their purchase order (mean confidence {run['avg_confidence']}).",
        "The others have none: most were made without an order, and for the rest no order came up",
        f"to the threshold of {threshold}.",
    ]


def _first_steps(url: str, key: str, run_id: str) -> list[str]:
    """Where the service is, and three commands that work when pasted."""
    curl = f"curl -H 'Authorization: Bearer {key}'"
    runs = f"{url}/v1/matching/runs"
    return [
        f"Matchstream is ready at {url}",
        f"API key: {key}",
        "",
        "Try:",
        f"  {curl} '{runs}'",
        f"  {curl} '{runs}/{run_id}/results?limit=3'",
        f"  {curl} -N '{runs}/{run_id}/events'",
        "",
        "Ctrl-C stops the service; the data stays.",
    ]
