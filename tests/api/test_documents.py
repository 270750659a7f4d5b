"""Can a client bring documents in, bring them again, and find them?"""

import asyncio
import base64
import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from service.api import pages
from tests.api.conftest import LIMITS, Api, page_sizes

URL = "/v1/documents"
NDJSON = {"Content-Type": "application/x-ndjson"}
# Beyond this size a child process reads the upload.
LARGE = 70_000


async def listed(api: Api, **filters: str) -> list[dict[str, Any]]:
    reply = await api.client.get(URL, params=filters)
    assert reply.status_code == 200
    data: list[dict[str, Any]] = reply.json()["data"]
    return data


async def post(api: Api, *documents: Any) -> Any:
    content = json.dumps({"documents": documents})
    return await api.client.post(URL, content=content, headers={"Content-Type": "application/json"})


async def test_documents_come_back_with_the_values_they_had(api: Api) -> None:
    fields = {"text": 'Fü"\\\n\t', "number": 12.5, "count": 3, "flag": True, "none": None}
    document = {"id": "d 1", "filename": "a.pdf", "collection": "c", "fields": fields}

    reply = await post(api, document)

    assert reply.status_code == 201
    assert reply.json() == {"created": 1, "updated": 0, "documents": [{"id": "d 1"}]}
    found = (await api.client.get(f"{URL}/d 1", params={"collection": "c"})).json()
    assert {key: found[key] for key in document} == document
    assert found["created_at"] == found["updated_at"]
    assert (await api.client.get(f"{URL}/d 1")).status_code == 404
    assert await listed(api, collection="c") == [found]
    assert await listed(api) == []


async def test_numbers_are_kept_as_they_were_written(api: Api) -> None:
    content = b'{"id": "1", "fields": {"a": 12.50, "b": 123456789012345678901, "c": 1e-999}}'

    await api.client.post(URL, content=content, headers=NDJSON)

    async with api.database.connection() as connection:
        stored = await connection.fetchval("SELECT fields::text FROM documents")
    assert stored.startswith('{"a": 12.50, "b": 123456789012345678901, "c": 0.00')


async def test_a_document_is_replaced_by_collection_and_id(api: Api) -> None:
    await post(
        api,
        {"id": "a", "filename": "a.pdf", "fields": {"x": 1, "y": 2}},
        {"id": "a", "collection": "other", "fields": {"x": 1}},
    )

    reply = await post(api, {"id": "a", "fields": {"x": 3}}, {"id": "b", "fields": {}})

    assert reply.json() == {"created": 1, "updated": 1, "documents": [{"id": "a"}, {"id": "b"}]}
    changed, new = await listed(api)
    assert (changed["fields"], changed["filename"], new["fields"]) == ({"x": 3}, None, {})
    assert changed["updated_at"] > changed["created_at"]
    assert [each["fields"] for each in await listed(api, collection="other")] == [{"x": 1}]


async def test_a_document_without_id_gets_one(api: Api) -> None:
    reply = await post(api, {"fields": {"x": 1}}, {"fields": {"x": 1}})

    first, second = (document["id"] for document in reply.json()["documents"])
    assert first != second
    assert (await api.client.get(f"{URL}/{first}")).json()["fields"] == {"x": 1}


@pytest.mark.parametrize("padding", [0, LARGE], ids=["here", "child"])
async def test_ndjson_is_taken_here_and_in_a_child(api: Api, padding: int) -> None:
    lines = [json.dumps({"id": str(number), "fields": {"n": number}}) for number in range(1500)]
    content = "\n".join(lines).encode() + b"\n" * padding

    reply = await api.client.post(URL, content=content, headers=NDJSON)

    assert reply.status_code == 201
    body = reply.json()
    assert body["created"] == 1500
    assert [each["id"] for each in body["documents"]] == [str(number) for number in range(1500)]


