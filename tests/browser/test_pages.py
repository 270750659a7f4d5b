"""Do the pages lead from two files to a reviewed match, for everybody, whatever is in the data?"""

from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from service.cli.client import Client
from tests.browser.audit import DESKTOP, complaints
from tests.browser.conftest import DATA, make_run, signed_in
from tests.service_process import ServiceProcess, running

MARKUP = '<img src=x onerror="alert(1)">'


def invoices(count: int) -> list[dict[str, Any]]:
    """Documents that match an order well, badly or not at all, in turns."""
    vendors = ("MGLL Steel PLC", "Steel of MGLL", "Nobody We Know")
    return [
        {"id": f"D{place}", "fields": {"vendor_name": vendors[place % 3], "amount": "3070.53"}}
        for place in range(count)
    ]


async def test_a_newcomer_gets_from_two_files_to_a_reviewed_match(
    browser: Browser, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as fresh:
        async with signed_in(browser, fresh, viewport=DESKTOP) as tab:
            page = tab.page
            await tab.sees("Nothing has run yet")
            await page.get_by_role("link", name="Start").click()
            await (
                page.locator("input[type=file]")
                .nth(0)
                .set_input_files(DATA / "purchase_orders.csv")
            )
            assert await page.get_by_label("Column with ids").input_value() == "po_id"
            await page.get_by_role("button", name="Upload purchase_orders.csv").click()
            await page.get_by_text("purchase_orders: 1,000 rows").wait_for()
            await page.locator("input[type=file]").set_input_files(DATA / "invoices.csv")
            await page.get_by_role("button", name="Upload invoices.csv").click()
            await page.get_by_role("group", name="vendor_name").wait_for()
            await tab.sees("of 100 documents would match.")
            await page.get_by_role("button", name="Run", exact=True).click()
            await tab.sees("500 documents done.")

            await page.get_by_role("link", name="Review", exact=True).click()
            await page.get_by_label("Queue").select_option("matched")
            await page.get_by_role("button", name="Approve", exact=False).nth(1).wait_for()
            await page.keyboard.press("a")
            await page.get_by_text(": approved.").wait_for()
            await page.keyboard.press("u")
            await page.get_by_text(": taken back.").wait_for()
            await page.get_by_role("button", name="Approve many").click()
            await page.get_by_text("results would be approved.").wait_for()
            await page.get_by_role("dialog").get_by_role("button", name="Approve").click()
            await tab.sees("results approved.")
            assert tab.complaints == []
        async with Client(fresh.url, fresh.key) as client:
            (run,) = [
                run async for run in client.walk("/v1/matching/runs", {}) if not run["dry_run"]
            ]
            results = [result async for result in client.run(run["id"]).results()]
        certain = [
            result["status"]
            for result in results
            if result["matched_reference_row_id"] and not result["uncertain"]
        ]
        assert set(certain) == {"approved"}


async def test_pages_can_be_used_by_everybody(browser: Browser, service: ServiceProcess) -> None:
    run_id = await make_run(service, "everybody", invoices(12))
    async with signed_in(browser, service) as tab:
        places = ("/", f"/runs/{run_id}", f"/runs/{run_id}/results", f"/runs/{run_id}/review")
        for place in places:
            await tab.go(place)
            assert await complaints(tab) == [], place
        await tab.page.get_by_role("group", name="Candidates").wait_for()
        await tab.page.get_by_text("Keys", exact=True).click()
        assert await complaints(tab) == []
        assert tab.complaints == []


async def test_a_spreadsheet_of_another_country_is_read_as_it_was_saved(
    browser: Browser, service: ServiceProcess, tmp_path: Path
) -> None:
    orders = "Nr;Kreditor;Betrag\nB-1;Müller & Söhne;1.250,00\nB-2;Käse Krüger;88,40\n"
    invoices = "Rechnung;Kreditor;Betrag\nR-1;MÜLLER & SÖHNE;1.250,00\nR-2;;88,40\n"
    for name, text in (("bestellungen.csv", orders), ("rechnungen.csv", invoices)):
        (tmp_path / name).write_bytes(text.encode("cp1252"))
    async with signed_in(browser, service, viewport=DESKTOP) as tab:
        page = tab.page
        await tab.go("/new")
        await page.locator("input[type=file]").nth(0).set_input_files(tmp_path / "bestellungen.csv")
        await page.get_by_role("button", name="Upload bestellungen.csv").click()
        await page.get_by_text("bestellungen: 2 rows").wait_for()
        await page.locator("input[type=file]").set_input_files(tmp_path / "rechnungen.csv")
        await page.get_by_role("button", name="Upload rechnungen.csv").click()
        preview = page.get_by_role("region", name="First rows of Collection rechnungen")
        await preview.get_by_text("MÜLLER & SÖHNE").wait_for()
        second = preview.locator("tbody tr").nth(1).locator("td")
        assert sorted(await second.all_inner_texts()) == ["", "88,40", "R-2"]
        amount = page.get_by_role("group", name="Betrag")
        assert await amount.locator("select").nth(1).input_value() == "numeric_range"
        await page.get_by_role("button", name="Run", exact=True).click()
        await tab.sees("2 documents done.")
        assert tab.complaints == []


async def test_what_is_in_the_data_never_becomes_part_of_the_page(
    browser: Browser, service: ServiceProcess
) -> None:
    fields = {"vendor_name": MARKUP, "amount": "3070.53"}
    documents = [{"id": MARKUP, "filename": f"{MARKUP}.pdf", "fields": fields}]
    run_id = await make_run(service, MARKUP, documents)
    async with signed_in(browser, service) as tab:
        for place in ("/", f"/runs/{run_id}", f"/runs/{run_id}/results"):
            await tab.go(place)
            await tab.sees(MARKUP)
        await tab.go(f"/runs/{run_id}/review")
        await tab.page.get_by_label("Queue").select_option("pending")
        await tab.page.get_by_role("heading", name=f"{MARKUP}.pdf").wait_for()
        assert await tab.page.locator("main img").count() == 0
        assert tab.complaints == []


async def test_a_service_that_went_away_is_said_and_found_again(
    browser: Browser, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as first:
        async with signed_in(browser, first) as tab:
            port = first.url.rpartition(":")[2]
            first.stop()
            await tab.sees("Not connected: what you see may be old.")
            with running(tmp_path / "data", extra={"MATCHSTREAM_PORT": port}):
                await tab.page.locator("#connection").wait_for(state="hidden")
            assert tab.complaints == []
