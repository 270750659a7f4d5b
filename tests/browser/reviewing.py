"""What do tests of the review share? Documents, the queue of those that wait, and what is saved."""

from typing import Any

from playwright.async_api import expect

from service.cli.client import Client
from tests.browser.conftest import Tab
from tests.service_process import ServiceProcess

LAPTOP = {"width": 1280, "height": 640}


def invoices(count: int) -> list[dict[str, Any]]:
    """Documents that match one and the same order, the first one best."""
    return [
        {
            "id": f"D{place}",
            "fields": {"vendor_name": "MGLL Steel PLC", "amount": str(3070.53 + place)},
        }
        for place in range(count)
    ]


async def open_queue(tab: Tab, run_id: str) -> None:
    """Open the review of all that waits, and see the first card."""
    await tab.go(f"/runs/{run_id}/review?queue=pending")
    card = tab.page.get_by_role("region", name="Result", exact=True)
    await expect(card.get_by_role("heading", name="D0")).to_be_visible()


async def results_of(service: ServiceProcess, run_id: str) -> dict[str, dict[str, Any]]:
    """What the API says of each document."""
    async with Client(service.url, service.key) as client:
        return {result["document_id"]: result async for result in client.run(run_id).results()}


async def review(client: Client, run_id: str, document_id: str, status: str) -> None:
    """Review a result as somebody else would."""
    (result,) = [each async for each in client.run(run_id).results(document_id=document_id)]
    path = f"/v1/matching/runs/{run_id}/results/{result['id']}/review"
    await client.ask("POST", path, json={"status": status})
