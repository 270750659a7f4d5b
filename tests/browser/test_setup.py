"""Do the pages on which one sets a match up lead on, and tell what is wrong and what to do?"""

from pathlib import Path

from playwright.async_api import Browser, Page, Route, expect

from service.cli.client import Client
from tests.browser.audit import complaints
from tests.browser.conftest import DATA, Tab, signed_in
from tests.service_process import ServiceProcess

ORDERS = "po_id,vendor,total,ordered\n" + "".join(
    f"PO-{number:04},Vendor {name} GmbH,{number}.50,2024-03-{number % 28 + 1:02}\n"
    for number, name in enumerate(("Vega", "Nordwind", "Alpen Stahl", "Öztürk", "Weiß") * 8)
)
INVOICES = "invoice,vendor_name,amount,invoice_date\n" + "".join(
    f"INV-{number},VENDOR {name.upper()},{number}.50,2024-03-{number % 28 + 1:02}\n"
    for number, name in enumerate(("Vega", "Nordwind", "Alpen Stahl", "Öztürk", "Weiß") * 4)
)


# Whether the browser would open a file that is dropped on the page, beside its place.
DROPPED_BESIDE = (
    "document.body.dispatchEvent(new DragEvent('drop', {bubbles: true, cancelable: true}))"
)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


async def choose(tab: Tab, path: Path) -> None:
    """Choose a file, and wait until it is looked into."""
    await tab.page.locator("input[type=file]").first.set_input_files(path)
    await tab.page.get_by_role("button", name=f"Upload {path.name}").wait_for()


async def upload(tab: Tab, path: Path) -> None:
    await choose(tab, path)
    await tab.page.get_by_role("button", name=f"Upload {path.name}").click()


async def set_up(tab: Tab, folder: Path, name: str) -> None:
    """Get to where a sample of the invoices is matched."""
    await tab.go("/new")
    await upload(tab, write(folder, f"orders of {name}.csv", ORDERS))
    await tab.page.get_by_text(f"orders of {name}: 40 rows").wait_for()
    await upload(tab, write(folder, f"invoices of {name}.csv", INVOICES))
    await tab.sees("of 20 documents would match.")


async def test_a_file_that_is_refused_is_told_by_row_and_column_with_what_to_do(
    browser: Browser, service: ServiceProcess, tmp_path: Path
) -> None:
    async with signed_in(browser, service) as tab:
        page = tab.page
        await tab.go("/new")
        assert await complaints(tab) == []
        await choose(tab, write(tmp_path, "twice.csv", "id,name\n1,a\n2,b\n1,c\n1,d\n"))
        await page.get_by_label("Column with ids").select_option("id")
        await tab.sees("“1” is in “id” twice, in the rows 1 and 3")
        await page.get_by_role("button", name="Upload twice.csv").click()
        refused = page.get_by_role("alert").filter(has_text="Nothing was stored")
        await refused.get_by_role("row", name="3 id Row 3 has the id '1'").wait_for()
        await refused.get_by_text("The id column 'id' has '1' in rows 1 and 3, and in 3").wait_for()
        assert await complaints(tab) == []

        await page.get_by_role("button", name="Choose another file").click()
        await choose(tab, write(tmp_path, "columns.csv", "a;b\n1;2\n"))
        await page.get_by_text("How the file is written").click()
        await page.get_by_label("Columns are separated by").select_option(",")
        await tab.sees("Only one column is found.")
        assert not await page.evaluate(DROPPED_BESIDE)
        await page.get_by_role("button", name="Upload columns.csv").click()
        await refused.get_by_text("Choose what separates the columns").wait_for()
        write(tmp_path, "columns.csv", "written;anew\nmeanwhile;\n")
        await page.get_by_label("Columns are separated by").select_option(";")
        await refused.get_by_text("“columns.csv” cannot be read.").wait_for()
        await page.get_by_role("button", name="Choose another file").click()
        await page.locator("input[type=file]").first.set_input_files(
            write(tmp_path, "scan.pdf", "%PDF")
        )
        await refused.get_by_text("“scan.pdf” is no table that can be read here.").wait_for()
        file = page.locator("input[type=file]").first
        await file.set_input_files(write(tmp_path, "nothing.csv", ""))
        await refused.get_by_text("“nothing.csv” is empty").wait_for()
        await expect(page.get_by_role("button", name="Upload nothing.csv")).to_have_count(0)
        await tab.sees("also NDJSON and Parquet")
        await page.route("**/v1/session", without_parquet)
        await page.reload()
        await expect(
            page.get_by_text("CSV or Excel (.xlsx); also NDJSON", exact=True)
        ).to_be_visible()
        await file.set_input_files(write(tmp_path, "orders.parquet", "PAR1"))
        await refused.get_by_text("This installation does not read Parquet.").wait_for()
        assert tab.complaints == []
    async with Client(service.url, service.key) as client:
        names = {each["name"] async for each in client.walk("/v1/reference-data", {})}
    assert not names & {"twice", "columns", "scan"}


