"""Does a browser get in, and back to where it was, and are keys and webhooks in hand?"""

from playwright.async_api import Browser, Page, expect

from service.cli.client import Client
from tests import receiver
from tests.browser.audit import complaints
from tests.browser.conftest import signed_in
from tests.receiver import Answer
from tests.service_process import ServiceProcess


async def test_one_signs_in_and_is_where_one_wanted_to_be(
    browser: Browser, service: ServiceProcess
) -> None:
    async with signed_in(browser, service) as tab:
        page = tab.page
        await page.goto(f"{service.url}/first-steps")
        assert await complaints(tab) == []
        await page.get_by_role("link", name="Runs").click()
        await page.get_by_role("button", name="Sign out").click()
        await page.goto(f"{service.url}/#/settings")
        await page.get_by_role("heading", name="Sign in").wait_for()
        assert await complaints(tab) == []
        await page.get_by_label("API key").fill("ms_wrong")
        await page.get_by_role("button", name="Sign in").click()
        await tab.sees("The API key is unknown, revoked or expired.")
        assert await complaints(tab) == []
        await page.get_by_label("API key").fill(service.key)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("heading", name="API keys").wait_for()

        await page.context.clear_cookies()
        await page.get_by_role("link", name="Data").click()
        await tab.sees("Your session has ended.")
        await page.get_by_label("API key").fill(service.key)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("heading", name="Saved matches").wait_for()
        assert tab.complaints == []


async def test_a_key_is_made_shown_once_and_revoked(
    browser: Browser, service: ServiceProcess
) -> None:
    async with signed_in(browser, service) as tab:
        page = tab.page
        await tab.go("/settings")
        await leave_the_form_for_a_key(page)
        await page.get_by_text("Make a key").click()
        assert await page.get_by_label("Name", exact=True).input_value() == ""
        await page.get_by_label("Name", exact=True).fill("ledger")
        await page.get_by_label("write").uncheck()
        await page.get_by_label("Ends").select_option("in 90 days")
        await page.get_by_role("button", name="Make the key").dblclick()
        await tab.sees("It is shown this once")
        secret = page.locator(".secret code")
        await expect(secret).to_be_focused()
        # A network that comes back draws a page anew, but not over what is shown this once.
        await page.evaluate("dispatchEvent(new Event('online'))")
        key = await secret.inner_text()
        async with Client(service.url, key) as reader:
            assert (await reader.ask("GET", "/v1/session"))["api_key"]["name"] == "ledger"
        assert await complaints(tab) == []
        row = page.get_by_role("row").filter(has_text="ledger")
        await expect(row).to_contain_text("read")
        await row.get_by_role("button", name="Revoke ledger").click()
        await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        await page.get_by_text("Revoked and expired keys").wait_for()
        await expect(page.locator(".secret")).to_have_count(0)
        assert tab.complaints == []
    async with Client(service.url, service.key) as client:
        keys = [each async for each in client.walk("/v1/api-keys", {})]
    (made,) = [each for each in keys if each["name"] == "ledger"]
    assert (made["scopes"], made["status"]) == (["read"], "revoked")
    assert made["expires_at"] is not None


async def leave_the_form_for_a_key(page: Page) -> None:
    """Begin a key, and think better of it, in both ways."""
    for leave in ("Cancel", "Escape"):
        await page.get_by_text("Make a key").click()
        name = page.get_by_label("Name", exact=True)
        await name.fill("not made")
        if leave == "Cancel":
            await page.get_by_role("button", name="Cancel").click()
        else:
            await page.keyboard.press("Escape")
        await expect(name).to_be_hidden()
        await expect(page.get_by_text("Make a key")).to_be_focused()


async def add_a_webhook(page: Page, url: str) -> None:
    """Add one at the second try, with a click too many."""
    await page.get_by_text("Add a webhook").click()
    await page.get_by_label("What it is for").fill("Tells the ledger")
    await page.get_by_label("Address").fill("ftp://ledger.example")
    await page.get_by_role("button", name="Add the webhook").click()
    await page.get_by_role("alert").filter(has_text="url").wait_for()
    await expect(page.get_by_label("What it is for")).to_have_value("Tells the ledger")
    await page.get_by_label("Address").fill(url)
    await page.get_by_role("button", name="Add the webhook").dblclick()


async def test_a_webhook_is_made_tried_changed_and_deleted(
    browser: Browser, service: ServiceProcess
) -> None:
    closed = receiver.always(Answer(500, body=b"the ledger is closed"))
    async with receiver.receiving(closed) as desk, signed_in(browser, service) as tab:
        page = tab.page
        await tab.go("/settings")
        await add_a_webhook(page, desk.url)
        await page.get_by_text("whsec_").wait_for()
        hook = page.get_by_role("article", name="Webhook Tells the ledger")
        await hook.get_by_role("button", name="Send a test").click()
        await hook.get_by_text("Not taken: the answer was 500.").wait_for()
        await hook.get_by_role("table", name="Deliveries").get_by_text("500").first.click()
        await hook.get_by_text("the ledger is closed").wait_for()
        assert await complaints(tab) == []

        desk.answering = receiver.take
        await hook.get_by_role("button", name="Send webhook.ping").click()
        await hook.get_by_text("Delivered.").wait_for()
        await hook.get_by_role("button", name="Edit").click()
        await page.keyboard.press("Escape")
        await expect(hook.get_by_role("button", name="Edit")).to_be_focused()
        await hook.get_by_role("button", name="Edit").click()
        await hook.get_by_label("A run waits").uncheck()
        assert await complaints(tab) == []
        await hook.get_by_role("button", name="Save").click()
        await expect(hook).not_to_contain_text("run.queued")
        await hook.get_by_text("Hears of run.started").wait_for()
        await hook.get_by_role("button", name="Switch off").click()
        await hook.get_by_role("button", name="Switch on").click()
        await hook.get_by_role("button", name="Switch off").wait_for()
        await hook.get_by_role("button", name="New secret").click()
        await page.get_by_role("dialog").get_by_role("button", name="Make a new secret").click()
        await tab.sees("The new secret that calls to")
        await hook.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await hook.wait_for(state="detached")
        assert tab.complaints == []
