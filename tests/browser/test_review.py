"""Can a person review with keys, a mouse or neither, beside others, and without a network?"""

import csv
from itertools import islice
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from service.cli.client import Client
from tests.browser.conftest import DATA, make_run, signed_in
from tests.browser.reviewing import LAPTOP, invoices, open_queue, results_of, review
from tests.service_process import ServiceProcess


def copies(count: int) -> list[dict[str, Any]]:
    """Documents that say what an order says, each of them another one."""
    with (DATA / "purchase_orders.csv").open(encoding="utf-8", newline="") as file:
        orders = islice(csv.DictReader(file), count)
        return [
            {"id": f"C{place}", "fields": {name: order[name] for name in ("vendor_name", "amount")}}
            for place, order in enumerate(orders)
        ]


def card_of(page: Page) -> Locator:
    """The card with the result at hand."""
    return page.get_by_role("region", name="Result", exact=True)


async def test_several_cards_are_reviewed_by_keys_alone(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "by keys", invoices(5))
    async with signed_in(browser, service, viewport=LAPTOP) as tab:
        page, keys = tab.page, tab.page.keyboard
        await tab.go(f"/runs/{run_id}/review?queue=pending")
        card = card_of(page)
        await expect(card.get_by_text("1 of 5")).to_be_visible()
        await keys.press("?")
        await expect(page.get_by_text("Keys work")).to_be_visible()

        await keys.press("2")
        chosen = card.get_by_role("button", pressed=True)
        second = str(await chosen.locator(".clip").inner_text())
        await keys.press("n")
        await keys.type("looked at twice: a1")  # in a note, letters are letters
        await page.get_by_label("Notes").blur()
        await keys.press("a")
        await tab.sees("D0: approved.")
        await keys.press("r")
        await tab.sees("D1: rejected.")
        await keys.press("j")
        await expect(card.get_by_text("4 of 5")).to_be_visible()
        await keys.press("k")
        await expect(card.get_by_text("3 of 5")).to_be_visible()
        await keys.press("u")
        await tab.sees("D1: taken back.")
        await expect(card.get_by_role("heading", name="D1")).to_be_visible()
        await keys.press("s")
        await expect(card.get_by_role("heading", name="D2")).to_be_visible()
        assert tab.complaints == []
    found = await results_of(service, run_id)
    assert {key: each["status"] for key, each in found.items()} == {
        "D0": "approved",
        "D1": "pending",
        "D2": "pending",
        "D3": "pending",
        "D4": "pending",
    }
    assert found["D0"]["matched_reference_row_id"] == second
    assert found["D0"]["notes"] == "looked at twice: a1"


async def test_without_shortcuts_the_focus_stays_where_one_works(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "no shortcuts", invoices(3))
    async with signed_in(browser, service, viewport=LAPTOP) as tab:
        page = tab.page
        await tab.go(f"/runs/{run_id}/review?queue=pending")
        await page.get_by_text("Keys", exact=True).click()
        await page.get_by_label("Keys work").uncheck()
        await page.locator("h1").click()
        await page.keyboard.press("a")
        await page.get_by_role("button", name="Approve", exact=True).focus()
        await page.keyboard.press("Enter")
        await tab.sees("D0: approved.")
        await page.keyboard.press("Enter")
        await tab.sees("D1: approved.")
        await expect(page.get_by_role("button", name="Approve", exact=True)).to_be_focused()
        await page.reload()
        await page.get_by_text("Keys", exact=True).click()
        await expect(page.get_by_label("Keys work")).not_to_be_checked()
    found = await results_of(service, run_id)
    assert [found[f"D{place}"]["status"] for place in range(3)] == ["approved"] * 2 + ["pending"]


async def test_the_whole_card_is_in_sight_on_a_laptop(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "in sight", invoices(2))
    async with signed_in(browser, service, viewport=LAPTOP) as tab:
        await tab.go(f"/runs/{run_id}/review?queue=pending")
        for part in ("heading", "button"):
            box = await card_of(tab.page).get_by_role(part).last.bounding_box()
            assert box is not None
            assert 0 < box["y"] <= LAPTOP["height"] - box["height"]
        sum_box = await card_of(tab.page).locator("tfoot").bounding_box()
        foot = await card_of(tab.page).locator(".foot").bounding_box()
        assert sum_box is not None
        assert foot is not None
        assert sum_box["y"] + sum_box["height"] <= foot["y"]


async def test_a_verdict_on_what_someone_else_reviewed_is_refused_and_said(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "two reviewers", invoices(3))
    async with signed_in(browser, service) as tab, Client(service.url, service.key) as other:
        # Without word of the other's review, it is the service that refuses.
        await tab.page.route("**/v1/events?*", lambda route: route.abort())
        await open_queue(tab, run_id)
        card = card_of(tab.page)
        await review(other, run_id, "D0", "rejected")
        await tab.page.keyboard.press("a")
        await tab.sees("D0: yours was not saved. Someone else has reviewed this result meanwhile")
        # One goes on with the card that is there, and looks again when one wants to.
        await expect(card.get_by_role("heading", name="D1")).to_be_visible()
        await tab.page.get_by_role("button", name="Look again").click()
        await expect(card.get_by_text("rejected")).to_be_visible()
    assert (await results_of(service, run_id))["D0"]["status"] == "rejected"