async def without_parquet(route: Route) -> None:
    """Let the service tell what one tells that cannot read Parquet."""
    told = await (await route.fetch()).json()
    await route.fulfill(json={**told, "service": {"has_ai": False, "reads_parquet": False}})


async def test_an_upload_that_is_called_back_leaves_nothing(
    browser: Browser, service: ServiceProcess, tmp_path: Path
) -> None:
    rows = "".join(f"{number},{'x' * 200}\n" for number in range(20_000))
    async with signed_in(browser, service) as tab:
        page = tab.page
        await tab.go("/new")
        network = await page.context.new_cdp_session(page)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1}
        await network.send("Network.enable")
        await network.send(
            "Network.emulateNetworkConditions", {**slow, "uploadThroughput": 400_000}
        )
        await upload(tab, write(tmp_path, "large.csv", f"id,text\n{rows}"))
        await expect(page.get_by_role("progressbar", name="Upload of large.csv")).to_be_visible()
        await page.get_by_text("MB sent").wait_for()
        await page.get_by_role("button", name="Cancel the upload").click()
        await tab.sees("Called back: nothing was stored.")
        assert tab.complaints == []
    async with Client(service.url, service.key) as client:
        names = {each["name"] async for each in client.walk("/v1/reference-data", {})}
    assert "large" not in names


async def test_a_sample_follows_what_one_changes(
    browser: Browser, service: ServiceProcess, tmp_path: Path
) -> None:
    async with signed_in(browser, service) as tab:
        page = tab.page
        await set_up(tab, tmp_path, "sample")
        date = page.get_by_role("group", name="invoice_date")
        await expect(date.get_by_role("listitem").first).to_contain_text("100 %")
        assert await complaints(tab) == []

        sliders = page.get_by_role("slider", name="Weight of")
        await sliders.nth(0).fill("80")
        shown = [int(await each.input_value()) for each in await sliders.all()]
        assert (shown[0], sum(shown)) == (80, 100)

        # Another tab tidies up what it takes for left behind.
        await tab.sees("of 20 documents would match.")
        await page.evaluate("import('/static/leftovers.js').then(({ sweep }) => sweep())")
        async with page.expect_response("**/results?*"):
            await sliders.nth(0).fill("60")
        await tab.sees("of 20 documents would match.")

        await page.get_by_label("Match from").fill("100")
        await tab.sees("0 of 20 documents would match.")
        await page.get_by_label("Match from").fill("20")
        await tab.sees("20 of 20 documents would match.")
        assert tab.complaints == []


