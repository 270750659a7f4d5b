"""How long from a reviewer's key to the next card, beside a page that asks for each card?"""

import asyncio
import shutil
import statistics
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright
from rich.console import Console
from rich.table import Table

from service.cli.client import Client
from tests.benchmarks import report
from tests.browser.conftest import ARGUMENTS, BROWSERS, DATA, signed_in
from tests.service_process import ServiceProcess, running

CARDS = 50
MAPPINGS = [
    {"source": "po_number", "target": "po_number", "strategy": "exact", "weight": 0.25},
    {"source": "vendor_name", "target": "vendor_name", "strategy": "fuzzy", "weight": 0.3},
    {"source": "amount", "target": "amount", "strategy": "numeric_range", "weight": 0.2},
    {"source": "invoice_date", "target": "order_date", "strategy": "date_range", "weight": 0.1},
    {"source": "currency", "target": "currency", "strategy": "exact", "weight": 0.05},
    {"source": "description", "target": "description", "strategy": "fuzzy", "weight": 0.1},
]
# From the moment of the key to the frame after the one that shows another card.
WATCH = """() => {
  window.waits = [];
  const name = () => document.querySelector(".card h2").textContent;
  addEventListener("keydown", (event) => {
    const before = name();
    const painted = () => requestAnimationFrame(() => {
      if (name() === before) return painted();
      const channel = new MessageChannel();
      channel.port1.onmessage = () => window.waits.push(performance.now() - event.timeStamp);
      channel.port2.postMessage(null);
    });
    painted();
  }, { capture: true });
}"""
# The same card, asked for when it is wanted.
ON_DEMAND = """async ([run, results]) => {
  const { ask, runPath } = await import("/static/api.js");
  const { evidenceTable } = await import("/static/evidence.js");
  const place = document.body.appendChild(document.createElement("div"));
  const waits = [];
  for (const id of results) {
    const begun = performance.now();
    const result = await ask("GET", `${runPath(run)}/results/${id}`);
    place.replaceChildren(evidenceTable(result.evidence));
    await new Promise((resolve) => requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = resolve;
      channel.port2.postMessage(null);
    }));
    waits.push(performance.now() - begun);
  }
  place.remove();
  return waits;
}"""


def main() -> None:
    """Print both, in milliseconds; the ratio is of the medians."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as service:
        ours, on_demand = asyncio.run(measure(service))
    table = Table(title=f"From the key to the next of {CARDS} cards, painted")
    for heading in ("case", "p50 ms", "max ms", "on demand ÷ this"):
        table.add_column(heading, justify="right")
    base = statistics.median(on_demand)
    figures = {}
    for name, waits in (("read ahead, saved behind", ours), ("asked for on demand", on_demand)):
        middle = statistics.median(waits)
        table.add_row(name, f"{middle:.1f}", f"{max(waits):.1f}", f"{base / middle:.1f}x")
        figures[name] = {"p50_ms": middle, "max_ms": max(waits), "cards": len(waits)}
    Console().print(table)
    report.write("review", figures)


async def measure(service: ServiceProcess) -> tuple[list[float], list[float]]:
    """Approve so many cards by the key; then ask for as many, one by one."""
    program = next(filter(None, map(shutil.which, BROWSERS)))
    run_id, results = await make_results(service)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS])
        async with signed_in(browser, service, viewport={"width": 1280, "height": 800}) as tab:
            await tab.go(f"/runs/{run_id}/review?queue=pending")
            await tab.page.locator(".card h2").filter(has_text="D").wait_for()
            ours = await approve(tab.page)
            on_demand = await tab.page.evaluate(ON_DEMAND, [run_id, results[:CARDS]])
        await browser.close()
    return ours, on_demand


async def approve(page: Page) -> list[float]:
    """Press the key for one card after the other, each when the last one is painted."""
    await page.evaluate(WATCH)
    for place in range(1, CARDS + 1):
        await page.keyboard.press("a")
        await page.wait_for_function("place => window.waits.length >= place", arg=place)
    return [float(wait) for wait in await page.evaluate("window.waits")]


async def make_results(service: ServiceProcess) -> tuple[str, list[str]]:
    """Match the invoices; return the run and its results, surest first."""
    async with Client(service.url, service.key) as client:
        with (DATA / "purchase_orders.csv").open("rb") as file:
            reference = await client.upload_reference_data(
                "purchase_orders.csv", file, "orders", "po_id"
            )
        with (DATA / "invoices.csv").open("rb") as file:
            await client.upload_documents("invoices.csv", file, "invoices", "invoice_id")
        config = await client.create_config(
            {
                "name": "invoices",
                "reference_data_id": reference["id"],
                "field_mappings": MAPPINGS,
                "target_type": "collection",
                "target_value": {"collection": "invoices"},
            }
        )
        run = await client.start_run(config["id"])
        async for _ in run.events():
            pass
        return run.id, [result["id"] async for result in run.results()]


if __name__ == "__main__":
    main()
