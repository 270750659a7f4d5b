"""Can a client upload reference data, find it again, and read what is wrong with a bad file?"""

import base64
import csv
import io
import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.api import pages
from service.domain.identifiers import ReferenceDataId
from tests.api.conftest import Api, insert_reference_data, page_sizes

URL = "/v1/reference-data"
# Beyond this size a child process reads the upload.
LARGE = 70_000


async def upload(api: Api, content: bytes, filename: str = "orders.csv", **fields: str) -> Any:
    files = {"file": (filename, content, "text/csv")}
    return await api.client.post(URL, files=files, data=fields)


async def stored(api: Api) -> int:
    reply = await api.client.get(URL)
    assert reply.status_code == 200
    total: int = reply.json()["pagination"]["total"]
    return total


async def test_csv_becomes_a_resource_with_typed_columns(api: Api) -> None:
    content = "\ufeffid,name,total\nPO-1,Müller & Söhne,12.50\nPO-2,,7\n".encode()

    reply = await upload(api, content, name="Orders", id_column="id")

    assert reply.status_code == 201
    body = reply.json()
    path = f"{URL}/{body['id']}"
    assert reply.headers["Location"] == path
    assert body["created_at"].endswith("Z")
    assert {
        key: body[key] for key in ("name", "source_type", "status", "row_count", "version")
    } == {
        "name": "Orders",
        "source_type": "csv",
        "status": "ready",
        "row_count": 2,
        "version": 1,
    }
    assert body["columns"] == [
        {"name": "id", "type": "string"},
        {"name": "name", "type": "string"},
        {"name": "total", "type": "number"},
    ]
    assert (await api.client.get(path)).json() == body
    rows = (await api.client.get(f"{path}/rows")).json()["data"]
    assert rows == [
        {"id": "PO-1", "name": "Müller & Söhne", "total": "12.50"},
        {"id": "PO-2", "name": "", "total": "7"},
    ]


@pytest.mark.parametrize("path", [URL, "/v1/matching/reference-data"])
@pytest.mark.parametrize("padding", [0, LARGE])
async def test_json_rows_are_taken_here_and_in_a_child(api: Api, path: str, padding: int) -> None:
    rows = [{"key": 7, "flag": True, "text": "x" * padding}, {"key": "b", "text": None}]

    reply = await api.client.post(path, json={"name": "R", "data": rows, "id_column": "key"})

    assert reply.status_code == 201
    assert reply.json()["source_type"] == "json"
    listed = (await api.client.get(f"{URL}/{reply.json()['id']}/rows")).json()["data"]
    assert listed == [
        {"id": "7", "key": "7", "flag": "true", "text": "x" * padding},
        {"id": "b", "key": "b", "flag": None, "text": None},
    ]


async def test_ndjson_comes_as_a_file(api: Api) -> None:
    reply = await upload(api, b'{"a": 1.10}\n{"a": 2}\n', "rows.ndjson", name="R")

    assert reply.status_code == 201
    rows = (await api.client.get(f"{URL}/{reply.json()['id']}/rows")).json()["data"]
    assert rows == [{"id": "row_1", "a": "1.10"}, {"id": "row_2", "a": "2"}]


async def test_rows_are_walked_by_cursor_to_the_end(api: Api) -> None:
    content = "n\n" + "".join(f"{number}\n" for number in range(250))
    path = f"{URL}/{(await upload(api, content.encode())).json()['id']}/rows"

    seen: list[str] = []
    url: str | None = path
    pages = 0
    while url is not None:
        reply = await api.client.get(url)
        seen += [row["n"] for row in reply.json()["data"]]
        assert reply.json()["pagination"]["total"] == 250
        url = reply.links["next"]["url"] if reply.json()["pagination"]["has_more"] else None
        pages += 1

    assert seen == [str(number) for number in range(250)]
    assert pages == 3
    third = (await api.client.get(path, params={"page": 3, "limit": 100})).json()
    assert [row["n"] for row in third["data"]] == [str(number) for number in range(200, 250)]
    assert (await api.client.get(path, params={"limit": 501})).status_code == 400
    assert (await api.client.get(path, params={"version": 2})).status_code == 404


def forged(cursor: str, key: Any) -> str:
    """The cursor with another key in it."""
    fingerprint, total, _ = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    told = json.dumps([fingerprint, total, key]).encode()
    return base64.urlsafe_b64encode(told).decode().rstrip("=")