async def test_what_another_reviewer_does_is_seen_at_once(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "side by side", invoices(3))
    async with signed_in(browser, service) as tab, Client(service.url, service.key) as other:
        async with tab.page.expect_response("**/v1/events?types=result.reviewed"):
            await open_queue(tab, run_id)
        card = card_of(tab.page)
        await review(other, run_id, "D1", "approved")
        await review(other, run_id, "D0", "rejected")
        await tab.sees("Someone else has reviewed this result meanwhile: rejected")
        await tab.page.keyboard.press("a")
        await tab.sees("Once more to decide all the same.")
        assert (await results_of(service, run_id))["D0"]["status"] == "rejected"
        await tab.page.keyboard.press("a")
        await tab.sees("D0: approved.")
        # What the other has settled is passed over.
        await expect(card.get_by_role("heading", name="D2")).to_be_visible()


async def test_verdicts_without_a_network_are_kept_said_and_sent_later(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "offline", invoices(4))
    async with signed_in(browser, service) as tab:
        await open_queue(tab, run_id)
        card = card_of(tab.page)
        await tab.page.context.set_offline(True)
        await tab.page.keyboard.press("a")
        await tab.page.keyboard.press("r")
        await tab.sees("2 verdicts are not saved yet.")
        await expect(card.get_by_role("heading", name="D2")).to_be_visible()
        await tab.page.context.set_offline(False)
        await tab.sees("D1: rejected.")
        await expect(tab.page.get_by_text("not saved yet")).to_have_count(0)
    found = await results_of(service, run_id)
    assert [found[f"D{place}"]["status"] for place in range(3)] == [
        "approved",
        "rejected",
        "pending",
    ]


async def test_verdicts_that_wait_survive_a_reload_of_the_page(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "reload", invoices(2))
    async with signed_in(browser, service) as tab:
        await open_queue(tab, run_id)
        await tab.page.route("**/review", lambda route: route.abort())
        await tab.page.keyboard.press("a")
        await tab.sees("1 verdict is not saved yet.")
        await tab.page.unroute("**/review")
        # Leaving with something unsaved is asked about.
        tab.page.once("dialog", lambda dialog: dialog.accept())
        await tab.page.reload()
        await tab.sees("D0: approved.")
    assert (await results_of(service, run_id))["D0"]["status"] == "approved"


async def test_many_are_approved_from_a_line_up_and_counted_first(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "many", [*invoices(15), *copies(15)])
    found = await results_of(service, run_id)
    line = sorted(each["confidence"] for each in found.values())[5]
    above = {
        key for key, each in found.items() if each["confidence"] >= line and not each["uncertain"]
    }
    assert 0 < len(above) < 25, "some have a close second"
    async with signed_in(browser, service) as tab:
        await tab.go(f"/runs/{run_id}/review?queue=pending")
        await tab.page.get_by_role("button", name="Approve many").click()
        await tab.page.get_by_label("Confidence at least").fill(str(round(line * 100, 2)))
        await tab.sees(f"{len(above)} results would be approved.")
        await tab.page.get_by_role("button", name=f"Approve {len(above)}").click()
        await tab.sees(f"{len(above)} results approved.")
        found = await results_of(service, run_id)
        assert {key for key, each in found.items() if each["status"] == "approved"} == above

        other = min(above)
        async with Client(service.url, service.key) as client:
            await review(client, run_id, other, "rejected")
        await tab.page.keyboard.press("u")
        await tab.sees(f"{len(above) - 1} results taken back. 1 stay: someone has")
    found = await results_of(service, run_id)
    assert {each["status"] for key, each in found.items() if key != other} == {"pending"}
    assert found[other]["status"] == "rejected"


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
async def test_a_range_of_the_histogram_becomes_the_queue(
    browser: Browser, service: ServiceProcess, by: str
) -> None:
    run_id = await make_run(service, f"range by {by}", invoices(12))
    found = await results_of(service, run_id)
    within = sum(each["confidence"] >= 0.9 for each in found.values())
    async with signed_in(browser, service, viewport=LAPTOP) as tab:
        await tab.go(f"/runs/{run_id}/review?queue=pending")
        lowest = tab.page.get_by_role("slider", name="Lowest confidence")
        if by == "keyboard":
            await lowest.focus()
            for _ in range(18):
                await tab.page.keyboard.press("ArrowRight")
            await expect(lowest).to_have_attribute("aria-valuenow", "90")
        else:
            box = await tab.page.locator(".plot").bounding_box()
            assert box is not None
            height = box["y"] + box["height"] / 2
            await tab.page.mouse.move(box["x"] + 0.91 * box["width"], height)
            await tab.page.mouse.down()
            await tab.page.mouse.move(box["x"] + 0.99 * box["width"], height)
            await tab.page.mouse.up()
        await tab.sees("Confidence 90 % to 100 %")
        await expect(card_of(tab.page).get_by_text(f"1 of {within}")).to_be_visible()
        assert "from=18&to=19" in tab.page.url
