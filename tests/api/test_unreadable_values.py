"""Does a result say which dates and numbers it was made without, wherever it is told?"""

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.live import Live, running

ORDERS = [
    {"id": "o1", "name": "Vega Logistik", "due": "2024-02-28", "total": "100.00"},
    {"id": "o2", "name": "Nordwind Energie", "due": "2024-03-01", "total": "hundred"},
    {"id": "o3", "name": "Alpen Stahl", "due": "2024-03-02", "total": "50.00"},
]
INVOICES = {
    "a": {"vendor": "Vega Logistik", "day": "31.02.2024", "amount": 100},
    "b": {"vendor": "Nordwind Energie", "day": "2024-03-01", "amount": "much"},
    "c": {"vendor": "Alpen Stahl", "day": "n/a", "amount": 50},
}
MAPPINGS = [
    {"source": "vendor", "target": "name", "strategy": "fuzzy", "weight": 0.6},
    {"source": "day", "target": "due", "strategy": "date_range", "weight": 0.2},
    {"source": "amount", "target": "total", "strategy": "numeric_range", "weight": 0.2},
]


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path, documents=0) as value:
        yield value


async def completed(live: Live) -> Any:
    """A run of INVOICES against ORDERS."""
    made = await live.client.post(
        "/v1/reference-data", json={"name": "Orders", "id_column": "id", "data": ORDERS}
    )
    documents = [{"id": name, "fields": fields} for name, fields in INVOICES.items()]
    stored = await live.client.post("/v1/documents", json={"documents": documents})
    assert stored.status_code == 201, stored.text
    body = {"name": "x", "reference_data_id": made.json()["id"], "field_mappings": MAPPINGS}
    config = (await live.client.post("/v1/matching/configs", json=body)).json()
    run = await live.client.post(f"{config['links']['self']}/run")
    return await live.wait_until_ended(run.json())


async def test_a_sure_result_says_what_it_was_made_without(live: Live) -> None:
    run = await completed(live)
    page = await live.get(run["links"]["results"], sort="document")
    first, second, third = page["data"]

    assert first["confidence"] == 1.0
    assert first["evidence"]["day"]["unreadable"] == "document"
    assert first["evidence"]["day"]["document_value"] == "31.02.2024"
    assert first["candidates"][0]["evidence"] == first["evidence"]
    assert second["evidence"]["amount"]["unreadable"] == "both"
    assert not [each for each in third["evidence"].values() if "unreadable" in each]
    counted = {each["code"]: (each["count"], each["sample"]) for each in run["warnings"]}
    assert counted == {
        "unreadable_document_value": (2, "day: 31.02.2024 (a)"),
        "unreadable_reference_value": (1, "total: hundred"),
    }

    exported = await live.client.get(f"{run['links']['results']}/export", params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert [row["day.unreadable"] for row in rows] == ["document", "", ""]
    assert [row["amount.unreadable"] for row in rows] == ["", "both", ""]
    assert "vendor.unreadable" not in rows[0]

    path = f"{run['links']['results']}/{first['id']}/review"
    reviewed = await live.client.post(path, json={"status": "approved"})
    assert reviewed.json()["evidence"] == first["evidence"]
    (event,) = [each for each in await live.events(run) if each["type"] == "result.reviewed"]
    assert event["result"]["evidence"] == first["evidence"]