async def test_options_outlive_a_reload_and_a_preview_leaves_nothing_behind(
    browser: Browser, service: ServiceProcess, tmp_path: Path
) -> None:
    async with signed_in(browser, service) as tab:
        page = tab.page
        await set_up(tab, tmp_path, "options")
        await page.get_by_label("Match from").fill("20")
        for name in ("invoice_date", "amount", "vendor_name"):
            await page.get_by_role("button", name=f"Remove {name}").click()
        await tab.sees("Nothing is compared.")
        assert await complaints(tab) == []
        await page.get_by_role("button", name="Suggest again").click()
        date = page.get_by_role("group", name="invoice_date")
        await date.get_by_role("combobox", name="as", exact=True).select_option("exact")
        await date.get_by_text("More options").click()
        await date.get_by_label("Every space and sign must agree").check()
        await page.get_by_role("button", name="Remove amount").click()
        await page.get_by_label("Add a field").select_option("amount")
        amount = page.get_by_role("group", name="amount")
        await expect(amount.get_by_label("compares to")).to_have_value("total")
        await expect(amount.get_by_role("combobox", name="as", exact=True)).to_have_value(
            "numeric_range"
        )
        await amount.get_by_label("Unit of the tolerance").select_option("tolerance_absolute")
        await amount.get_by_label("Tolerance", exact=True).fill("2")
        await tab.sees("documents would match.")
        assert await complaints(tab) == []

        await page.reload()
        await tab.sees("20 of 20 documents would match.")
        await expect(amount.get_by_label("Tolerance", exact=True)).to_have_value("2")
        await page.get_by_role("button", name="Run", exact=True).click()
        await page.wait_for_url("**/#/runs/*")
        await tab.go("/data")
        await page.get_by_role("table", name="Saved matches").wait_for()
        assert tab.complaints == []
    async with Client(service.url, service.key) as client:
        configs = [each async for each in client.walk("/v1/matching/configs", {})]
        runs = [each async for each in client.walk("/v1/matching/runs", {})]
    (config,) = [each for each in configs if "options" in each["name"]]
    assert not any(each["name"].startswith("Preview") for each in configs)
    assert [run["dry_run"] for run in runs if run["matching_config_id"] == config["id"]] == [False]
    mappings = {each["source"]: each for each in config["field_mappings"]}
    assert mappings["invoice_date"]["verbatim"] is True
    assert mappings["amount"]["tolerance_absolute"] == 2
    assert config["threshold"] == 0.2


async def test_a_match_is_made_by_keyboard_alone(
    browser: Browser, service: ServiceProcess, tmp_path: Path
) -> None:
    async with signed_in(browser, service) as tab:
        page = tab.page
        await set_up(tab, tmp_path, "keys")
        await tab.go("/new")
        for name in ("Use orders of keys", "Use invoices of keys"):
            await page.get_by_role("button", name=name).wait_for()
            await walk_to(tab, name)
            await page.keyboard.press("Enter")
        await tab.sees("of 20 documents would match.")
        await walk_to(tab, "Weight of vendor_name")
        await page.keyboard.press("Home")
        await expect(page.get_by_label("Weight of vendor_name")).to_have_value("0")
        await walk_to(tab, "Run")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/#/runs/*")
        assert tab.complaints == []


async def walk_to(tab: Tab, name: str) -> None:
    """Press the tabulator until what is called so has the focus."""
    script = (
        "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
    )
    for _ in range(200):
        await tab.page.keyboard.press("Tab")
        if await tab.page.evaluate(script) == name:
            return
    raise AssertionError(f"{name} cannot be reached by the keyboard")