@pytest.mark.parametrize("padding", [0, LARGE], ids=["here", "child"])
async def test_csv_rows_become_documents_with_all_columns(api: Api, padding: int) -> None:
    content = b"no,file,amount\n1,a.pdf,12.50\n2,,\n" + b"\n" * padding
    fields = {"id_column": "no", "filename_column": "file", "collection": "scans"}

    reply = await api.client.post(URL, files={"file": ("d.csv", content)}, data=fields)

    assert reply.status_code == 201
    first, second = await listed(api, collection="scans")
    assert (first["id"], first["filename"]) == ("1", "a.pdf")
    assert first["fields"] == {"no": "1", "file": "a.pdf", "amount": "12.50"}
    assert (second["id"], second["filename"]) == ("2", None)


async def numbered(api: Api) -> Any:
    content = b"no\n" + b"".join(b"%d\n" % number for number in range(12))
    return await api.client.post(URL, files={"file": ("d.csv", content)})


async def test_rows_without_ids_are_named_by_their_numbers_and_replace_none(api: Api) -> None:
    await post(api, {"id": "another", "fields": {}})

    first, again = await numbered(api), await numbered(api)

    names = [f"row_{number:02}" for number in range(1, 13)]
    assert first.json() == {"created": 12, "updated": 0, "documents": [{"id": n} for n in names]}
    assert (again.json()["created"], again.json()["updated"]) == (12, 0)
    marked = [each["id"] for each in again.json()["documents"]]
    [mark] = {each.removesuffix(name) for each, name in zip(marked, names, strict=True)}
    assert re.fullmatch(r"upload_[0-9]{8}-[0-9]{6}-[0-9]{3}_", mark)
    found = await listed(api)
    assert [each["id"] for each in found] == ["another", *names, *marked]
    assert [each["fields"]["no"] for each in found[1:]] == [*map(str, range(12))] * 2


async def test_rows_of_two_uploads_at_once_do_not_replace_each_other(api: Api) -> None:
    async with api.database.connection() as other, api.database.connection() as onlooker:
        transaction = other.transaction()
        await transaction.start()
        insert = (
            "INSERT INTO documents (workspace_id, collection, id, fields) VALUES ($1, $2, $3, '{}')"
        )
        await other.execute(insert, api.workspace_id, "default", "row_05")
        async with asyncio.TaskGroup() as tasks:
            upload = tasks.create_task(numbered(api))
            while not await onlooker.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await onlooker.execute("SELECT pg_sleep(0.01)")
            await transaction.commit()

    assert upload.result().json()["created"] == 12
    found = await listed(api)
    assert (len(found), found[0]["id"], found[0]["fields"]) == (13, "row_05", {})


async def test_documents_are_listed_by_id_in_code_point_order(api: Api) -> None:
    ids = ["b", "B", "a", "ä", "Z", "1"]
    await post(api, *({"id": each, "fields": {}} for each in ids))

    first = await api.client.get(URL, params={"limit": 4})
    rest = await api.client.get(first.links["next"]["url"])

    found = [each["id"] for each in [*first.json()["data"], *rest.json()["data"]]]
    assert found == sorted(ids)
    assert rest.json()["pagination"] == {
        "total": 6,
        "limit": 4,
        "has_more": False,
        "next_cursor": None,
    }


async def test_a_page_of_large_documents_ends_early(api: Api) -> None:
    async with api.database.connection() as connection:
        await connection.execute(
            """
            INSERT INTO documents (workspace_id, collection, id, fields)
            SELECT $1, 'default', place::text, jsonb_build_object('text', repeat('x', $2))
            FROM generate_series(1, 8) AS place
            """,
            api.workspace_id,
            pages.PAGE_BYTES // 3,
        )

    assert await page_sizes(api, f"{URL}?limit=500") == [2, 2, 2, 2]


