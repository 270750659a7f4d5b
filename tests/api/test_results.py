"""Are a run's results all there, in order, by pages and by filters, each with its evidence?"""

import random
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from service.api import pages
from service.domain.identifiers import new_id
from tests.api.live import Live, running
from tests.api.test_run_polling import walk
from tests.seeding import RULES, add_documents

# How alike a document is to a row of the world, from equal to nothing at all.
VENDORS = ("Alpine Metalworks", "Alpine Metalwork", "Alpine", "Borealis Papers", "Zzz", "Qqq")
NUMBERS = ("N0", "N1", "N7", None)
FIELDS = {
    "id": str,
    "document_id": str,
    "document_filename": str,
    "confidence": float,
    "rule_confidence": float,
    "status": str,
    "notes": type(None),
    "evidence": dict,
    "resolved_by": str,
    "uncertain": bool,
    "candidates": list,
    "error": type(None),
    "created_at": str,
    "reviewed_at": type(None),
    "reviewed_by": type(None),
    "version": int,
}
EVIDENCE = {"strategy", "score", "weight", "document_value", "reference_value"}
BAD_QUERIES = [
    ("status=done", "status"),
    ("matched=yes", "matched"),
    ("min_confidence=1.1", "min_confidence"),
    ("max_confidence=-0.1", "max_confidence"),
    ("min_confidence=nan", "min_confidence"),
    ("min_confidence=high", "min_confidence"),
    ("resolved_by=magic", "resolved_by"),
    ("uncertain=perhaps", "uncertain"),
    ("sort=date", "sort"),
    ("limit=501", "limit"),
    ("page=0", "page"),
    ("cursor=x", "cursor"),
    ("confidence=1", "confidence"),
    ("document_id=%00", "document_id"),
]

Filter = Callable[[Any], bool]


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path) as live:
        yield live


async def varied_run(live: Live, count: int = 60) -> Any:
    """Complete a run whose results differ, with many ties in confidence."""
    chance = random.Random(count)
    documents = {
        f"{chance.choice('aZé_')}{place}": {
            "vendor": chance.choice(VENDORS),
            "number": chance.choice(NUMBERS),
        }
        for place in range(count)
    }
    await add_documents(live.world.database, live.world.workspace_id, documents, "varied")
    return await live.completed(collection="varied")


def order_of(sort: str) -> Callable[[Any], tuple[Any, ...]]:
    if sort == "document":
        return lambda each: (each["document_id"].encode(),)
    return lambda each: (-each["confidence"], each["document_id"].encode())


async def all_of(live: Live, run: Any, **params: Any) -> list[Any]:
    page = await live.get(run["links"]["results"], limit=500, **params)
    assert page["pagination"]["total"] == len(page["data"])
    return list(page["data"])