async def test_what_lies_in_the_workspace_is_run_again_edited_and_deleted(
    browser: Browser, service: ServiceProcess
) -> None:
    async with Client(service.url, service.key) as client:
        rows = {"name": "stock", "data": [{"id": "1", "name": "Vega"}], "id_column": "id"}
        reference = await client.ask("POST", "/v1/reference-data", json=rows)
        documents = [
            {"id": each, "collection": "leaflets", "fields": {"name": "VEGA"}}
            for each in ("D", "a/b")
        ]
        await client.ask("POST", "/v1/documents", json={"documents": documents})
        config = await client.create_config(
            {
                "name": "Leaflets to stock",
                "reference_data_id": reference["id"],
                "field_mappings": [
                    {"source": "name", "target": "name", "strategy": "fuzzy", "weight": 1}
                ],
                "target_type": "collection",
                "target_value": {"collection": "leaflets"},
            }
        )
    async with signed_in(browser, service) as tab:
        page = tab.page
        await tab.go("/data")
        await page.get_by_role("button", name="Run Leaflets to stock").wait_for()
        assert await complaints(tab) == []
        await delete_one_document(tab)
        await page.get_by_role("button", name="Look at stock").click()
        await page.get_by_role("dialog").get_by_role("cell", name="Vega").wait_for()
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Run Leaflets to stock").click()
        await page.get_by_text("1 document").first.wait_for()
        await tab.go("/data")
        await page.get_by_role("link", name="Edit Leaflets to stock").click()
        await tab.sees("1 of 1 document would match.")
        await edit_beside_another(page, service, config["links"]["self"])
        for name in ("the match Leaflets, renamed", "the table stock", "the collection leaflets"):
            await page.get_by_role("button", name=f"Delete {name}").click()
            dialog = page.get_by_role("dialog")
            await dialog.get_by_role("button", name="Back").click()
            await page.get_by_role("button", name=f"Delete {name}").click()
            await dialog.get_by_role("button", name="Delete").click()
            await page.get_by_role("button", name=f"Delete {name}").wait_for(state="detached")
        assert tab.complaints == []
    async with Client(service.url, service.key) as client:
        assert config["id"] not in [
            each["id"] async for each in client.walk("/v1/matching/configs", {})
        ]
        assert "leaflets" not in [each["name"] async for each in client.walk("/v1/collections", {})]


async def delete_one_document(tab: Tab) -> None:
    """Look for one of the two leaflets, and delete it."""
    page = tab.page
    await page.get_by_role("button", name="Look at leaflets").click()
    look = page.get_by_role("dialog", name="leaflets", exact=True)
    await expect(look.get_by_role("cell", name="VEGA")).to_have_count(2)
    assert await complaints(tab) == []
    await look.get_by_label("Find a document").fill("nobody's")
    await page.keyboard.press("Enter")
    await look.get_by_text("No document here has this id.").wait_for()
    await look.get_by_label("Find a document").fill("a/b")
    await page.keyboard.press("Enter")
    await expect(look.get_by_role("cell", name="VEGA")).to_have_count(1)
    await look.get_by_role("button", name="Delete the document a/b").click()
    sure = page.get_by_role("dialog", name="Delete the document “a/b” of “leaflets”")
    await sure.get_by_role("button", name="Delete").click()
    await look.get_by_role("button", name="Delete the document D", exact=True).wait_for()
    await expect(look.get_by_role("cell", name="VEGA")).to_have_count(1)
    await look.get_by_role("button", name="Close").click()
    row = page.get_by_role("row").filter(has_text="leaflets")
    await row.get_by_role("cell", name="1", exact=True).wait_for()


async def edit_beside_another(page: Page, service: ServiceProcess, path: str) -> None:
    """Save a match that somebody else saves at the same time, and say whose is to stay."""
    name = page.get_by_label("Name of the match")
    save = page.get_by_role("button", name="Save without a run")
    async with Client(service.url, service.key) as other:
        await other.ask("PUT", path, json={"name": "Theirs"})
        await name.fill("Mine")
        await save.click()
        await page.get_by_text("Somebody else has changed “Theirs” since you opened it").wait_for()
        assert (await other.ask("GET", path))["name"] == "Theirs"
        await page.get_by_role("button", name="Drop mine, open theirs").click()
        await expect(name).to_have_value("Theirs")
        await page.get_by_text("1 of 1 document would match.").wait_for()
        await other.ask("PUT", path, json={"name": "Theirs again"})
        await name.fill("Leaflets, renamed")
        await save.click()
        await page.get_by_role("button", name="Save mine over theirs").click()
        await page.get_by_role("heading", name="Saved matches").wait_for()
        assert (await other.ask("GET", path))["name"] == "Leaflets, renamed"


