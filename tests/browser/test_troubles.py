"""Do the pages hold when the network, another tab or one's own haste comes in between?"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from playwright.async_api import Browser, Page, Route, expect

from service.cli.client import Client
from tests.browser.conftest import Tab, make_run, signed_in
from tests.browser.reviewing import LAPTOP, invoices, open_queue, results_of, review
from tests.service_process import ServiceProcess

TODAY = datetime(2024, 9, 2, tzinfo=UTC)


@asynccontextmanager
async def cut_off(page: Page, pattern: str) -> AsyncIterator[None]:
    """Let requests like that not get through, to the end of the block."""
    await page.route(pattern, lambda route: route.abort())
    yield
    await page.unroute(pattern)


class Held:
    """Requests that wait until they are let go."""

    def __init__(self, page: Page) -> None:
        """Hold nothing yet."""
        self._page = page
        self._routes: list[Route] = []

    async def hold(self, pattern: str) -> None:
        """Let requests like that wait."""

        async def keep(route: Route) -> None:
            self._routes.append(route)

        await self._page.route(pattern, keep)

    async def let_go(self) -> None:
        """Answer what waits; returns when the page has taken the answers."""
        held, self._routes = self._routes, []
        for route in held:
            await route.continue_()
            response = await route.request.response()
            assert response is not None
            await response.finished()
        # What is asked for now is answered after the page has heard of the others.
        await self._page.evaluate("fetch('/healthz').then((reply) => reply.text())")


async def leave(tab: Tab) -> None:
    """Go to where nothing of a run is shown."""
    await tab.go("/data")
    await tab.page.get_by_role("heading", name="Saved matches").wait_for()


async def test_a_page_that_is_left_while_it_loads_leaves_nothing_behind(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "left", invoices(2))
    async with signed_in(browser, service) as tab:
        page, held, streams = tab.page, Held(tab.page), list[str]()
        cards = "**/results?*limit=50*"
        await held.hold(cards)
        async with page.expect_request(cards):
            await page.goto(f"{service.url}/#/runs/{run_id}/review?queue=pending")
        await expect(page.get_by_label("Queue")).to_have_value("pending")
        await tab.sees("Loading")
        await leave(tab)
        page.on("request", lambda request: streams.append(request.url))
        await held.let_go()
        assert [url for url in streams if "/v1/events" in url] == []
        assert page.url.endswith("#/data")
        assert tab.complaints == []


async def test_a_range_chosen_last_wins_and_none_is_opened_after_one_has_left(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "haste", invoices(12))
    async with signed_in(browser, service, viewport=LAPTOP) as tab:
        page, held = tab.page, Held(tab.page)
        await page.clock.install(time=TODAY)
        await open_queue(tab, run_id)
        lowest = page.get_by_role("slider", name="Lowest confidence")
        await lowest.wait_for()
        await page.clock.pause_at(TODAY + timedelta(hours=1))
        first = "**/results?*min_confidence=0.9000*limit=50*"
        await held.hold(first)
        await lowest.focus()
        for _ in range(18):
            await page.keyboard.press("ArrowRight")
        async with page.expect_request(first):
            await page.clock.run_for(500)
        await page.keyboard.press("ArrowRight")
        await page.clock.run_for(500)
        await tab.sees("Confidence 95 % to 100 %")
        await held.let_go()
        await expect(page.get_by_text("Confidence 95 % to 100 %")).to_be_visible()
        assert "from=19&to=19" in page.url

        await page.keyboard.press("ArrowLeft")
        async with page.expect_request(first):
            await page.clock.run_for(500)
        await page.keyboard.press("ArrowRight")
        await held.let_go()
        await tab.sees("Confidence 90 % to 100 %")
        # The answer does not move what one is moving.
        await expect(lowest).to_have_attribute("aria-valuetext", re.compile("^95 %"))
        await page.clock.run_for(500)
        await tab.sees("Confidence 95 % to 100 %")

        await page.keyboard.press("ArrowLeft")
        await leave(tab)
        await page.clock.run_for(1000)
        assert page.url.endswith("#/data")
        assert tab.complaints == []


async def test_a_queue_that_cannot_be_read_leaves_the_one_that_is_there(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "unread", invoices(3))
    async with signed_in(browser, service) as tab:
        page = tab.page
        await open_queue(tab, run_id)
        async with cut_off(page, "**/results?*status=rejected*"):
            await page.get_by_label("Queue").focus()
            await page.get_by_label("Queue").select_option("rejected")
            await tab.sees("The service cannot be reached.")
        await expect(page.get_by_label("Queue")).to_have_value("pending")
        await expect(page.get_by_label("Queue")).to_be_focused()
        assert "queue=pending" in page.url


async def test_cards_that_cannot_be_read_on_are_asked_for_again(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "read on", invoices(51))
    async with signed_in(browser, service) as tab:
        page = tab.page
        await open_queue(tab, run_id)
        await page.get_by_text("1 of 51").wait_for()
        card = page.get_by_role("region", name="Result", exact=True)
        again = card.get_by_role("button", name="Try again")
        async with cut_off(page, "**/results?*cursor=*"):
            for _ in range(50):
                await page.keyboard.press("j")
            await again.wait_for()
        await again.click()
        await page.get_by_text("51 of 51").wait_for()
        assert tab.complaints == []


async def test_the_histogram_beside_the_card_comes_when_it_can_and_counts_along(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "counts", invoices(3))
    async with signed_in(browser, service, viewport=LAPTOP) as tab:
        page = tab.page
        await page.clock.install()
        async with cut_off(page, "**/results?*limit=1"):
            await open_queue(tab, run_id)
            side = page.get_by_role("region", name="What waits")
            await side.get_by_text("The service cannot be reached.").wait_for()
        await page.clock.run_for(3_000)
        lowest = page.get_by_role("slider", name="Lowest confidence")
        await expect(lowest).to_have_attribute("aria-valuetext", "0 %, 3 results between")
        await page.keyboard.press("a")
        await expect(lowest).to_have_attribute("aria-valuetext", "0 %, 2 results between")
        await page.keyboard.press("u")
        await expect(lowest).to_have_attribute("aria-valuetext", "0 %, 3 results between")


async def test_a_verdict_that_is_refused_after_one_has_left_is_told_wherever_one_is(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "refused later", invoices(2))
    async with signed_in(browser, service) as tab, Client(service.url, service.key) as other:
        page, held = tab.page, Held(tab.page)
        link = page.get_by_role("link", name="Look at what was not saved")
        await held.hold("**/review")
        async with cut_off(page, "**/v1/events?*"):
            await open_queue(tab, run_id)
            async with page.expect_request("**/review"):
                await page.keyboard.press("a")
            await leave(tab)
            await review(other, run_id, "D0", "rejected")
        await held.let_go()
        # Also where nobody can say what is there now.
        async with cut_off(page, "**/results/0*"):
            await link.click()
            await tab.sees("D0: yours was not saved.")
        await expect(link).to_be_hidden()
    assert (await results_of(service, run_id))["D0"]["status"] == "rejected"


async def test_an_undo_that_waits_is_sent_from_wherever_the_tab_is_loaded_anew(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "undo later", invoices(2))
    async with signed_in(browser, service) as tab:
        page = tab.page
        await open_queue(tab, run_id)
        await page.keyboard.press("a")
        await tab.sees("D0: approved.")
        async with cut_off(page, "**/review"):
            await page.keyboard.press("u")
            await tab.sees("1 verdict is not saved yet.")
            await leave(tab)
        page.once("dialog", lambda dialog: dialog.accept())
        async with page.expect_response("**/review") as sent:
            await page.reload()
        assert (await sent.value).ok
    assert (await results_of(service, run_id))["D0"]["status"] == "pending"


async def test_a_session_that_ends_in_a_review_loses_no_note_and_no_verdict(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "ended", invoices(2))
    async with signed_in(browser, service) as tab:
        page = tab.page
        await open_queue(tab, run_id)
        await page.get_by_label("Notes").fill("asked by phone")
        await page.reload()
        await expect(page.get_by_label("Notes")).to_have_value("asked by phone")
        await page.context.clear_cookies()
        await page.keyboard.press("a")
        await tab.sees("Your session has ended.")
        await page.get_by_label("API key").fill(service.key)
        await page.get_by_role("button", name="Sign in").click()
        await tab.sees("D0: approved.")
        assert tab.complaints == []  # nor was one asked whether to leave
    async with Client(service.url, service.key) as client:
        found = [each async for each in client.run(run_id).results(document_id="D0")]
    assert [(each["status"], each["notes"]) for each in found] == [("approved", "asked by phone")]


async def test_a_run_whose_match_cannot_be_read_is_not_shown_as_one_without(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "unknown match", invoices(1))
    async with signed_in(browser, service) as tab:
        page = tab.page
        async with cut_off(page, "**/v1/matching/configs/*"):
            await tab.go(f"/runs/{run_id}")
            await tab.sees("That did not work")
        await page.get_by_role("button", name="Try again").click()
        await page.get_by_role("heading", name="unknown match").wait_for()


async def test_a_run_that_hangs_says_how_long_nothing_was_heard(
    browser: Browser, service: ServiceProcess
) -> None:
    run_id = await make_run(service, "hangs", invoices(1))

    async def old(route: Route) -> None:
        reply = await route.fetch()
        long_ago = {"status": "running", "phase": "matching", "updated_at": "2024-09-02T08:00:00Z"}
        await route.fulfill(json={**await reply.json(), **long_ago})

    async with signed_in(browser, service) as tab:
        await tab.page.route(f"**/{run_id}/progress", old)
        async with cut_off(tab.page, f"**/{run_id}/events"):
            await tab.go(f"/runs/{run_id}")
            age = tab.page.get_by_text("last word")
            await expect(age).to_contain_text(" h ")
            await expect(age).to_have_class("dim number stale")


async def test_streams_end_with_who_follows_them_and_rest_while_nobody_looks(
    browser: Browser, service: ServiceProcess
) -> None:
    async with signed_in(browser, service) as tab:
        page = tab.page
        # More streams than a browser lends connections to one host: nothing else gets through.
        await page.evaluate("""async () => {
          const { follow } = await import("/static/live.js");
          window.streams = [];
          const open = (heard) => streams.push(
            follow("/v1/events", ["workspace.snapshot"], heard, () => {}));
          await new Promise(open);
          for (let others = 0; others < 5; others += 1) open(() => {});
          window.through = fetch("/healthz").then((reply) => reply.status);
          window.see = (isHidden) => {
            Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
          };
        }""")
        await page.evaluate("see(true)")
        assert await page.evaluate("through") == 200
        async with page.expect_request("**/v1/events*last_event_id=*"):
            await page.evaluate("streams.splice(1).forEach((each) => each.close()); see(false)")
        await page.evaluate("streams[0].close()")


async def test_a_stream_that_is_closed_while_it_is_asked_for_again_stays_closed(
    browser: Browser, service: ServiceProcess
) -> None:
    async with signed_in(browser, service) as tab:
        page, asked = tab.page, list[Route]()

        async def refuse(route: Route) -> None:
            asked.append(route)
            if len(asked) != 2:  # the stream itself, and whatever would come after it is closed
                await route.fulfill(status=503)

        await page.clock.install()
        await page.route("**/v1/refused", refuse)
        async with page.expect_request(lambda _: len(asked) == 1):
            await page.evaluate("""async () => {
              const { follow } = await import("/static/live.js");
              window.stream = follow("/v1/refused", [], () => {}, () => {});
            }""")
        await page.evaluate("stream.close()")
        await asked[1].fulfill(status=503)
        await page.evaluate("fetch('/healthz').then((reply) => reply.text())")
        await page.clock.run_for(60_000)
        await page.evaluate("fetch('/healthz').then((reply) => reply.text())")
        assert len(asked) == 2
