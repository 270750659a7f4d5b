"""Is a list walked whole, from wherever a cursor or page number says, and never from elsewhere?"""

import base64
import json
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from service.api import pages, pagination
from service.api.limits import MAX_PROBLEMS
from service.api.pages import Source
from service.api.pagination import Asked, Listing
from service.api.replies import Json
from service.api.wire import MAX_SUGGESTIONS
from service.domain.errors import InvalidInputError

Key = tuple[float, str]

ITEMS: list[Key] = [(1 - index / 10, f"row {index}") for index in range(7)]
LISTING: Listing[Key] = Listing(
    key=tuple[float, str], filters=("status", "kind"), default_limit=3, max_limit=5, with_pages=True
)


def request_for(query: str, path: str = "/v1/things") -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "headers": [],
        }
    )


def stored(asked: Asked[Key], written: Callable[[Key], Json]) -> Source[Key, Key]:
    """What a store has: ITEMS."""

    async def read(after: Key | None, count: int) -> list[Key]:
        later = [item for item in ITEMS if after is None or item[0] < after[0]]
        return later[asked.offset if after is None else 0 :][:count]

    return Source(read, written, lambda item: item)


async def answer(
    query: str, total: int = len(ITEMS), written: Callable[[Key], Json] = itemgetter(1)
) -> Response:
    request = request_for(query)
    asked = pagination.read(request, LISTING)
    page = await pages.fill(stored(asked, written), asked.after, asked.limit)
    return pagination.reply(request, asked, page, total if asked.total is None else asked.total)


def body_of(response: Response) -> Any:
    return json.loads(bytes(response.body))


def next_query(response: Response) -> str | None:
    link = response.headers.get("link")
    if link is None:
        return None
    assert link.startswith("</v1/things?")
    assert link.endswith('>; rel="next"')
    return link[len("</v1/things?") : -len('>; rel="next"')]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
@pytest.mark.parametrize("start", ["status=done", "status=done&page=1"])
async def test_a_walk_along_the_links_sees_each_item_once(start: str, limit: int) -> None:
    seen: list[str] = []
    query: str | None = f"{start}&limit={limit}"
    while query:
        response = await answer(query)
        assert body_of(response)["pagination"]["total"] == 7
        seen += body_of(response)["data"]
        query = next_query(response)
    assert seen == [name for _, name in ITEMS]


async def test_the_first_page_says_how_to_go_on() -> None:
    first = body_of(await answer(""))["pagination"]
    assert (first["total"], first["limit"], first["has_more"]) == (7, 3, True)
    assert "page" not in first
    second = body_of(await answer(f"cursor={first['next_cursor']}"))
    assert second["data"] == ["row 3", "row 4", "row 5"]


async def test_the_last_page_says_that_it_is_the_last() -> None:
    last = await answer("page=3&limit=3")
    assert body_of(last) == {
        "data": ["row 6"],
        "pagination": {
            "total": 7,
            "limit": 3,
            "has_more": False,
            "next_cursor": None,
            "page": 3,
        },
    }
    assert "link" not in last.headers


async def test_a_page_beyond_the_end_is_empty() -> None:
    assert body_of(await answer("page=9"))["data"] == []


async def test_the_total_is_that_of_the_first_page() -> None:
    reply = await answer("", total=123)
    cursor = body_of(reply)["pagination"]["next_cursor"]
    assert pagination.read(request_for(f"cursor={cursor}"), LISTING).total == 123


