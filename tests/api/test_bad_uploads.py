"""What is a client told of an upload of reference data that cannot be taken?"""

import json
from typing import Any

import pytest

from service.ingest.limits import MAX_PROBLEMS
from tests.api.conftest import LIMITS, Api
from tests.api.test_reference_data import LARGE, URL, stored, upload

BAD_FILES = {
    "ragged": (b"a,b\n1\n1,2\n1,2,3\n", "Row 1 has 1 values, but the header has 2 columns."),
    "empty": (b"", "The file is empty."),
    "header only": (b"a,b\n", "There are no rows in orders.csv: reference data needs one."),
    "wrong delimiter": (
        b"a;b\n1;2\n",
        (
            "The header has one column only, 'a;b': if the columns are separated by ';', say so "
            "with delimiter."
        ),
    ),
    "latin-1": (
        "a,b\nx,y\nx,ü\n".encode("latin-1"),
        (
            "Row 2 is not valid UTF-8: save the file as CSV in UTF-8, or say with encoding how it "
            "is written, windows-1252 for one."
        ),
    ),
    "no id": (b"id,b\n,1\n", "Row 1 has no value in the id column 'id'."),
}


@pytest.mark.parametrize("padding", [0, LARGE], ids=["here", "child"])
@pytest.mark.parametrize(("content", "detail"), BAD_FILES.values(), ids=BAD_FILES)
async def test_a_bad_file_is_explained_and_leaves_nothing(
    api: Api, content: bytes, detail: str, padding: int
) -> None:
    fields = {"id_column": "id"} if content.startswith(b"id") else {}

    reply = await upload(api, content + b"\n" * padding, **fields)

    assert reply.status_code == 400
    problem = reply.json()
    assert problem["code"] == "validation_error"
    assert problem["errors"][0]["message"] == detail
    assert problem["detail"].startswith(detail)
    assert await stored(api) == 0
    async with api.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM reference_rows") == 0


REPEATED = {
    "twice": (1, "The id column 'id' has 'a' in rows 1 and 3"),
    "often": (999, "The id column 'id' has 'a' in rows 1 and 3, and in 1,000 rows in all"),
}


@pytest.mark.parametrize("padding", [0, LARGE], ids=["here", "child"])
@pytest.mark.parametrize(("times", "sentence"), REPEATED.values(), ids=REPEATED)
async def test_an_id_that_repeats_is_one_sentence_with_advice(
    api: Api, times: int, sentence: str, padding: int
) -> None:
    content = b"id\na\nb\n" + b"a\n" * times + b"\n" * padding

    reply = await upload(api, content, id_column="id")

    problem = reply.json()
    assert problem["detail"] == (
        f"{sentence}: choose another column, or leave it out, and rows are numbered. Rows count "
        "from 1 below the header."
    )
    assert len(problem["errors"]) == min(times, MAX_PROBLEMS)
    assert problem["errors"][0] == {
        "row": 3,
        "column": "id",
        "code": "repeated_id",
        "message": "Row 3 has the id 'a' that row 1 has too.",
    }
    assert await stored(api) == 0


async def test_an_empty_delimiter_that_was_needed_is_told_of(api: Api) -> None:
    reply = await upload(api, b"a;b\n1;2\n", delimiter="")
    assert reply.json()["detail"] == (
        "The header has one column only, 'a;b': if the columns are separated by ';', say so with "
        "delimiter, which came empty: curl's -F drops what follows a semicolon, so type "
        "--form-string 'delimiter=;'."
    )
    assert (await upload(api, b"a,b\n1,2\n", delimiter="")).status_code == 201


async def test_problems_of_json_point_to_their_place(api: Api) -> None:
    rows = [{"a/b": "x"}, {"a/b": ["no"]}, 7]

    reply = await api.client.post(URL, json={"name": "R", "data": rows})

    assert reply.status_code == 400
    assert reply.json()["errors"] == [
        {
            "pointer": "/data/1/a~1b",
            "row": 2,
            "column": "a/b",
            "code": "bad_value",
            "message": "Row 2, column 'a/b': the value is a list, not a single value.",
        },
        {
            "pointer": "/data/2",
            "row": 3,
            "code": "not_an_object",
            "message": "Row 3 is not a JSON object.",
        },
    ]


BAD_BODIES: dict[str, tuple[Any, str]] = {
    "no name": ({"data": [{"a": 1}]}, "/name"),
    "blank name": ({"name": " ", "data": [{"a": 1}]}, "/name"),
    "name of a wrong type": ({"name": 5, "data": [{"a": 1}]}, "/name"),
    "no data": ({"name": "R"}, "/data"),
    "unknown key": ({"name": "R", "data": [{"a": 1}], "idcolumn": "a"}, "/idcolumn"),
    "unknown id column": ({"name": "R", "data": [{"a": 1}], "id_column": "b"}, "/id_column"),
    "list": ([], ""),
}


@pytest.mark.parametrize(("body", "pointer"), BAD_BODIES.values(), ids=BAD_BODIES)
async def test_a_bad_body_is_explained_by_pointer(api: Api, body: Any, pointer: str) -> None:
    reply = await api.client.post(URL, json=body)

    assert reply.status_code == 400
    assert [error["pointer"] for error in reply.json()["errors"]] == [pointer]


