"""Do all results of a run leave as a file that spreadsheets and programs read, or visibly not?"""

import codecs
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest

from service.engine import cleaning
from tests.api.live import Live, running

FORMULAS = ("=1+1", "+1", "-2+3", "@SUM(A1)", "\tAlpine", "\rAlpine")
HARMLESS = ("-12.50", "plain", "1=1", "")


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path, documents=450) as value:
        yield value


async def export(live: Live, run: Any, kind: str, **query: Any) -> httpx2.Response:
    path = f"{run['links']['results']}/export"
    reply = await live.client.get(path, params={"format": kind, **query})
    assert reply.status_code == 200, reply.text
    return reply


async def test_ndjson_has_the_results_as_the_list_has_them(live: Live) -> None:
    run = await live.completed()
    reply = await export(live, run, "ndjson")
    assert reply.headers["content-type"] == "application/x-ndjson"
    told = unquote(reply.headers["content-disposition"])
    config = await live.get(run["links"]["config"])
    assert told.endswith(f"''{config['name']} {run['created_at'][:10]}.ndjson")
    page = await live.get(run["links"]["results"], sort="document", limit=500)
    assert [json.loads(line) for line in reply.text.splitlines()] == page["data"]


async def test_csv_has_a_line_per_result_with_its_evidence(live: Live) -> None:
    run = await live.completed()
    reply = await export(live, run, "csv")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    page = await live.get(run["links"]["results"], sort="document", limit=500)
    assert [row["document_id"] for row in rows] == [each["document_id"] for each in page["data"]]
    first, result = rows[0], page["data"][0]
    assert first["matched_reference_row_id"] == "ref_0"
    assert float(first["confidence"]) == result["confidence"]
    assert first["vendor.document_value"] == "ALPINE METALWORKS"
    assert first["vendor.reference_value"] == "Alpine Metalworks"
    assert float(first["number.score"]) == result["evidence"]["number"]["score"]
    assert first["notes"] == ""


async def test_csv_names_the_row_whose_values_it_shows_where_none_is_matched(live: Live) -> None:
    # The amount belongs to another vendor: a candidate, and no match.
    fields = {"vendor": "Alpine Metalworks", "number": "nothing like it"}
    body = {"documents": [{"id": "half", "collection": "halves", "fields": fields}]}
    assert (await live.client.post("/v1/documents", json=body)).status_code == 201
    config = f"/v1/matching/configs/{live.world.config_id}"
    changed = {"threshold": 1, "name": 'All: "in" / out.'}
    assert (await live.client.put(config, json=changed)).status_code == 200
    run = await live.completed(collection="halves")
    reply = await export(live, run, "csv")
    name = unquote(reply.headers["content-disposition"])
    assert name.endswith(f"''All in out {run['created_at'][:10]}.csv")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    (result,) = (await live.get(run["links"]["results"]))["data"]
    (row,) = rows
    assert (row["matched_reference_row_id"], row["best_candidate_id"]) == (
        "",
        result["candidates"][0]["reference_row_id"],
    )
    assert row["vendor.reference_value"] == result["evidence"]["vendor"]["reference_value"]


async def test_csv_is_written_as_a_spreadsheet_opens_it(live: Live) -> None:
    run = await live.completed()
    plain = await export(live, run, "csv")
    asked = await export(live, run, "csv", bom="true", delimiter=";")
    assert asked.content.startswith(codecs.BOM_UTF8)
    rows = csv.reader(io.StringIO(asked.content.decode("utf-8-sig")), delimiter=";")
    assert list(rows) == list(csv.reader(io.StringIO(plain.text)))


async def test_an_export_takes_the_filters_of_the_list(live: Live) -> None:
    run = await live.completed()
    filters: tuple[dict[str, Any], ...] = (
        {"status": "approved"},
        {"document_id": "doc_000007"},
        {"matched": "true", "min_confidence": "0.99"},
    )
    for query in filters:
        page = await live.get(run["links"]["results"], sort="document", limit=500, **query)
        lines = (await export(live, run, "ndjson", **query)).text.splitlines()
        assert [json.loads(line) for line in lines] == page["data"]


async def test_no_text_becomes_a_formula_in_a_spreadsheet(live: Live) -> None:
    fields = [{"vendor": text, "number": None} for text in (*FORMULAS, *HARMLESS)]
    body = {
        "documents": [
            {"id": f"{n}", "collection": "f", "fields": each} for n, each in enumerate(fields)
        ]
    }
    body["documents"][0]["filename"] = "=cmd()"
    assert (await live.client.post("/v1/documents", json=body)).status_code == 201
    run = await live.completed(collection="f")
    rows = list(csv.DictReader(io.StringIO((await export(live, run, "csv")).text, newline="")))
    shown = {row["document_id"]: row["vendor.document_value"] for row in rows}
    expected = [*(f"'{text}" for text in FORMULAS), *HARMLESS]
    assert shown == {f"{n}": text for n, text in enumerate(expected)}
    assert rows[0]["document_filename"] == "'=cmd()"


async def test_a_run_that_has_not_begun_has_a_header_alone(live: Live) -> None:
    live.executor.hold()
    run = await live.start()
    lines = (await export(live, run, "csv")).text.splitlines()
    assert lines[0].startswith("document_id,document_filename,")
    live.executor.release()


async def test_the_format_has_to_be_named(live: Live) -> None:
    run = await live.completed()
    for query in ({}, {"format": "xlsx"}, {"format": "csv", "sort": "document"}):
        reply = await live.client.get(f"{run['links']['results']}/export", params=query)
        assert reply.status_code == 400
    path = f"{run['links']['results']}/export?format=csv"
    assert (await live.client.get(path, headers=await live.stranger())).status_code == 404


async def test_a_deleted_run_is_gone_with_its_results_and_events(live: Live) -> None:
    run, other = await live.completed(), await live.completed()
    reply = await live.client.delete(run["links"]["self"])
    assert reply.json() == {"deleted": True, "id": run["id"]}
    for link in ("self", "progress", "events", "results"):
        assert (await live.client.get(run["links"][link])).status_code == 404
    assert (await live.client.delete(run["links"]["self"])).status_code == 404
    await cleaning.clean(live.world.database)
    async with live.world.database.connection() as connection:
        for table in ("results", "run_documents", "events"):
            left = await connection.fetch(
                f"SELECT DISTINCT run_id FROM {table} WHERE run_id IS NOT NULL"
            )
            assert [str(record["run_id"]) for record in left] == [other["id"]]
        assert await connection.fetchval("SELECT count(*) FROM abandoned_runs") == 0


async def test_a_run_that_is_alive_cannot_be_deleted(live: Live) -> None:
    live.executor.hold()
    run = await live.start()
    reply = await live.client.delete(run["links"]["self"])
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    stranger = await live.client.delete(run["links"]["self"], headers=await live.stranger())
    assert stranger.status_code == 404
    live.executor.release()
    assert (await live.wait_until_ended(run))["status"] == "completed"