@pytest.mark.parametrize("sort", ["confidence", "document"])
async def test_pages_add_up_to_the_whole_in_order(live: Live, sort: str) -> None:
    run = await varied_run(live)
    whole = await all_of(live, run, sort=sort)
    assert whole == sorted(whole, key=order_of(sort))
    assert len({each["document_id"] for each in whole}) == 60
    # Ties are what makes a walk hard.
    assert any(a["confidence"] == b["confidence"] for a, b in pairwise(whole))
    for limit in (1, 2, 7, 59, 60, 61):
        pages, totals = await walk(live, run["links"]["results"], sort=sort, limit=limit)
        assert [each for page in pages for each in page] == whole
        assert len(pages) == -(-60 // limit)
        assert totals == {60}


@pytest.mark.parametrize("sort", ["confidence", "document"])
async def test_filtered_pages_add_up_too(live: Live, sort: str) -> None:
    run = await varied_run(live)
    params = {"sort": sort, "matched": "false", "max_confidence": "0.7", "min_confidence": "0.1"}
    whole = await all_of(live, run, **params)
    assert 3 < len(whole) < 60
    for limit in (1, 3):
        pages, totals = await walk(live, run["links"]["results"], limit=limit, **params)
        assert [each for page in pages for each in page] == whole
        assert totals == {len(whole)}


async def test_numbered_pages_are_slices_of_the_whole(live: Live) -> None:
    run = await varied_run(live)
    for sort in ("confidence", "document"):
        whole = await all_of(live, run, sort=sort)
        for number in (1, 2, 5, 6, 7):
            path, params = run["links"]["results"], {"sort": sort, "limit": 13, "page": number}
            page = await live.get(path, **params)
            assert page["data"] == whole[13 * (number - 1) : 13 * number]
            assert page["pagination"]["page"] == number
            assert page["pagination"]["total"] == 60
            assert page["pagination"]["has_more"] == (number < 5)


def wants_a_look(result: Any) -> bool:
    if result["matched_reference_row_id"] is None:
        return bool(result["confidence"] >= RULES.review_threshold)
    first, second, *_ = [*(each["confidence"] for each in result["candidates"]), 0.0]
    return bool(round(first - second, 4) < RULES.ai.min_margin)


async def test_each_filter_lets_through_what_it_says(live: Live) -> None:
    run = await varied_run(live)
    whole = await all_of(live, run)
    middle = whole[30]
    limit = middle["confidence"]
    document = middle["document_id"]
    expected: dict[tuple[str, str], Filter] = {
        ("status", "pending"): lambda each: True,
        ("status", "approved"): lambda each: False,
        ("matched", "true"): lambda each: each["matched_reference_row_id"] is not None,
        ("matched", "false"): lambda each: each["matched_reference_row_id"] is None,
        ("min_confidence", str(limit)): lambda each: each["confidence"] >= limit,
        ("max_confidence", str(limit)): lambda each: each["confidence"] <= limit,
        ("resolved_by", "rules"): lambda each: True,
        ("resolved_by", "ai"): lambda each: False,
        ("uncertain", "true"): wants_a_look,
        ("uncertain", "false"): lambda each: not wants_a_look(each),
        ("document_id", document): lambda each: each["document_id"] == document,
        ("document_id", document.lower() + "x"): lambda each: False,
    }
    for (name, value), is_in in expected.items():
        assert await all_of(live, run, **{name: value}) == list(filter(is_in, whole)), name
    assert {wants_a_look(each) for each in whole} == {True, False}
    both = {"document_id": document, "min_confidence": "1"}
    assert await all_of(live, run, **both) == ([middle] if limit == 1 else [])


async def test_evidence_adds_up_to_the_confidence_of_the_rules(live: Live) -> None:
    run = await varied_run(live)
    for result in await all_of(live, run):
        parts = [result, *result["candidates"]]
        for part in parts:
            told = part.get("rule_confidence", part["confidence"])
            evidence = part["evidence"].values()
            assert all(set(each) == EVIDENCE for each in evidence)
            assert sum(e["score"] * e["weight"] for e in evidence) == pytest.approx(told, abs=1e-3)
            assert all(0 <= each["score"] <= 1 for each in evidence)


async def test_candidates_are_the_best_five_in_order(live: Live) -> None:
    run = await varied_run(live)
    results = await all_of(live, run)
    assert {0, 5} <= {len(result["candidates"]) for result in results} <= set(range(6))
    nothing = [each for each in results if not each["candidates"]]
    assert {each["confidence"] for each in nothing} == {0}
    assert {each["matched_reference_row_id"] for each in nothing} == {None}
    for result in (each for each in results if each["candidates"]):
        scores = [each["confidence"] for each in result["candidates"]]
        assert scores == sorted(scores, reverse=True)
        best = result["candidates"][0]
        assert result["evidence"] == best["evidence"]
        assert result["confidence"] == result["rule_confidence"] == best["confidence"]
        is_match = result["confidence"] >= 0.8
        assert result["matched_reference_row_id"] == (
            best["reference_row_id"] if is_match else None
        )


async def test_counters_of_the_run_are_those_of_its_results(live: Live) -> None:
    run = await varied_run(live)
    results = await all_of(live, run)
    matched = [each for each in results if each["matched_reference_row_id"] is not None]
    assert 0 < len(matched) < len(results)
    assert (run["rows_processed"], run["rows_matched"]) == (len(results), len(matched))
    mean = sum(each["confidence"] for each in matched) / len(matched)
    assert run["avg_confidence"] == pytest.approx(mean, abs=5e-5)


async def test_a_result_has_its_names_and_types(live: Live) -> None:
    run = await live.completed()
    listed = (await all_of(live, run))[0]
    assert {name: type(listed[name]) for name in FIELDS} == FIELDS
    assert set(listed) == {*FIELDS, "matched_reference_row_id"}
    assert listed["document_filename"] == f"{listed['document_id']}.pdf"
    reply = await live.client.get(f"{run['links']['results']}/{listed['id']}")
    assert reply.json() == listed
    headers = {"If-None-Match": reply.headers["etag"]}
    again = await live.client.get(f"{run['links']['results']}/{listed['id']}", headers=headers)
    assert again.status_code == 304


async def test_an_unchanged_page_is_not_sent_again(live: Live) -> None:
    run = await live.completed()
    first = await live.client.get(run["links"]["results"])
    headers = {"If-None-Match": first.headers["etag"]}
    for query in ({}, {"sort": "document"}, {"matched": "true"}):
        again = await live.client.get(run["links"]["results"], params=query, headers=headers)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    path = f"{run['links']['results']}/{first.json()['data'][0]['id']}/review"
    assert (await live.client.post(path, json={"status": "approved"})).status_code == 200
    changed = await live.client.get(run["links"]["results"], headers=headers)
    assert (changed.status_code, changed.json()["data"][0]["status"]) == (200, "approved")
    assert changed.headers["etag"] != first.headers["etag"]


async def test_a_page_of_a_run_under_way_is_known_by_what_it_says(live: Live) -> None:
    live.executor.hold()
    run = await live.start()
    await live.executor.has_taken.wait()
    empty = await live.client.get(run["links"]["results"])
    headers = {"If-None-Match": empty.headers["etag"]}
    again = await live.client.get(run["links"]["results"], headers=headers)
    assert (again.status_code, empty.json()["data"]) == (304, [])
    live.executor.release()
    await live.wait_until_ended(run)
    after = await live.client.get(run["links"]["results"], headers=headers)
    assert (after.status_code, after.json()["pagination"]["total"]) == (200, 20)


async def test_a_result_of_another_run_or_workspace_is_not_found(live: Live) -> None:
    one, other = await live.completed(), await live.completed()
    result = one["results"][0]["id"]
    own = await live.client.get(f"{one['links']['results']}/{result}")
    assert own.status_code == 200
    for path in (other["links"]["results"] + f"/{result}", f"{one['links']['results']}/{new_id()}"):
        assert (await live.client.get(path)).status_code == 404
    headers = await live.stranger()
    foreign = await live.client.get(f"{one['links']['results']}/{result}", headers=headers)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")


async def test_a_wrong_query_is_refused_by_name(live: Live) -> None:
    run = await live.start()
    for query, parameter in BAD_QUERIES:
        reply = await live.client.get(f"{run['links']['results']}?{query}")
        assert (reply.status_code, reply.json()["code"]) == (400, "validation_error"), query
        assert [problem["pointer"] for problem in reply.json()["errors"]] == [parameter], query


async def test_a_cursor_keeps_to_its_sort_and_filters(live: Live) -> None:
    run = await live.completed()
    page = await live.get(run["links"]["results"], limit=3, sort="document")
    cursor = page["pagination"]["next_cursor"]
    for params in ({}, {"sort": "confidence"}, {"sort": "document", "matched": "true"}):
        reply = await live.client.get(run["links"]["results"], params={**params, "cursor": cursor})
        assert reply.json()["errors"][0]["code"] == "invalid_cursor"
    both = {"sort": "document", "cursor": cursor, "page": 2}
    assert (await live.client.get(run["links"]["results"], params=both)).status_code == 400


async def test_a_page_of_large_results_ends_early(live: Live) -> None:
    run = await live.completed()
    async with live.world.database.connection() as connection:
        await connection.execute(
            "UPDATE results SET evidence = json_build_object('x', json_build_object("
            "'strategy', 'exact', 'score', 0, 'weight', 1, 'document_value', repeat('x', $1), "
            "'reference_value', null))",
            pages.PAGE_BYTES // 5,
        )
    for sort in ("confidence", "document"):
        found, _ = await walk(live, run["links"]["results"], sort=sort, limit=500)
        assert [len(page) for page in found] == [4] * 5
        assert len({result["document_id"] for page in found for result in page}) == 20
    assert len((await live.get(run["links"]["self"]))["results"]) == 4
    numbered = await live.client.get(run["links"]["results"], params={"page": 1})
    assert "cursor=" in numbered.links["next"]["url"]


async def test_a_deleted_document_has_a_result_that_says_so(live: Live) -> None:
    live.executor.hold()
    async with live.world.database.connection() as connection:
        await connection.execute("DELETE FROM documents WHERE id = 'doc_000004'")
        run = await live.world.queue(document_ids=("doc_000003", "doc_000004"))
    live.executor.release()
    path = f"/v1/matching/runs/{run.id}"
    await live.wait_until_ended(await live.get(path))
    found = await all_of(live, await live.get(path), sort="document")
    assert [each["error"] is None for each in found] == [True, False]
    assert "deleted" in found[1]["error"]
    assert (found[1]["matched_reference_row_id"], found[1]["candidates"]) == (None, [])