async def test_an_unknown_id_column_gets_the_nearest_name(api: Api) -> None:
    reply = await upload(api, b"order_id,name\n1,x\n", id_column="orderid")

    assert reply.json()["detail"] == (
        "There is no column 'orderid' for id_column. Did you mean 'order_id'? The columns are "
        "'order_id', 'name'."
    )


BAD_FORMS: dict[str, tuple[dict[str, str], str]] = {
    "encoding": ({"encoding": "cp037"}, "The encoding 'cp037' is not read here; known are `utf-8`"),
    "no such encoding": ({"encoding": "x\u2028"}, "The encoding 'x\\u2028' is not read here;"),
    "delimiter": ({"delimiter": ", "}, "`delimiter` must be one character"),
    "unknown part": ({"id_colum": "a"}, "The part `id_colum` is not known here. Did you mean"),
    "long part": ({"name": "x" * 10_001}, "The part `name` is longer than 10,000 bytes."),
    "blank name": ({"name": " "}, "`name` must have 1 to 200 characters."),
}


@pytest.mark.parametrize(("fields", "detail"), BAD_FORMS.values(), ids=BAD_FORMS)
async def test_a_bad_form_is_explained(api: Api, fields: dict[str, str], detail: str) -> None:
    reply = await upload(api, b"a\n1\n", **fields)

    assert reply.status_code == 400
    assert reply.json()["detail"].startswith(detail)


async def test_a_file_named_without_being_sent_is_told_from_an_empty_one(api: Api) -> None:
    reply = await api.client.post(URL, data={"name": "Orders"}, files={"file": (None, "a.csv")})

    assert reply.status_code == 400
    assert reply.json()["detail"] == (
        "The part `file` is no file; curl sends one with `-F file=@rows.csv`."
    )


BROKEN_FORMS = {
    "no boundary": ("multipart/form-data", b"", "its Content-Type has no boundary."),
    "cut off": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na\r\n1\r\n',
        "it ends before its last boundary.",
    ),
    "no form": ("multipart/form-data; boundary=b", b"a\n1\n", "its parts are not well formed."),
}


@pytest.mark.parametrize(
    ("content_type", "content", "reason"), BROKEN_FORMS.values(), ids=BROKEN_FORMS
)
async def test_a_broken_form_is_explained(
    api: Api, content_type: str, content: bytes, reason: str
) -> None:
    reply = await api.client.post(URL, content=content, headers={"Content-Type": content_type})

    assert reply.status_code == 400
    assert reply.json()["detail"] == f"The form cannot be read: {reason}"


async def test_a_form_without_file_and_one_with_two_are_refused(api: Api) -> None:
    none = await api.client.post(URL, files={"name": (None, "R")})
    two = await api.client.post(URL, files=[("file", ("a.csv", b"a")), ("file", ("b.csv", b"b"))])

    assert none.json()["detail"] == "A part named `file` with a file is needed."
    assert two.json()["detail"] == "The part `file` is given twice."


async def test_what_is_not_read_here_is_415(api: Api) -> None:
    sheet = await upload(api, b"PK", "orders.xls")
    plain = await api.client.post(URL, content=b"a\n", headers={"Content-Type": "text/csv"})

    assert (sheet.status_code, plain.status_code) == (415, 415)


async def test_an_upload_that_is_too_large_is_413(api: Api) -> None:
    file = await upload(api, b"a\n" + b"1\n" * LIMITS.upload_bytes)
    body = json.dumps({"name": "x" * LIMITS.rows_json_bytes, "data": []})

    async def parts() -> Any:
        yield body.encode()

    rows = await api.client.post(URL, content=parts(), headers={"Content-Type": "application/json"})

    assert (file.status_code, rows.status_code) == (413, 413)
    assert await stored(api) == 0


async def test_a_body_that_is_no_json_is_explained(api: Api) -> None:
    contents = (b"{", b"\xff", b'{"name": "R", "name": "S", "data": []}')
    headers = {"Content-Type": "application/json"}

    replies = [await api.client.post(URL, content=each, headers=headers) for each in contents]

    assert [reply.status_code for reply in replies] == [400, 400, 400]
    assert [reply.json()["detail"] for reply in replies] == [
        (
            "The body is not valid JSON: Expecting property name enclosed in double quotes "
            "(line 1, column 2)."
        ),
        "The body is not valid UTF-8.",
        "The body names the key 'name' more than once.",
    ]


async def test_a_part_with_an_endless_header_or_bad_text_is_refused(api: Api) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="name"'
    contents = {
        "its parts are not well formed": head + b"; x=" + b"x" * 5_000,
        "the part `name` is not valid UTF-8": head + b"\r\n\r\n\xff\r\n--b--\r\n",
        "the part `name` has a NUL character": head + b"\r\n\r\n\0\r\n--b--\r\n",
    }
    headers = {"Content-Type": "multipart/form-data; boundary=b"}

    for reason, content in contents.items():
        reply = await api.client.post(URL, content=content, headers=headers)
        assert reply.status_code == 400
        assert reply.json()["detail"] == f"The form cannot be read: {reason}."
