"""Does the page about the API show all of it, with every link leading somewhere?"""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from service.api.contract import openapi
from service.api.contract.description import Description
from service.api.errors import FAILURES
from service.api.routes import ENDPOINTS
from service.ui import pages
from service.ui.docs.page import render
from service.ui.docs.route import DocsPage

DESCRIBED: Any = openapi.document(ENDPOINTS)


class Reader(HTMLParser):
    """Notes ids, links and elements of a page, and whether all elements are closed in order."""

    VOID = frozenset({"meta", "link", "wbr"})

    def __init__(self, page: str) -> None:
        """Read the page."""
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(  # type: ignore[explicit-override] # from 3.12
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        """Note an element."""
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}
        said = dict(attrs)
        self.ids += [said["id"] or ""] if "id" in said else []
        self.links += [said["href"] or ""] if "href" in said else []
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:  # type: ignore[explicit-override] # from 3.12
        """Close what was opened last."""
        assert self._open.pop() == tag


@pytest.fixture(scope="module")
def page() -> Reader:
    return Reader(render(DESCRIBED))


def test_every_link_leads_to_one_place(page: Reader) -> None:
    assert len(set(page.ids)) == len(page.ids)
    within = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert within <= set(page.ids)
    elsewhere = {link for link in page.links if not link.startswith("#")}
    assert {link for link in elsewhere if not link.startswith("/static/")} == {"/", "/openapi.json"}


def test_it_shows_every_route_every_error_and_every_schema(page: Reader) -> None:
    operations = [each for path in DESCRIBED["paths"].values() for each in path.values()]
    assert {f"operation-{each['operationId']}" for each in operations} <= set(page.ids)
    # What the `type` of a problem points to.
    assert set(FAILURES) <= set(page.ids)
    assert {f"schema-{name}" for name in DESCRIBED["components"]["schemas"]} <= set(page.ids)


def test_what_two_paths_do_is_shown_once(page: Reader) -> None:
    uploads = [link for link in page.links if "create_reference_data" in link]
    assert uploads == ["#operation-create_reference_data"] * 2  # the list is there twice
    shown = render(DESCRIBED)
    assert shown.count("<h3>Upload reference data</h3>") == 1
    assert "<wbr>".join(["<code>/", "v1/", "matching/", "reference-data</code>"]) in shown


def test_nothing_on_it_runs_or_styles_itself(page: Reader) -> None:
    assert not {"script", "style", "iframe", "img", "form"} & set(page.elements)
    assert "style" not in page.attributes
    assert not [name for name in page.attributes if name.startswith("on")]


def test_what_the_description_says_is_text_not_markup() -> None:
    described = {**DESCRIBED, "info": {**DESCRIBED["info"], "title": "<b>", "description": "`<i>`"}}
    written = render(described)
    assert "<b>" not in written
    assert "<code>&lt;i&gt;</code>" in written


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    routes = [*DocsPage(Description(ENDPOINTS).document).routes(), *pages.routes()]
    transport = httpx2.ASGITransport(Starlette(routes=routes))
    async with httpx2.AsyncClient(transport=transport, base_url="http://here") as client:
        yield client


async def test_it_is_kept_by_browsers_until_it_changes(client: httpx2.AsyncClient) -> None:
    reply = await client.get("/docs")
    assert reply.status_code == 200
    assert "script-src" not in reply.headers["content-security-policy"]
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    again = await client.get("/docs", headers={"If-None-Match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_its_assets_are_our_own(client: httpx2.AsyncClient) -> None:
    page = Reader((await client.get("/docs")).text)
    assets = [link for link in page.links if re.match("/static/", link)]
    assert assets
    for asset in assets:
        assert (await client.get(asset)).status_code == 200
