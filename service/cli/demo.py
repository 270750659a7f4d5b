"""What does a newcomer see first? The shipped sample, matched live through the public API.

Every step looks first for what an earlier start has left, so that one that was interrupted is
picked up where it stopped and a finished one is shown again.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files

import typer
from rich.console import Console

from service.cli.answers import ClientError, JsonObject
from service.cli.client import CONFIGS, DOCUMENTS, REFERENCE_DATA, RUNS, TERMINAL, Client
from service.cli.display import Bar, Display, Lines, progress_of
from service.domain.errors import MatchstreamError

REFERENCE_NAME = "Sample purchase orders"
CONFIG_NAME = "Sample invoices to purchase orders"
COLLECTION = "sample"
NOUN = "invoices"
ORDERS, INVOICES = "purchase_orders.csv", "invoices.csv"

_SAMPLE = files("service.cli").joinpath("sample")

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


class SampleError(MatchstreamError):
    """The sample could not be loaded, run or shown."""

    code = "sample_failed"


async def run(url: str, key: str) -> None:
    """Load the sample where it is not there yet, run it, show how it goes and what to try next."""
    async with Client(url, key) as client:
        sample = Sample(client)
        try:
            found = await sample.run_of(await sample.config_of(await sample.reference_data()))
            if found["status"] not in TERMINAL:
                found = await sample.watch(found["id"])
        except ClientError as error:
            raise SampleError(str(error)) from error
    for line in [*_summary(found), "", *_first_steps(url, key, found["id"])]:
        typer.echo(line)


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample's resources, found or made through the API."""

    client: Client

    async def reference_data(self) -> str:
        """Return the id of the sample's reference data, with the documents there too."""
        identifier = await self._find(REFERENCE_DATA, name=REFERENCE_NAME, status="ready")
        if identifier is None:
            with (_SAMPLE / ORDERS).open("rb") as file:
                made = await self.client.upload_reference_data(
                    ORDERS, file, REFERENCE_NAME, "po_id"
                )
            identifier = str(made["id"])
        documents = await self.client.ask(
            "GET", DOCUMENTS, params={"collection": COLLECTION, "limit": 1}
        )
        if not documents["data"]:
            with (_SAMPLE / INVOICES).open("rb") as file:
                await self.client.upload_documents(INVOICES, file, COLLECTION, "invoice_id")
        return identifier

    async def config_of(self, reference_data_id: str) -> str:
        """Return the id of the sample's matching config."""
        found = await self._find(CONFIGS, name=CONFIG_NAME, reference_data_id=reference_data_id)
        if found is not None:
            return found
        made = await self.client.create_config({**CONFIG, "reference_data_id": reference_data_id})
        return str(made["id"])

    async def run_of(self, config_id: str) -> JsonObject:
        """Return the newest run of the config that did not fail, or a new one."""
        async for found in self.client.walk(RUNS, {"config_id": config_id}):
            if found["status"] not in {"failed", "cancelled"}:
                return found
        return await (await self.client.start_run(config_id)).state()

    async def watch(self, run_id: str) -> JsonObject:
        """Show the run's progress as its events tell it; return the run once it has ended."""
        handle = self.client.run(run_id)
        with closing(_display()) as display:
            async for event in handle.events():
                display.show(progress_of(event))
            found = await handle.state()
            display.show(found)
        return found

    async def _find(self, path: str, **wanted: str) -> str | None:
        """Return the id of the first item of a list with these values."""
        async for item in self.client.walk(path, {}):
            if all(item.get(name) == value for name, value in wanted.items()):
                return str(item["id"])
        return None


def _display() -> Display:
    """Choose how progress is shown."""
    console = Console()
    draws = console.is_terminal and not console.is_dumb_terminal
    return Bar(console, NOUN) if draws else Lines(console, NOUN)


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
    runs = f"{url}{RUNS}"
    return [
        f"Matchstream is ready at {url}",
        f"API key: {key}",
        "",
        "Open it in a browser and sign in with the key, or try:",
        f"  {curl} '{runs}'",
        f"  {curl} '{runs}/{run_id}/results?limit=3'",
        f"  {curl} -N '{runs}/{run_id}/events'",
        "",
        "Ctrl-C stops the service; the data stays.",
    ]
