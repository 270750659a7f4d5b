"""Does the page of a run say what goes on and what came of it, with the AI too, to everybody?"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from service.cli.client import Client
from tests.browser.audit import complaints
from tests.browser.conftest import Tab, make_run, signed_in
from tests.fake_ai import vendor
from tests.fake_ai.vendor import GOOD_KEY, Vendor
from tests.service_process import ServiceProcess, running

DESKTOP = {"width": 1280, "height": 800}
LONG = "a-name-without-a-space-" * 8


@dataclass(frozen=True, slots=True)
class Asked:
    """A service that may ask the AI, and the stand-in that it asks."""

    service: ServiceProcess
    vendor: Vendor


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def asked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asked]:
    """One service for the tests of this file."""
    ai = Vendor()
    async with vendor.running(ai) as url:
        extra = {"ANTHROPIC_API_KEY": GOOD_KEY, "MATCHSTREAM_AI_BASE_URL": url}
        service = running(tmp_path_factory.mktemp("run") / "data", extra=extra)
        # Starting waits for what the process prints, which must not hold up the stand-in.
        started = await asyncio.to_thread(service.__enter__)
        try:
            yield Asked(started, ai)
        finally:
            await asyncio.to_thread(service.__exit__, None, None, None)


def invoices(count: int, **fields: Any) -> list[dict[str, Any]]:
    """Documents that are near to an order, and not near enough to count as a match."""
    known = {"vendor_name": "MGLL Bergen Steel", "amount": "2900"}
    return [{"id": f"D{place}", "fields": {**known, **fields}} for place in range(count)]


async def has_figure(tab: Tab, name: str, said: str) -> None:
    """Wait until a figure of the run says so."""
    figures = tab.page.locator("dl.figures > div").filter(
        has=tab.page.get_by_text(name, exact=True)
    )
    await expect(figures.locator("dd")).to_have_text(said)


async def test_the_ai_is_asked_once_one_has_seen_what_it_takes(
    browser: Browser, asked: Asked
) -> None:
    run_id = await make_run(asked.service, "ask", invoices(5))
    async with Client(asked.service.url, asked.service.key) as client:
        (result,) = [each async for each in client.run(run_id).results(document_id="D4")]
        review = f"/v1/matching/runs/{run_id}/results/{result['id']}/review"
        await client.ask("POST", review, json={"status": "rejected"})
    async with signed_in(browser, asked.service, viewport=DESKTOP) as tab:
        page = tab.page
        await tab.go(f"/runs/{run_id}")
        await tab.sees("5 documents done.")
        await has_figure(tab, "Worth a look", "5 100 %, 4 not reviewed")
        await has_figure(tab, "Reviewed", "1 0 approved, 1 rejected")
        assert await complaints(tab) == []
        await page.get_by_role("button", name="Ask the AI …").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_text("4 (80 % of all)").wait_for()
        for figure in ("Requests", "Tokens", "about $0.0"):
            await dialog.get_by_text(figure).wait_for()
        assert await complaints(tab) == []
        assert asked.vendor.asked == []
        await dialog.get_by_role("button", name="Ask the AI").click()
        await expect(page.get_by_role("term").filter(has_text="AI decided")).to_be_visible()
        await tab.sees("of 4, done")
        await page.get_by_role("button", name="Ask the AI …").click()
        await dialog.get_by_text("there is nothing to ask").wait_for()
        await dialog.get_by_role("button", name="Close").click()
        await tab.go(f"/runs/{run_id}/review?queue=ai")
        await tab.sees("The AI chose")
        assert await complaints(tab) == []
        assert tab.complaints == []
    async with Client(asked.service.url, asked.service.key) as client:
        # The dry run that counted is not left behind.
        runs = [run["id"] async for run in client.walk("/v1/matching/runs", {})]
    assert runs == [run_id]


async def test_a_run_is_watched_while_the_ai_decides_and_cancelled_after_a_question(
    browser: Browser, asked: Asked
) -> None:
    run_id = await make_run(asked.service, "watch", invoices(5, amount="2800"))
    asked.vendor.behaviour.latency_seconds = 600
    asked.vendor.arrived.clear()
    async with Client(asked.service.url, asked.service.key) as client:
        await client.ask("POST", f"/v1/matching/runs/{run_id}/ai-resolve")
    async with signed_in(browser, asked.service, viewport=DESKTOP) as tab:
        page = tab.page
        await tab.go(f"/runs/{run_id}")
        await asked.vendor.arrived.wait()
        await tab.sees("The AI decided 0 of 5 documents.")
        phases = page.get_by_role("list", name="Phases")
        assert await phases.locator("[aria-current=step]").inner_text() == "AI"
        await page.get_by_text("last word").wait_for()
        await expect(page.get_by_role("button", name="Review")).to_be_disabled()
        assert await complaints(tab) == []
        await page.context.set_offline(True)
        await tab.sees("Not connected: what you see may be old.")
        assert await complaints(tab) == []
        await page.context.set_offline(False)
        await page.locator("#connection").wait_for(state="hidden")
        await page.get_by_role("button", name="Cancel").click()
        await page.get_by_role("button", name="Back").click()
        await page.get_by_role("button", name="Cancel").click()
        await page.get_by_role("button", name="Cancel the run").click()
        await tab.sees("Cancelled after 5 documents; what is done is kept.")
        assert await complaints(tab) == []
        asked.vendor.behaviour.latency_seconds = 0.02
        await page.get_by_role("button", name="Run again").dblclick()
        await page.wait_for_url(lambda url: run_id not in url)
        await tab.sees("5 documents done.")
        assert tab.complaints == []
    async with Client(asked.service.url, asked.service.key) as client:
        config = (await client.run(run_id).state())["matching_config_id"]
        runs = [run async for run in client.walk("/v1/matching/runs", {"config_id": config})]
    assert len(runs) == 2


async def test_without_a_key_one_is_told_before_one_asks_the_ai(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "no key", invoices(1))
    async with signed_in(browser, service, viewport=DESKTOP) as tab:
        await tab.go(f"/runs/{run_id}")
        await tab.page.get_by_role("button", name="Ask the AI …").click()
        dialog = tab.page.get_by_role("dialog")
        await dialog.get_by_text("No key for the AI is set.").wait_for()
        await dialog.get_by_text("1 (100 % of all)").wait_for()
        await expect(dialog.get_by_role("button")).to_have_text(["Close"])
        assert await complaints(tab) == []


async def test_warnings_and_values_nobody_can_read_are_said_in_words(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, LONG, invoices(3, amount="see attachment"))
    async with signed_in(browser, service, viewport=DESKTOP) as tab:
        await tab.go(f"/runs/{run_id}")
        await tab.sees("3 values in the documents could not be read")
        await tab.sees("amount: see attachment (D0)")
        assert await complaints(tab) == []
        await tab.go(f"/runs/{run_id}/review?queue=pending")
        await tab.sees("could not be read as a number")
        assert await complaints(tab) == []


async def test_a_bar_of_the_histogram_tells_its_number_and_leads_to_its_results(
    browser: Browser, service: ServiceProcess
) -> None:
    documents = invoices(4)
    documents += [
        {"id": f"S{place}", "fields": {"vendor_name": "MGLL Steel PLC", "amount": "3070.53"}}
        for place in range(3)
    ]
    run_id = await make_run(service, "bars", documents)
    async with signed_in(browser, service, viewport=DESKTOP) as tab:
        page = tab.page
        await tab.go(f"/runs/{run_id}")
        last = page.get_by_role("link", name="95 % to 100 %: 3 results")
        await last.focus()
        await expect(last.locator(".told")).to_have_css("opacity", "1")
        await page.keyboard.press("Enter")
        await tab.sees("3 results like that, 1 to 3 shown.")
        assert await page.get_by_label("Confidence from").input_value() == "95"
        assert await complaints(tab) == []
        await page.get_by_role("link", name="S0").click()
        await tab.sees("Why this row")
        assert await complaints(tab) == []
        await page.get_by_role("link", name="Review this").click()
        await expect(page.get_by_role("heading", name="S0")).to_be_visible()
        await page.keyboard.press("a")
        await tab.sees("S0: approved.")
        await tab.go(f"/runs/{run_id}/results")
        await page.get_by_role("combobox", name="Review").select_option("approved")
        await tab.sees("1 result like that")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Export CSV").click()
        file = await download.value
        assert file.suggested_filename.startswith("bars 2")
        text = (await file.path()).read_text(encoding="utf-8-sig")
        assert [line.split(",")[0] for line in text.splitlines()] == ["document_id", "S0"]
        await page.reload()
        await expect(page.get_by_role("combobox", name="Review")).to_have_value("approved")


async def test_a_match_with_a_close_second_is_shown_as_worth_a_look_everywhere(
    browser: Browser, service: ServiceProcess
) -> None:
    fields = {"vendor_name": "MGLL Steel PLC", "amount": "3070.53"}
    run_id = await make_run(service, "verdicts", [{"id": "S", "fields": fields}])
    async with Client(service.url, service.key) as client:
        found = [each async for each in client.run(run_id).results()]
    ties = [each for each in found if each["uncertain"] and each["matched_reference_row_id"]]
    assert [each["document_id"] for each in ties] == ["S"], "two orders of it are as near"
    async with signed_in(browser, service, viewport=DESKTOP) as tab:
        page = tab.page
        await tab.go(f"/runs/{run_id}")
        await expect(page.locator("nav [aria-current]")).to_have_text("Runs")
        await has_figure(tab, "Matched", "0 0 %")
        await has_figure(tab, "Worth a look", "1 100 %")
        await has_figure(tab, "No match", "0 0 %")
        bar = page.locator(".column", has=page.get_by_role("link", name="95 % to 100 %"))
        await expect(bar.locator(".filled")).to_have_css("--ties", "100%")
        await tab.go(f"/runs/{run_id}/results")
        await page.get_by_role("combobox", name="Match").select_option("Worth a look")
        await tab.sees("1 result like that")
        await page.get_by_role("combobox", name="Match").select_option("Matched")
        await tab.sees("No result is like that.")
        await tab.go(f"/runs/{run_id}/review")
        await tab.sees("worth a look: a close second")
        await page.keyboard.press("a")
        await tab.sees("S: approved.")
        await tab.go(f"/runs/{run_id}")
        await has_figure(tab, "Worth a look", "1 100 %, 0 not reviewed")
        await has_figure(tab, "Reviewed", "1 1 approved, 0 rejected")
        await tab.sees("Reviews do not change these figures")
        await tab.go(f"/runs/{run_id}/results/{ties[0]['id']}")
        await tab.sees("approved by key first on")
        assert await complaints(tab) == []


async def test_many_results_are_walked_by_pages_in_either_order(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "pages", invoices(120))
    async with signed_in(browser, service, viewport=DESKTOP) as tab:
        page = tab.page
        await tab.go(f"/runs/{run_id}/results?sort=document")
        await tab.sees("120 results, 1 to 50 shown.")
        await page.get_by_role("button", name="Next").click()
        await tab.sees("120 results, 51 to 100 shown.")
        await expect(page.get_by_role("button", name="Next")).to_be_focused()
        await page.get_by_label("Page", exact=True).fill("3")
        await page.keyboard.press("Enter")
        await tab.sees("120 results, 101 to 120 shown.")
        assert "page=3" in page.url
        await page.get_by_role("button", name="Confidence").click()
        await expect(page.get_by_role("columnheader", name="Confidence")).to_have_attribute(
            "aria-sort", "descending"
        )
        await tab.sees("120 results, 1 to 50 shown.")
        await page.get_by_role("combobox", name="Review").select_option("rejected")
        await tab.sees("No result is like that.")
        assert await complaints(tab) == []
        await page.get_by_role("button", name="Show all").click()
        await tab.sees("120 results, 1 to 50 shown.")
        await tab.go(f"/runs/{run_id}/results?page=9")
        await tab.sees("120 results, 101 to 120 shown.")
        await tab.go("/runs/00000000-0000-7000-8000-000000000000")
        await tab.sees("There is no run")
        assert await complaints(tab) == []
