"""Can a client replace rows, add rows, read older versions, and delete reference data?"""

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.engine import cleaning
from service.store.database import Database
from tests.api.conftest import Api
from tests.api.live import Live, running
from tests.api.test_reference_data import LARGE, URL, upload

FIRST = b"id,name,total\n1,Vega,10\n2,Omni,20\n"


async def make(api: Api, content: bytes = FIRST, **fields: str) -> Any:
    reply = await upload(api, content, **{"id_column": "id", **fields})
    assert reply.status_code == 201, reply.text
    return reply.json()


async def send(api: Api, data: Any, method: str, content: bytes, **fields: str) -> Any:
    files = {"file": ("rows.csv", content, "text/csv")}
    return await api.client.request(method, data["links"]["rows"], files=files, data=fields)


async def rows(api: Api, data: Any, **query: Any) -> list[dict[str, Any]]:
    reply = await api.client.get(data["links"]["rows"], params=query)
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["data"]
    return found


async def event_types(api: Api) -> list[str]:
    async with api.database.connection() as connection:
        records = await connection.fetch("SELECT type FROM events ORDER BY workspace_seq")
    return [record["type"] for record in records]


async def row_counts(database: Database) -> dict[int, int]:
    """How many rows each generation has."""
    async with database.connection() as connection:
        records = await connection.fetch(
            "SELECT generation, count(*) AS rows FROM reference_rows GROUP BY generation"
        )
    return {record["generation"]: record["rows"] for record in records}


@pytest.mark.parametrize("padding", [0, LARGE], ids=["here", "child"])
async def test_a_replace_makes_a_version_and_the_old_one_can_still_be_read(
    api: Api, padding: int
) -> None:
    data = await make(api)

    reply = await send(api, data, "PUT", b"name,id\nNova,9\n" + b"\n" * padding)

    assert reply.status_code == 200, reply.text
    now = reply.json()
    assert (now["version"], now["row_count"]) == (2, 1)
    assert now["columns"] == [
        {"name": "name", "type": "string"},
        {"name": "id", "type": "integer"},
    ]
    assert now == (await api.client.get(data["links"]["self"])).json()
    assert await rows(api, data) == [{"id": "9", "name": "Nova"}]
    assert [row["id"] for row in await rows(api, data, version=1)] == ["1", "2"]
    old = await api.client.get(f"{data['links']['rows']}/1", params={"version": 1})
    assert old.json() == {"id": "1", "name": "Vega", "total": "10"}
    assert (await api.client.get(f"{data['links']['rows']}/1")).status_code == 404


@pytest.mark.parametrize("padding", [0, LARGE], ids=["here", "child"])
async def test_an_append_goes_on_behind_the_rows_that_are_there(api: Api, padding: int) -> None:
    data = await make(api)

    reply = await send(api, data, "POST", b"total,id\n12.5,3\n,4\n" + b"\n" * padding)

    assert reply.status_code == 200, reply.text
    assert (reply.json()["version"], reply.json()["row_count"]) == (2, 4)
    assert reply.json()["columns"][2] == {"name": "total", "type": "number"}
    assert await rows(api, data) == [
        {"id": "1", "name": "Vega", "total": "10"},
        {"id": "2", "name": "Omni", "total": "20"},
        {"id": "3", "name": None, "total": "12.5"},
        {"id": "4", "name": None, "total": ""},
    ]
    assert len(await rows(api, data, version=1)) == 2


async def test_ids_by_position_go_on_where_they_ended(api: Api) -> None:
    body = {"name": "Vendors", "data": [{"name": "Vega"}, {"name": "Omni"}]}
    data = (await api.client.post(URL, json=body)).json()

    reply = await api.client.post(data["links"]["rows"], json={"data": [{"name": "Nova"}]})

    assert reply.status_code == 200, reply.text
    assert [row["id"] for row in await rows(api, data)] == ["row_1", "row_2", "row_3"]


async def test_a_column_that_was_empty_takes_the_type_of_what_comes(api: Api) -> None:
    data = await make(api, b"id,total\n1,\n")
    reply = await send(api, data, "POST", b"id,total\n2,7\n")
    assert reply.json()["columns"][1] == {"name": "total", "type": "integer"}


async def test_null_as_id_column_goes_back_to_ids_by_position(api: Api) -> None:
    data = await make(api)
    body = {"data": [{"id": "7"}], "id_column": None}
    assert (await api.client.put(data["links"]["rows"], json=body)).status_code == 200
    assert [row["id"] for row in await rows(api, data)] == ["row_1"]


BAD_ROWS = {
    "an id that is there": (
        "POST",
        b"id,name,total\n3,a,1\n2,b,1\n",
        "'2', and so has a row that is there",
    ),
    "an id twice": ("POST", b"id,name,total\n3,a,1\n3,b,1\n", "has '3' in rows 1 and 2: choose"),
    "a new column": ("POST", b"id,nam\n3,a\n", "has no column 'nam'. Did you mean 'name'?"),
    "a ragged row": ("PUT", b"id,name\n3,a\n4\n", "Row 2 has 1 values, but the header has 2"),
    "no id column": ("PUT", b"number\n3\n", "There is no column 'id' for id_column."),
    "no rows": ("POST", b"id,name,total\n", "There are no rows"),
}