@pytest.mark.parametrize(
    "key", [[99999999999, 1], [0, 1], [1, -(10**22)], [1, -1], [1, 2**31 - 1], [1, 10**30]]
)
async def test_a_forged_cursor_of_rows_is_refused(api: Api, key: list[int]) -> None:
    identifier = (await upload(api, b"a\n1\n2\n")).json()["id"]
    path = f"{URL}/{identifier}/rows"
    page = (await api.client.get(path, params={"limit": 1})).json()["pagination"]

    reply = await api.client.get(path, params={"cursor": forged(page["next_cursor"], key)})

    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (400, "cursor")
    beyond = await api.client.get(
        path, params={"cursor": forged(page["next_cursor"], [1, 2**31 - 2])}
    )
    assert beyond.json()["data"] == []


async def test_a_page_of_large_rows_ends_early(api: Api) -> None:
    identifier = await insert_rows(api, pages.PAGE_BYTES // 4, count=10)

    sizes = await page_sizes(api, f"{URL}/{identifier}/rows")

    assert sizes == [3, 3, 3, 1]


async def insert_rows(api: Api, size: int, count: int) -> ReferenceDataId:
    async with api.database.connection() as connection:
        identifier = await insert_reference_data(connection, api.workspace_id, ["text"])
        await connection.execute(
            """
            INSERT INTO reference_rows
            SELECT 1, place, 'row_' || place, ARRAY[repeat('x', $1)]
            FROM generate_series(0, $2 - 1) AS place
            """,
            size,
            count,
        )
        await connection.execute("UPDATE reference_versions SET row_count = $1", count)
    return identifier


@pytest.mark.parametrize("row_id", ["a/b", "a b", "ü?#%", "..", "x" * 200])
async def test_a_row_is_read_by_an_id_of_any_characters(api: Api, row_id: str) -> None:
    body = {"name": "R", "data": [{"id": row_id, "v": "1"}], "id_column": "id"}
    path = f"{URL}/{(await api.client.post(URL, json=body)).json()['id']}/rows"

    reply = await api.client.get(f"{path}/{quote(row_id, safe='').replace('.', '%2E')}")

    assert reply.json() == {"id": row_id, "v": "1"}
    for absent in ("absent", "%00", "y" * 201):
        assert (await api.client.get(f"{path}/{absent}")).status_code == 404


async def test_a_column_named_id_does_not_hide_the_rows_id(api: Api) -> None:
    reply = await upload(api, b"id,code\n1,a\n", id_column="code")

    rows = (await api.client.get(f"{URL}/{reply.json()['id']}/rows")).json()["data"]

    assert rows == [{"id": "a", "column.id": "1", "code": "a"}]


async def test_the_delimiter_can_be_named(api: Api) -> None:
    for given_as, written in ((";", ";"), ("tab", "\t"), ("\\t", "\t"), ("|", "|")):
        content = f"a{written}b\n1{written}2\n".encode()
        reply = await upload(api, content, delimiter=given_as)
        assert [column["name"] for column in reply.json()["columns"]] == ["a", "b"]


async def test_the_file_name_serves_where_no_name_is_given(api: Api) -> None:
    reply = await upload(api, b"a\n1\n", "Open orders.csv")

    assert reply.json()["name"] == "Open orders"


async def test_another_workspace_gets_404_everywhere(api: Api) -> None:
    identifier = (await upload(api, b"a\n1\n")).json()["id"]
    headers = await api.key(workspace_id=await api.other_workspace())

    for path in ("", "/rows", "/rows/row_1"):
        reply = await api.client.get(f"{URL}/{identifier}{path}", headers=headers)
        assert reply.status_code == 404
        assert (await api.client.get(f"{URL}/{identifier}{path}")).status_code == 200
        assert (await api.client.get(f"{URL}/{uuid4()}{path}")).status_code == 404
    listed = (await api.client.get(URL, headers=headers)).json()
    assert listed["data"] == []
    assert listed["pagination"]["total"] == 0


async def test_what_the_client_has_is_not_sent_again(api: Api) -> None:
    path = f"{URL}/{(await upload(api, b'a' + bytes([10]) + b'1')).json()['id']}"
    etag = (await api.client.get(path)).headers["ETag"]

    assert (await api.client.get(path, headers={"If-None-Match": etag})).status_code == 304


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
NAMES = st.lists(CELLS.filter(bool), min_size=1, max_size=4, unique=True)


@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_any_table_the_csv_module_writes_comes_back_equal(api: Api, data: Any) -> None:
    header = data.draw(NAMES.filter(lambda names: not names[0].startswith("\ufeff")))
    width = len(header)
    rows = data.draw(
        st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6)
    )
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])

    reply = await upload(api, text.getvalue().encode(), delimiter=",")

    assert reply.status_code == 201, reply.text
    assert [column["name"] for column in reply.json()["columns"]] == header
    listed = await api.client.get(f"{URL}/{reply.json()['id']}/rows")
    names = ["column.id" if name == "id" else name for name in header]
    found = [[row[name] for name in names] for row in listed.json()["data"]]
    assert found == rows