async def test_a_cursor_holds_an_id_that_a_document_can_have(api: Api) -> None:
    await post(api, {"id": "a", "fields": {}}, {"id": "b", "fields": {}})
    page = (await api.client.get(URL, params={"limit": 1})).json()["pagination"]
    told = base64.urlsafe_b64decode(page["next_cursor"] + "==")
    for wrong in (rb"\ud800", b"x" * 201, rb"\u0000"):
        cursor = base64.urlsafe_b64encode(told.replace(b'"a"', b'"%s"' % wrong)).decode()
        reply = await api.client.get(URL, params={"cursor": cursor.rstrip("=")})
        assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (400, "cursor")


@pytest.mark.parametrize("document_id", ["a/b", "a b", "ü?#%", "x" * 200])
async def test_a_document_is_read_by_an_id_of_any_characters(api: Api, document_id: str) -> None:
    await post(api, {"id": document_id, "fields": {}})

    reply = await api.client.get(f"{URL}/{quote(document_id, safe='')}")

    assert reply.json()["id"] == document_id
    for absent in ("absent", "%00", "y" * 201):
        assert (await api.client.get(f"{URL}/{absent}")).status_code == 404


async def test_another_workspace_sees_and_changes_nothing(api: Api) -> None:
    await post(api, {"id": "a", "fields": {"x": 1}})
    headers = await api.key(workspace_id=await api.other_workspace())

    assert (await api.client.get(f"{URL}/a", headers=headers)).status_code == 404
    assert (await api.client.get(URL, headers=headers)).json()["pagination"]["total"] == 0
    body = {"documents": [{"id": "a", "fields": {"x": 2}}]}
    assert (await api.client.post(URL, json=body, headers=headers)).json()["created"] == 1
    assert (await api.client.get(f"{URL}/a")).json()["fields"] == {"x": 1}


BAD_DOCUMENTS: dict[str, tuple[Any, str, str]] = {
    "no object": (1, "/documents/0", "Row 1 is not a JSON object."),
    "no fields": ({}, "/documents/0/fields", "Row 1 needs `fields`, a JSON object."),
    "nested": (
        {"fields": {"a": {"b": 1}}},
        "/documents/0/a",
        "Row 1, field 'a': the value is an object, not a single value.",
    ),
    "unknown key": (
        {"fields": {}, "file": "x"},
        "/documents/0/file",
        "Row 1: there is no key 'file'; the keys are id, filename, collection, fields.",
    ),
    "number as id": ({"id": 5, "fields": {}}, "/documents/0/id", "Row 1: `id` is not a string."),
    "empty id": (
        {"id": "", "fields": {}},
        "/documents/0/id",
        "Row 1: `id` must have 1 to 200 characters.",
    ),
    "long collection": (
        {"collection": "x" * 201, "fields": {}},
        "/documents/0/collection",
        "Row 1: `collection` must have 1 to 200 characters.",
    ),
    "long filename": (
        {"filename": "x" * 1001, "fields": {}},
        "/documents/0/filename",
        "Row 1: `filename` is longer than 1000 characters.",
    ),
    "NUL": (
        {"fields": {"a": "\0"}},
        "/documents/0/a",
        "Row 1, field 'a': the value contains a NUL character.",
    ),
    "lone surrogate": (
        {"fields": {"a": "\ud800"}},
        "/documents/0/a",
        "Row 1, field 'a': the value contains a lone surrogate, which is no character.",
    ),
    "field without name": (
        {"fields": {"": 1}},
        "/documents/0/fields",
        "Row 1: the name of a field must have 1 to 200 characters.",
    ),
}


@pytest.mark.parametrize(
    ("document", "pointer", "message"), BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS
)
async def test_a_bad_document_is_explained_and_nothing_stays(
    api: Api, document: Any, pointer: str, message: str
) -> None:
    reply = await post(api, document, {"id": "good", "fields": {}})

    assert reply.status_code == 400
    [error] = reply.json()["errors"]
    assert (error["pointer"], error["row"], error["message"]) == (pointer, 1, message)
    assert await listed(api) == []