async def test_runs_are_live_in_pages_and_can_be_deleted(
    browser: Browser, service: ServiceProcess
) -> None:
    async with Client(service.url, service.key) as client:
        with (DATA / "purchase_orders.csv").open("rb") as file:
            reference = await client.upload_reference_data(
                "purchase_orders.csv", file, "many", "po_id"
            )
        documents = [{"id": "D", "collection": "many", "fields": {"vendor_name": "MGLL Steel"}}]
        await client.ask("POST", "/v1/documents", json={"documents": documents})
        body = {
            "name": "Many runs",
            "reference_data_id": reference["id"],
            "field_mappings": [
                {
                    "source": "vendor_name",
                    "target": "vendor_name",
                    "strategy": "fuzzy",
                    "weight": 1,
                }
            ],
            "target_type": "collection",
            "target_value": {"collection": "many"},
        }
        config = await client.create_config(body)
        for number in range(4):
            run = await client.start_run(config["id"], dry_run=number == 3)
            async for _ in run.events():
                pass
        async with signed_in(browser, service) as tab:
            page = tab.page
            await page.route("**/v1/matching/runs?*limit=50*", short_pages)
            await tab.go(f"/?config={config['id']}")
            table = page.get_by_role("table", name="Runs")
            links = table.get_by_role("link", name="Many runs", exact=True)
            await expect(links).to_have_count(1)  # two were read, one of which was a dry run
            await page.get_by_role("button", name="Show older runs").click()
            await expect(links).to_have_count(3)
            await page.get_by_label("Dry runs too").check()
            await expect(links).to_have_count(4)
            await page.get_by_label("Dry runs too").uncheck()
            assert await complaints(tab) == []
            await links.first.focus()
            fresh = await client.start_run(config["id"])
            await expect(links).to_have_count(4)
            async for _ in fresh.events():
                pass
            await expect(table.get_by_text("Completed")).to_have_count(4)
            await expect(links.nth(1)).to_be_focused()
            # Also one that somebody else has deleted goes.
            await client.ask("DELETE", f"/v1/matching/runs/{fresh.id}")
            for left in (3, 2):
                await table.get_by_role("button", name="Delete the run of Many").first.click()
                sure = page.get_by_role("dialog")
                await sure.get_by_role("button", name="Delete the run").click()
                await expect(links).to_have_count(left)
            assert tab.complaints == []


async def short_pages(route: Route) -> None:
    """Ask for two runs where the page asks for fifty."""
    await route.continue_(url=route.request.url.replace("limit=50", "limit=2"))


async def test_a_run_that_came_and_went_unheard_is_listed_all_the_same(
    browser: Browser, service: ServiceProcess
) -> None:
    async with Client(service.url, service.key) as client, signed_in(browser, service) as tab:
        rows = {"name": "unheard", "data": [{"name": "Vega"}]}
        reference = await client.ask("POST", "/v1/reference-data", json=rows)
        documents = [{"id": "D", "collection": "unheard", "fields": {"name": "VEGA"}}]
        await client.ask("POST", "/v1/documents", json={"documents": documents})
        mapping = {"source": "name", "target": "name", "strategy": "fuzzy", "weight": 1}
        body = {"name": "unheard", "reference_data_id": reference["id"]}
        config = await client.create_config({**body, "field_mappings": [mapping]})
        await tab.page.route("**/v1/matching/runs?*limit=50*", short_pages)
        await tab.page.route("**/v1/events", cut_off)
        await tab.go(f"/?config={config['id']}")
        await tab.sees("No run is like that.")
        await tab.sees("Not connected")
        for _ in range(3):
            run = await client.start_run(config["id"], collection="unheard")
            async for _ in run.events():
                pass
        await tab.page.unroute("**/v1/events")
        table = tab.page.get_by_role("table", name="Runs")
        # More than the two that are read at once: none between them and those before is left out.
        await expect(table.get_by_text("Completed")).to_have_count(2)
        await tab.page.get_by_role("button", name="Show older runs").click()
        await expect(table.get_by_text("Completed")).to_have_count(3)
        # Who walks through the states by keys is still there when the list is drawn anew.
        await tab.page.get_by_label("State").focus()
        await tab.page.keyboard.press("End")
        await tab.sees("No run is like that.")
        await expect(tab.page.get_by_label("State")).to_be_focused()
        assert tab.complaints == []


async def cut_off(route: Route) -> None:
    await route.abort()
