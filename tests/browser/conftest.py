"""What does a browser test see? A real service, and a real Chromium that is signed in to it."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright, expect

from service.cli.client import Client
from service.ui import pages
from tests.service_process import ServiceProcess, running

SECONDS = 120
PAGE_MILLISECONDS = 20_000
expect.set_options(timeout=PAGE_MILLISECONDS)
DATA = Path(__file__).parents[1] / "data" / "invoices_1k"
# Where modules are tried without a service.
HERE = "http://modules.test"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# As root, without a screen, and without looking for updates or other hosts.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MAPPINGS = [
    {"source": "vendor_name", "target": "vendor_name", "strategy": "fuzzy", "weight": 0.6},
    {"source": "amount", "target": "amount", "strategy": "numeric_range", "weight": 0.4},
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give this folder's tests the time that a service and a browser take, and one browser to all.

    What a test awaits in the browser belongs to the browser's loop: they share that, too.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(SECONDS))
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program; only where everything is tested it has to be there."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = "There is no Chromium here: on Debian and Ubuntu, 'apt install chromium'."
        if os.environ.get("CI"):  # noqa: TID251 - of the suite alone
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A running service, shared; it may call webhooks on this machine."""
    extra = {"MATCHSTREAM_WEBHOOK_ALLOW_HTTP": "true", "MATCHSTREAM_WEBHOOK_NETWORKS": "127.0.0.1"}
    with running(tmp_path_factory.mktemp("browser") / "data", extra=extra) as service:
        yield service


@dataclass
class Tab:
    """A page of the service; `complaints` are what the browser logged and what was refused."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    async def go(self, place: str) -> None:
        """Open a place of the page, as a link to it does, and wait for its heading."""
        await self.page.goto(f"{self.url}/#{place}")
        await self.page.locator("main h1").wait_for()

    async def sees(self, text: str) -> None:
        """Wait until the text is there."""
        await self.page.get_by_text(text).first.wait_for()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A browser, shared: what a test must not see of another is in contexts of their own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """An empty page beside the modules, which are served from the package, without a service."""

    async def serve(route: Route) -> None:
        name = route.request.url.removeprefix(f"{HERE}/")
        text = pages.text(name) if name else "<!doctype html>"
        kind = "text/javascript" if name else "text/html"
        await route.fulfill(body=text, content_type=kind)

    opened = await browser.new_page()
    await opened.route(f"{HERE}/**", serve)
    await opened.goto(f"{HERE}/")
    yield opened
    await opened.close()


async def call(page: Page, module: str, function: str, *arguments: object) -> Any:
    """Call what a module exports."""
    script = "async ([module, name, given]) => (await import(`/${module}.js`))[name](...given)"
    return await page.evaluate(script, [module, function, arguments])


@asynccontextmanager
async def signed_in(browser: Browser, service: ServiceProcess, **look: Any) -> AsyncIterator[Tab]:
    """Open a tab that has a session, at the start page; `look` is size, colours and motion."""
    context = await browser.new_context(**look)
    context.set_default_timeout(PAGE_MILLISECONDS)
    tab = Tab(await context.new_page(), service.url)
    tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.page.on("dialog", lambda dialog: tab.complaints.append(dialog.message))
    await sign_in(context, service.url, service.key)
    await tab.page.goto(f"{service.url}/")
    await tab.page.get_by_role("heading", name="Runs").wait_for()
    try:
        yield tab
    finally:
        await context.close()


async def sign_in(context: BrowserContext, url: str, key: str) -> None:
    """Begin a session with a key, in place of the one there may be."""
    reply = await context.request.post(
        f"{url}/login", form={"key": key}, headers={"Origin": url}, max_redirects=0
    )
    assert reply.status == HTTPStatus.SEE_OTHER


async def make_run(service: ServiceProcess, name: str, documents: list[dict[str, Any]]) -> str:
    """Match documents with the invoices' purchase orders; return the run's id."""
    async with Client(service.url, service.key) as client:
        with (DATA / "purchase_orders.csv").open("rb") as file:
            reference = await client.upload_reference_data(
                "purchase_orders.csv", file, name, "po_id"
            )
        body = {"documents": [{**each, "collection": name} for each in documents]}
        await client.ask("POST", "/v1/documents", json=body)
        config = await client.create_config(
            {
                "name": name,
                "reference_data_id": reference["id"],
                "field_mappings": MAPPINGS,
                "threshold": 0.8,
                "review_threshold": 0.2,
                "target_type": "collection",
                "target_value": {"collection": name},
            }
        )
        run = await client.start_run(config["id"])
        async for _ in run.events():
            pass
        assert (await run.state())["status"] == "completed"
    return run.id