@pytest.mark.parametrize("padding", [0, LARGE], ids=["here", "child"])
async def test_repeated_documents_are_named_with_all_their_rows(api: Api, padding: int) -> None:
    documents: list[Any] = [{"id": each, "fields": {}} for each in ("a", "b", "a", "b", "a")]
    documents += [{"id": "a", "collection": "other", "fields": {"x": "x" * padding}}]

    reply = await post(api, *documents)

    assert reply.status_code == 400
    told = [(error["row"], error["pointer"]) for error in reply.json()["errors"]]
    assert told == [(3, "/documents/2"), (5, "/documents/4"), (4, "/documents/3")]
    assert reply.json()["errors"][0]["message"] == (
        "Row 3 has the id 'a' that row 1 has too, in the collection 'default'."
    )
    assert reply.json()["detail"] == (
        "`id` has 'a' in rows 1 and 3, and in 3 rows in all: give each an id of its own, or leave "
        "`id` out."
    )
    assert await listed(api) == []


async def test_a_file_of_documents_is_named_and_so_is_a_column_of_ids_that_repeat(api: Api) -> None:
    async def refused(content: bytes) -> str:
        files = {"file": ("invoices.csv", content)}
        reply = await api.client.post(URL, files=files, data={"id_column": "no"})
        assert reply.status_code == 400
        detail: str = reply.json()["detail"]
        return detail

    assert await refused(b"no,total\n") == "There are no documents in invoices.csv."
    assert await refused(b"no\na\nb\nb\n") == (
        "The id column 'no' has 'b' in rows 2 and 3: choose another column, or leave it out, and "
        "rows are numbered. Rows count from 1 below the header."
    )


BAD_LINES = {
    "not JSON": (b'{"fields": {}}\n{"fields": \n', 2, "is not valid JSON: Expecting value"),
    "NaN": (b'{"fields": {"a": NaN}}', 1, "contains NaN, which is not JSON."),
    "too large": (b'{"fields": {"a": 1e999}}', 1, ", field 'a': the value is a number too large"),
    "too small": (
        b'{"fields": {"a": 1e-99999}}',
        1,
        ", field 'a': the value is a number too small",
    ),
    "repeated key": (b'{"fields": {"a": 1, "a": 2}}', 1, "names the key 'a' more than once."),
    "bad UTF-8": (b'{"fields": {"a": "\xff"}}', 1, "is not valid UTF-8."),
    "deep": (b"[" * 50_000, 1, "is nested too deeply."),
}


@pytest.mark.parametrize(("content", "row", "reason"), BAD_LINES.values(), ids=BAD_LINES)
async def test_a_bad_line_is_named_by_number(
    api: Api, content: bytes, row: int, reason: str
) -> None:
    reply = await api.client.post(URL, content=content, headers=NDJSON)

    assert reply.status_code == 400
    [error] = reply.json()["errors"]
    assert error["row"] == row
    assert error["message"].startswith(f"Row {row}{'' if reason[0] == ',' else ' '}{reason}")


async def test_bodies_without_documents_or_with_too_many_are_refused(api: Api) -> None:
    none = await post(api)
    no_lines = await api.client.post(URL, content=b"\n\n", headers=NDJSON)
    many = await post(api, *({"fields": {}} for _ in range(10_001)))
    large = await api.client.post(URL, content=b" " * LIMITS.upload_bytes + b"{", headers=NDJSON)

    assert none.json()["detail"] == no_lines.json()["detail"] == "There are no documents."
    assert (many.status_code, large.status_code) == (400, 413)
    assert many.json()["errors"][0]["pointer"] == "/documents"


async def test_a_collection_without_name_is_refused(api: Api) -> None:
    assert (await api.client.get(URL, params={"collection": ""})).status_code == 400
    reply = await api.client.post(
        URL, files={"file": ("d.csv", b"a\n1\n")}, data={"collection": "x" * 201}
    )
    assert reply.json()["detail"] == "`collection` must have 1 to 200 characters."