async def test_batches_need_not_grow_where_the_size_of_items_is_known() -> None:
    async def asked_for(largest: int | None) -> list[int]:
        counts = []

        async def read(after: Key | None, count: int) -> list[Key]:
            counts.append(count)
            return [(0.0, str(place)) for place in range(count)]

        page = await pages.fill(Source(read, itemgetter(1), lambda item: item), None, 50, largest)
        assert len(page.items) == 50
        assert page.next_after is not None
        return counts

    assert await asked_for(None) == [2, 16, 33]
    assert await asked_for(100) == [51]
    assert await asked_for(pages.BATCH_BYTES // 20) == [20, 20, 11]
    assert await asked_for(pages.BATCH_BYTES * 2) == [1] * 51


@pytest.mark.parametrize("start", ["limit=4", "limit=4&page=1"])
async def test_a_page_ends_where_its_bytes_would_be_too_many(start: str) -> None:
    def large(item: Key) -> Json:
        return item[1] * (pages.PAGE_BYTES // 16)

    seen = []
    query: str | None = start
    while query:
        response = await answer(query, written=large)
        body = body_of(response)
        assert len(body["data"]) == (1 if "row 6" in body["data"][0] else 3)
        assert len(bytes(response.body)) < pages.PAGE_BYTES + 1000
        assert body["pagination"]["has_more"] == (body["pagination"]["next_cursor"] is not None)
        seen += [each[:5] for each in body["data"]]
        query = next_query(response)
    assert seen == [name for _, name in ITEMS]


async def test_an_item_larger_than_a_page_comes_alone() -> None:
    response = await answer("", written=lambda item: item[1] * pages.PAGE_BYTES)
    assert [each[:5] for each in body_of(response)["data"]] == ["row 0"]
    assert body_of(response)["pagination"]["has_more"] is True


@pytest.mark.parametrize("size", [10, pages.PAGE_BYTES // 8, 2 * pages.PAGE_BYTES])
async def test_little_more_is_read_than_a_page_holds(size: int) -> None:
    batches = []

    async def read(after: int | None, count: int) -> range:
        batches.append(count)
        start = 0 if after is None else after + 1
        return range(start, start + count)

    page = await pages.fill(Source(read, lambda _: "x" * size, lambda item: item), None, 500)

    assert max(batches) <= pages.BATCH_ITEMS
    assert max(batches) <= max(pages.FIRST_ITEMS, pages.BATCH_BYTES // size)
    assert sum(batches) <= 2 * len(page.items) + 1
    assert page.next_after == len(page.items) - 1


REFUSED = [
    ("limit=0", "limit"),
    ("limit=6", "limit"),
    ("limit=-1", "limit"),
    ("limit=x", "limit"),
    ("limit=", "limit"),
    ("limit=1.0", "limit"),
    ("limit=٣", "limit"),
    ("limit=" + "9" * 5000, "limit"),
    ("page=0", "page"),
    ("page=1000001", "page"),
    ("page=1&cursor=abc", "page"),
    ("limit=1&limit=2", "limit"),
    ("status=%00", "status"),
    ("statsu=done", "statsu"),
    ("Limit=1", "Limit"),
]


@pytest.mark.parametrize(("query", "name"), REFUSED, ids=lambda each: each[:20])
def test_a_wrong_parameter_is_refused_by_name(query: str, name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        pagination.read(request_for(query), LISTING)
    assert [problem.pointer for problem in caught.value.problems] == [name]
    assert f"`{name}`" in str(caught.value)


def test_an_unknown_parameter_is_told_the_nearest() -> None:
    with pytest.raises(InvalidInputError, match="Did you mean `status`"):
        pagination.read(request_for("statsu=done"), LISTING)
    with pytest.raises(InvalidInputError, match=r"Known are `limit`, `cursor`\."):
        pagination.read(request_for("xyz=1"), Listing(key=str))


async def test_a_query_of_thousands_of_names_gets_a_short_answer() -> None:
    with pytest.raises(InvalidInputError) as caught:
        pagination.read(request_for("&".join(["a"] * 30_000)), LISTING)
    problems = caught.value.problems
    assert len(problems) == MAX_PROBLEMS
    suggested = ["Known are" in problem.message for problem in problems]
    assert suggested == [True] * MAX_SUGGESTIONS + [False] * (MAX_PROBLEMS - MAX_SUGGESTIONS)


def forged(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def fingerprint() -> str:
    return pagination.read(request_for(""), LISTING).fingerprint


FORGED_CURSORS = [
    "",
    "x",
    "€",
    "%ff",
    "A" * 5000,
    base64.urlsafe_b64encode(b"[" * 1200).decode(),
    forged({}),
    forged([fingerprint(), 7]),
    forged([fingerprint(), -1, [0.5, "a"]]),
    forged([fingerprint(), 10**30, [0.5, "a"]]),
    forged([fingerprint(), "7", [0.5, "a"]]),
    forged([fingerprint(), 7, ["a", 0.5]]),
    forged([fingerprint(), 7, [0.5, "a\0"]]),
    forged([fingerprint(), 7, None]),
    forged(["another list", 7, [0.5, "a"]]),
]


@pytest.mark.parametrize("cursor", FORGED_CURSORS, ids=lambda each: each[:20])
def test_a_cursor_that_we_did_not_make_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInputError, match="`cursor`") as caught:
        pagination.read(request_for(f"cursor={cursor}"), LISTING)
    problem = caught.value.problems[0]
    assert (problem.code, problem.pointer) == ("invalid_cursor", "cursor")


@given(st.text())
def test_no_cursor_does_more_than_be_refused(cursor: str) -> None:
    with pytest.raises(InvalidInputError):
        pagination.read(request_for(f"cursor={cursor.encode('utf-8', 'replace').hex()}"), LISTING)


async def test_a_cursor_is_for_the_list_and_the_filters_it_was_made_for() -> None:
    cursor = body_of(await answer("status=done"))["pagination"]["next_cursor"]
    assert pagination.read(request_for(f"status=done&cursor={cursor}&limit=1"), LISTING).after
    for request in (
        request_for(f"cursor={cursor}"),
        request_for(f"status=open&cursor={cursor}"),
        request_for(f"kind=done&cursor={cursor}"),
        request_for(f"status=done&cursor={cursor}", path="/v1/others"),
    ):
        with pytest.raises(InvalidInputError, match="belongs to another list"):
            pagination.read(request, LISTING)
