"""Is everybody offered what their key may do, and nothing else?"""

from typing import TypeAlias

from playwright.async_api import Browser, Page, expect

from service.cli.client import API_KEYS, Client
from tests.browser.audit import DESKTOP
from tests.browser.conftest import Tab, make_run, sign_in, signed_in
from tests.service_process import ServiceProcess

# A control, by where it leads or else by what it is called: whether it says that it needs a scope.
Controls: TypeAlias = dict[str, bool]

# Who decides nothing skips nothing: for a reader it is called Next.
SKIP = "s\nSkip"
# Those one sees, without the bars of a histogram, which come late. Signing out is about the
# browser, not about the workspace.
_CONTROLS = """() => Object.fromEntries(
  [...document.querySelectorAll(":is(nav, main) :is(a, button, input, select, summary, textarea)")]
    .filter((each) => each.checkVisibility() && !each.closest("figure"))
    .map((each) => [
      each.getAttribute("href") ?? each.getAttribute("aria-label") ?? (each.innerText || each.type),
      each.closest("[data-needs]") !== null]))"""
# Press one of each that says it needs nothing, and then what there is in the dialogs it opened.
_PRESS = """async () => {
  const pressed = new Set();
  for (let round = 0; round < 2; round += 1) {
    for (const each of document.querySelectorAll(
      ":is(main, dialog) :is(button, summary, input[type=checkbox])")) {
      const place = each.closest("dialog, table, section");
      const name = `${place?.ariaLabel}: ${each.textContent}`;
      if (!each.checkVisibility() || each.closest("[data-needs]") || pressed.has(name)) continue;
      pressed.add(name);
      each.click();
    }
    while (document.querySelector("dialog")?.textContent.includes("Loading")) {
      await new Promise(requestAnimationFrame);
    }
    await fetch("/healthz"); // what was asked for before has left, too
  }
  document.querySelectorAll("dialog").forEach((each) => each.close());
  return [...pressed];
}"""


async def make_key(client: Client, name: str, *scopes: str) -> str:
    made = await client.ask("POST", API_KEYS, json={"name": name, "scopes": scopes})
    return str(made["key"])


def hear_writes(page: Page, writes: list[str]) -> None:
    """Note what the page asks the service to change."""
    page.on(
        "request",
        lambda sent: writes.append(f"{sent.method} {sent.url}") if sent.method != "GET" else None,
    )


async def controls_on(tab: Tab, place: str, complete: str) -> Controls:
    """Go to a place, wait for what is drawn last, and tell what one can do there."""
    await tab.go(place)
    await tab.page.locator(f"main {complete}:visible").first.wait_for()
    found: Controls = await tab.page.evaluate(_CONTROLS)
    return found


async def test_each_key_is_offered_all_that_it_may_do_and_nothing_else(
    browser: Browser, service: ServiceProcess
) -> None:
    fields = {"vendor_name": "MGLL Steel"}
    documents = [{"id": f"D{place}", "fields": fields} for place in range(3)]
    run_id = await make_run(service, "rights", documents)
    async with Client(service.url, service.key) as client:
        reader = await make_key(client, "auditor", "read")
        clerk = await make_key(client, "clerk", "read", "write")
        result = await anext(client.run(run_id).results())
        verdict = {"status": "approved", "notes": "seen by phone"}
        path = f"/v1/matching/runs/{run_id}/results/{result['id']}/review"
        await client.ask("POST", path, json=verdict)
        config = (await client.run(run_id).state())["matching_config_id"]
    # Place -> what is drawn last.
    working = {
        "/": "table a",
        "/data": "section:nth-of-type(3) table",
        f"/runs/{run_id}": ".phases",
        f"/runs/{run_id}/results/{result['id']}": "h2",
        f"/runs/{run_id}/review?queue=pending": ".facts",
    }
    reading = {f"/runs/{run_id}/results": "table a"}
    writing = {"/new": "h2", "/settings": "h2"}
    places = working | reading | writing

    offered, writes = dict[str, Controls](), list[str]()
    async with signed_in(browser, service, viewport=DESKTOP) as tab:
        hear_writes(tab.page, writes)
        for place, complete in places.items():
            offered[place] = await controls_on(tab, place, complete)
            await tab.page.evaluate(_PRESS)
            assert writes == [], f"pressed what is not marked on {place}"
        assert all(sum(offered[place].values()) > 1 for place in working | writing)

        await sign_in(tab.page.context, service.url, reader)
        await tab.page.evaluate("localStorage.clear()")  # also of what was pressed
        await tab.page.reload()
        for place, complete in places.items():
            controls = await controls_on(tab, place, complete)
            assert [name for name, needs in controls.items() if needs] == [], place
            reads = {name for name, needs in offered[place].items() if not needs}
            assert reads - {SKIP} <= controls.keys(), place
        await look_around(tab, run_id)
        await watch_a_run(tab, service, config)
        assert writes == []

        await sign_in(tab.page.context, service.url, clerk)
        await tab.go("/data")
        await expect(tab.page.get_by_role("link", name="Read only")).to_be_hidden()
        assert await controls_on(tab, "/data", places["/data"]) == offered["/data"]
        await tab.go("/settings")
        await tab.sees("admin keys and webhooks")
        await expect(tab.page.get_by_text("Make a key")).to_be_hidden()
        assert tab.complaints == []


async def look_around(tab: Tab, run_id: str) -> None:
    """Do what a reader does: filter, export, and go through cards by keys, also by wrong ones."""
    page = tab.page
    await expect(page.get_by_role("link", name="Read only")).to_be_visible()
    await tab.go(f"/runs/{run_id}/results")
    await page.get_by_role("combobox", name="Review").select_option("approved")
    await tab.sees("1 result like that")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Export CSV").click()
    assert (await download.value).suggested_filename.endswith(".csv")
    await tab.go(f"/runs/{run_id}/review?queue=approved")
    await tab.sees("seen by phone")
    for key in "arun":
        await page.keyboard.press(key)
        await tab.sees("Your key may only read")
    await page.keyboard.press("j")
    await tab.sees("That was the last one")


async def watch_a_run(tab: Tab, service: ServiceProcess, config_id: str) -> None:
    """See a run come into the list and end there."""
    await tab.go("/")
    rows = tab.page.locator("tbody tr")
    count = await rows.count()
    async with Client(service.url, service.key) as client:
        await client.start_run(config_id)
    await expect(rows).to_have_count(count + 1)
    await expect(rows.first).to_contain_text("Completed")