@pytest.mark.parametrize("padding", [0, LARGE], ids=["here", "child"])
@pytest.mark.parametrize(("method", "content", "detail"), BAD_ROWS.values(), ids=BAD_ROWS)
async def test_bad_rows_leave_everything_as_it_was(
    api: Api, method: str, content: bytes, detail: str, padding: int
) -> None:
    data = await make(api)

    reply = await send(api, data, method, content + b"\n" * padding)

    assert reply.status_code == 400, reply.text
    assert detail in reply.json()["detail"]
    now = (await api.client.get(data["links"]["self"])).json()
    assert now == {**data, "error": reply.json()["detail"]}
    assert len(await rows(api, data)) == 2
    assert await row_counts(api.database) == {1: 2}
    assert await event_types(api) == ["reference_data.ready", "reference_data.failed"]
    await send(api, data, "PUT", FIRST)
    assert (await api.client.get(data["links"]["self"])).json()["error"] is None


async def test_a_failed_import_is_told_and_leaves_nothing(api: Api) -> None:
    assert (await upload(api, b"a,b\n1\n", name="Orders")).status_code == 400
    assert await event_types(api) == ["reference_data.failed"]
    assert (await api.client.get(URL)).json()["data"] == []


async def test_rows_of_another_workspace_or_of_nothing_cannot_be_changed(api: Api) -> None:
    data = await make(api)
    stranger = await api.key(workspace_id=await api.other_workspace())
    for method in ("PUT", "POST"):
        files = {"file": ("rows.csv", FIRST, "text/csv")}
        reply = await api.client.request(
            method, data["links"]["rows"], files=files, headers=stranger
        )
        assert reply.status_code == 404
    assert (await api.client.delete(data["links"]["self"], headers=stranger)).status_code == 404
    assert (await api.client.get(data["links"]["self"])).json() == data


async def test_an_export_is_the_file_that_came(api: Api) -> None:
    text = io.StringIO()
    values = ["a,b", 'say "x"', "line\nbreak", "=1+1", "007", " ü "]
    csv.writer(text).writerows(
        [["no", "name"], *([f"{n}", values[n % len(values)]] for n in range(2_500))]
    )
    content = text.getvalue().encode()
    data = await make(api, content, id_column="no", name="Or/der;s ü")

    reply = await api.client.get(data["links"]["export"])

    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''Or_der%3Bs%20%C3%BC.csv"
    )
    assert reply.content == content


async def test_an_export_shows_the_version_asked_for(api: Api) -> None:
    data = await make(api)
    await send(api, data, "PUT", b"id,name\n3,Nova\n")
    old = await api.client.get(data["links"]["export"], params={"version": 1})
    assert old.text == FIRST.decode().replace("\n", "\r\n")
    gone = await api.client.get(data["links"]["export"], params={"version": 7})
    assert gone.status_code == 404


async def test_deleted_reference_data_is_gone_with_its_rows(api: Api) -> None:
    data, other = await make(api), await make(api)
    await send(api, data, "PUT", b"id\n3\n")

    reply = await api.client.delete(data["links"]["self"])

    assert (reply.status_code, reply.json()) == (200, {"deleted": True, "id": data["id"]})
    for link in data["links"].values():
        assert (await api.client.get(link)).status_code == 404
    assert (await api.client.delete(data["links"]["self"])).status_code == 404
    await cleaning.clean(api.database)
    async with api.database.connection() as connection:
        left = await connection.fetchval("SELECT count(*) FROM reference_rows")
        assert await connection.fetchval("SELECT count(*) FROM abandoned_rows") == 0
    assert left == other["row_count"]


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path) as value:
        yield value


async def test_reference_data_in_use_is_kept_and_its_configs_outlive_it(live: Live) -> None:
    url = f"{URL}/{live.world.reference_id}"
    live.executor.hold()
    run = await live.start()
    refused = await live.client.delete(url)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert run["id"] in refused.json()["detail"]
    live.executor.release()
    ended = await live.wait_until_ended(run)
    assert (ended["status"], ended["rows_matched"]) == ("completed", 20)

    assert (await live.client.delete(url)).status_code == 200

    config = f"/v1/matching/configs/{live.world.config_id}"
    assert (await live.get(config))["reference_data_id"] == str(live.world.reference_id)
    reply = await live.client.post(f"{config}/run")
    assert reply.status_code == 404
    assert str(live.world.reference_id) in reply.json()["detail"]
    assert await live.get(run["links"]["self"]) == ended


async def test_a_run_keeps_the_rows_it_began_with(live: Live) -> None:
    live.executor.hold()
    run = await live.start()
    with live.engine.signals.subscribe(f"run:{run['id']}") as wake:
        while (await live.get(run["links"]["self"]))["status"] == "queued":
            await wake.wait()
    rows_url = f"{URL}/{live.world.reference_id}/rows"
    body = {"data": [{"name": "Nobody", "number": "0"}]}
    assert (await live.client.put(rows_url, json=body)).status_code == 200
    await cleaning.clean(live.world.database)
    live.executor.release()
    ended = await live.wait_until_ended(run)
    assert (ended["reference_data_version"], ended["rows_matched"]) == (1, 20)
    assert (await live.completed())["rows_matched"] == 0


async def test_rows_that_no_run_needs_go_and_others_stay(live: Live) -> None:
    database, rows_url = live.world.database, f"{URL}/{live.world.reference_id}/rows"
    run = await live.completed()
    for name in ("Second", "Third"):
        body = {"data": [{"name": name, "number": "0"}]}
        assert (await live.client.put(rows_url, json=body)).status_code == 200

    await cleaning.clean(database)

    assert await row_counts(database) == {1: 5, 3: 1}
    assert (await live.client.get(rows_url, params={"version": 2})).status_code == 404
    assert len((await live.get(rows_url, version=1))["data"]) == 5
    assert run["reference_data_version"] == 1
