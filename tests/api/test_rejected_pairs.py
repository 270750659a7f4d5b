"""Does a pair that a reviewer rejected stay out of later runs, exactly as long as it should?"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.live import Live, running
from tests.seeding import ROWS

DOCUMENT = "doc_000000"
FIELDS = {"vendor": "ALPINE METALWORKS", "number": "n-0"}


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path, documents=3) as value:
        yield value


async def matched(live: Live, **body: Any) -> tuple[Any, Any]:
    """Complete a run; return the document's result and the ids of its candidates."""
    run = await live.completed(**body)
    page = await live.get(run["links"]["results"], document_id=DOCUMENT)
    return run, page["data"][0]


async def review(live: Live, run: Any, result: Any, **says: Any) -> Any:
    path = f"{run['links']['results']}/{result['id']}/review"
    reply = await live.client.post(path, json=says)
    assert reply.status_code == 200, reply.text
    return reply.json()


def candidates(result: Any) -> list[str]:
    return [each["reference_row_id"] for each in result["candidates"]]


async def put_document(live: Live, **fields: Any) -> None:
    body = {"documents": [{"id": DOCUMENT, "fields": {**FIELDS, **fields}}]}
    assert (await live.client.post("/v1/documents", json=body)).status_code == 201


async def put_rows(live: Live, *, columns: tuple[str, ...] = ("name", "number")) -> None:
    data = [{"row": row_id, **dict(zip(columns, values, strict=True))} for row_id, values in ROWS]
    path = f"/v1/reference-data/{live.world.reference_id}/rows"
    reply = await live.client.put(path, json={"data": data, "id_column": "row"})
    assert reply.status_code == 200, reply.text


async def test_a_rejected_pair_is_left_out_for_its_document_alone(live: Live) -> None:
    run, result = await matched(live)
    assert result["matched_reference_row_id"] == "ref_0"
    await review(live, run, result, status="rejected")

    later, left_out = await matched(live)

    assert left_out["matched_reference_row_id"] is None
    assert candidates(left_out) == [each for each in candidates(result) if each != "ref_0"]
    assert later["rows_matched"] == 2
    assert (await live.get(run["links"]["results"], document_id=DOCUMENT))["data"][0]["status"] == (
        "rejected"
    )


async def test_it_is_left_out_whatever_its_fields_are_called(live: Live) -> None:
    mappings = [
        {"source": "a→b", "target": target, "strategy": "fuzzy", "weight": weight}
        for target, weight in (("name", 0.9), ("number", 0.1))
    ]
    path = f"/v1/matching/configs/{live.world.config_id}"
    body = {"field_mappings": mappings, "threshold": 0.1, "review_threshold": 0}
    assert (await live.client.put(path, json=body)).status_code == 200
    await put_document(live, **{"a→b": FIELDS["vendor"]})
    run, result = await matched(live)
    assert result["matched_reference_row_id"] == "ref_0"
    await review(live, run, result, status="rejected")
    assert "ref_0" not in candidates((await matched(live))[1])


async def test_it_is_back_once_the_review_is_taken_back(live: Live) -> None:
    run, result = await matched(live)
    await review(live, run, result, status="rejected")
    await review(live, run, result, status="pending")
    assert candidates((await matched(live))[1]) == candidates(result)
    await review(live, run, result, status="rejected")
    await review(live, run, result, status="approved")
    assert candidates((await matched(live))[1]) == candidates(result)


async def test_it_is_back_once_its_run_is_deleted(live: Live) -> None:
    run, result = await matched(live)
    await review(live, run, result, status="rejected")
    assert (await live.client.delete(run["links"]["self"])).status_code == 200
    assert candidates((await matched(live))[1]) == candidates(result)


async def test_two_rejections_leave_out_both_rows(live: Live) -> None:
    for expected in ("ref_0", None):
        run, result = await matched(live)
        assert result["matched_reference_row_id"] == expected
        await review(live, run, result, status="rejected")
    # The second one said "no match", which excludes nothing.
    assert len(candidates((await matched(live))[1])) == len(ROWS) - 1


async def test_a_changed_document_may_match_again(live: Live) -> None:
    run, result = await matched(live)
    await review(live, run, result, status="rejected")
    await put_document(live)
    assert "ref_0" not in candidates((await matched(live))[1])
    await put_document(live, page=2)
    assert "ref_0" in candidates((await matched(live))[1])
    await put_document(live)
    assert "ref_0" not in candidates((await matched(live))[1])


async def test_a_changed_row_may_match_again(live: Live) -> None:
    await put_rows(live)
    run, result = await matched(live)
    await review(live, run, result, status="rejected")
    # The same rows again, in another version with the columns in another order.
    path = f"/v1/reference-data/{live.world.reference_id}/rows"
    data = [{"number": number, "name": name, "row": row_id} for row_id, (name, number) in ROWS]
    await live.client.put(path, json={"data": data, "id_column": "row"})
    assert "ref_0" not in candidates((await matched(live))[1])
    data[0]["name"] = "Alpine Metalworks AG"
    await live.client.put(path, json={"data": data, "id_column": "row"})
    assert "ref_0" in candidates((await matched(live))[1])


async def test_a_review_of_what_the_document_was_says_nothing_of_what_it_is(live: Live) -> None:
    run, result = await matched(live)
    await put_document(live, number="n-1")
    await review(live, run, result, status="rejected")
    assert "ref_0" in candidates((await matched(live))[1])


async def test_a_run_keeps_the_pairs_it_began_with(live: Live) -> None:
    run, result = await matched(live)
    live.executor.hold()
    other = await live.start()
    with live.engine.signals.subscribe(f"run:{other['id']}") as wake:
        while (await live.get(other["links"]["self"]))["status"] == "queued":
            await wake.wait()
    await review(live, run, result, status="rejected")
    live.executor.release()
    ended = await live.wait_until_ended(other)
    page = await live.get(ended["links"]["results"], document_id=DOCUMENT)
    assert page["data"][0]["matched_reference_row_id"] == "ref_0"
    assert "ref_0" not in candidates((await matched(live))[1])


async def test_a_document_of_another_collection_is_another_document(live: Live) -> None:
    body = {"documents": [{"id": DOCUMENT, "collection": "other", "fields": FIELDS}]}
    await live.client.post("/v1/documents", json=body)
    run, result = await matched(live, collection="other")
    await review(live, run, result, status="rejected")
    assert "ref_0" in candidates((await matched(live))[1])
    assert "ref_0" not in candidates((await matched(live, collection="other"))[1])
