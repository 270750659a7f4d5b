"""Are files read in all the forms in which people have them, and clearly refused where not?"""

import io
import struct
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as arrow  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
import pytest

from tests.api.conftest import Api
from tests.api.test_reference_data import URL, stored, upload
from tests.data.workbooks import DATE, MOMENT, Cell, Sheet, make

TEXT = "id,name\n1,Müller & Søn\n2,“Zürich” + 5 €\n"
ROWS = [{"id": "1", "name": "Müller & Søn"}, {"id": "2", "name": "“Zürich” + 5 €"}]


async def read(api: Api, reply: Any) -> list[dict[str, Any]]:
    assert reply.status_code == 201, reply.text
    page = await api.client.get(reply.json()["links"]["rows"])
    rows: list[dict[str, Any]] = page.json()["data"]
    return rows


async def refuse(api: Api, reply: Any, status: int = 400) -> Any:
    """Check that nothing is left behind; return the problem."""
    assert reply.status_code == status, reply.text
    assert await stored(api) == 0
    async with api.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM reference_rows") == 0
    return reply.json()


ENCODED: dict[str, tuple[bytes, str | None]] = {
    "utf-8": (TEXT.encode(), None),
    "utf-8 with mark": (TEXT.encode("utf-8-sig"), None),
    "utf-8 with mark, named": (TEXT.encode("utf-8-sig"), "UTF-8"),
    "utf-16 with mark": (TEXT.encode("utf-16"), None),
    "utf-16 big end first with mark": (b"\xfe\xff" + TEXT.encode("utf-16-be"), None),
    "utf-16 named": (TEXT.encode("utf-16"), "utf-16"),
    "utf-16 without mark": (TEXT.encode("utf-16-le"), "utf-16le"),
    "windows-1252": (TEXT.encode("cp1252"), "windows-1252"),
    "windows-1252 by another name": (TEXT.encode("cp1252"), "CP1252"),
    "latin-1, as browsers take it": (TEXT.encode("cp1252"), "latin-1"),
}


@pytest.mark.parametrize("padding", [0, 5_000], ids=["here", "child"])
@pytest.mark.parametrize(("content", "encoding"), ENCODED.values(), ids=ENCODED)
async def test_every_encoding_is_read(
    api: Api, content: bytes, encoding: str | None, padding: int
) -> None:
    fields = {"id_column": "id"} | ({} if encoding is None else {"encoding": encoding})
    line = "\n".encode("utf-16-le") if b"\0" in content else b"\n"
    if content.startswith(b"\xfe\xff"):
        line = line[::-1]
    reply = await upload(api, content + line * padding, **fields)
    assert await read(api, reply) == ROWS


WRONGLY_ENCODED: dict[str, tuple[bytes, dict[str, str], str]] = {
    "windows-1252 as utf-8": (
        TEXT.encode("cp1252"),
        {},
        "Row 1 is not valid UTF-8: save the file as CSV in UTF-8, or say with encoding how it is",
    ),
    "a byte that windows-1252 has not": (
        b"id,name\n1,a\n2,\x81\n",
        {"encoding": "windows-1252"},
        "Row 2 is not valid WINDOWS-1252: say with encoding how the file is written.",
    ),
    "half a character of utf-16": (
        "id,name\n1,a\n".encode("utf-16") + "2,".encode("utf-16-le") + b"a",
        {},
        "Row 2 is not valid UTF-16: say with encoding how the file is written.",
    ),
    "utf-16 without mark as utf-8": (TEXT.encode("utf-16-le"), {}, "The header contains a NUL"),
    "no such encoding": (b"id\n1\n", {"encoding": "ebcdic"}, "The encoding 'ebcdic' is not read"),
}


@pytest.mark.parametrize(
    ("content", "fields", "detail"), WRONGLY_ENCODED.values(), ids=WRONGLY_ENCODED
)
async def test_a_wrong_encoding_is_told_by_row(
    api: Api, content: bytes, fields: dict[str, str], detail: str
) -> None:
    problem = await refuse(api, await upload(api, content, **fields))
    assert problem["detail"].startswith(detail)


ORDERS = Sheet(
    "Orders",
    [
        ["id", "name", "total", "day", "at", "paid", "code", "sum"],
        [4711, "Vega & Co", 12.5, Cell(45292, DATE), Cell(45292.75, MOMENT), True, "007",
         Cell(25, formula="C2*2")],
        [],
        ["x", None, 45292, None, None, False, None, Cell("ok", formula="IF(1,2)")],
    ],
)  # fmt: skip


async def send(api: Api, content: bytes, filename: str = "book.xlsx", **fields: str) -> Any:
    return await upload(api, content, filename, **fields)


async def test_a_workbook_is_read_with_the_values_of_its_cells(api: Api) -> None:
    reply = await send(api, make(ORDERS), id_column="id")
    first, second = await read(api, reply)
    assert first == {
        "id": "4711",
        "name": "Vega & Co",
        "total": "12.5",
        "day": "2024-01-01",
        "at": "2024-01-01T18:00:00",
        "paid": "true",
        "code": "007",
        "sum": "25",
    }
    # A number is a date in a date cell alone.
    assert (second["total"], second["day"], second["sum"]) == ("45292", None, "ok")
    assert reply.json()["source_type"] == "xlsx"
    types = {column["name"]: column["type"] for column in reply.json()["columns"]}
    assert (types["day"], types["paid"], types["code"]) == ("date", "boolean", "string")


async def test_the_first_sheet_that_is_not_hidden_is_read_or_the_one_named(api: Api) -> None:
    book = make(
        Sheet("Notes", [["a"], ["hidden"]], "hidden"),
        Sheet("Shown", [["a"], ["shown"]]),
        Sheet("Last", [["a"], ["last"]]),
    )
    assert (await read(api, await send(api, book)))[0]["a"] == "shown"
    for sheet, value in (("Last", "last"), ("Notes", "hidden")):
        assert (await read(api, await send(api, book, sheet=sheet)))[0]["a"] == value


async def test_a_merged_cell_counts_for_every_cell_it_covers(api: Api) -> None:
    rows: list[list[object]] = [
        ["id", "vendor", "part"],
        [1, "Vega", "a"],
        [2, None, "b"],
        [3, None, "c"],
        [4, "Omni", None],
    ]
    book = make(Sheet("S", rows, merged=("B2:B4", "B5:C5")))
    found = await read(api, await send(api, book))
    assert [row["vendor"] for row in found] == ["Vega", "Vega", "Vega", "Omni"]
    assert [row["part"] for row in found] == ["a", "b", "c", "Omni"]


async def test_a_sheet_that_begins_further_in_is_read(api: Api) -> None:
    book = make(Sheet("S", [[], [None, "id", "name"], [None, 1, "x"]], merged=("C3:C4",)))
    assert await read(api, await send(api, book, id_column="id")) == [
        {"id": "1", "name": "x"},
    ]


async def test_documents_come_from_a_workbook_with_their_file_names(api: Api) -> None:
    rows: list[list[object]] = [
        ["no", "file", "amount"],
        ["A-1", "a.pdf", 12.5],
        ["A-2", None, None],
    ]
    fields = {"id_column": "no", "filename_column": "file", "collection": "scans"}
    reply = await api.client.post(
        "/v1/documents", files={"file": ("d.xlsx", make(Sheet("S", rows)))}, data=fields
    )
    assert reply.status_code == 201, reply.text
    found = (await api.client.get("/v1/documents", params={"collection": "scans"})).json()["data"]
    assert [(each["id"], each["filename"]) for each in found] == [("A-1", "a.pdf"), ("A-2", None)]
    assert found[0]["fields"] == {"no": "A-1", "file": "a.pdf", "amount": "12.5"}


def bomb() -> bytes:
    """A workbook of a megabyte that would unpack to more than is read."""
    output = io.BytesIO(make(ORDERS))
    with (
        zipfile.ZipFile(output, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/media/image.bin", "w", force_zip64=True) as member,
    ):
        for _ in range(560):
            member.write(bytes(1_000_000))
    return output.getvalue()


def liar() -> bytes:
    """The same, but its directory says that it unpacks to a hundred bytes."""
    content = bytearray(bomb())
    entry = content.rindex(b"PK\x01\x02")
    struct.pack_into("<I", content, entry + 24, 100)
    return bytes(content)


def sparse() -> bytes:
    """A small workbook with two cells that are as far apart as cells can be."""
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c>'
    book = make(Sheet("S", []))
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(output, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if "sheet0" in name:
                text = text.replace(b"<sheetData>", f"<sheetData>{cells}</row>".encode())
            new.writestr(name, text)
    return output.getvalue()


def of_a_later_version() -> bytes:
    """A workbook that says it takes a later program to unpack it."""
    content = bytearray(make(ORDERS))
    struct.pack_into("<H", content, content.index(b"PK\x01\x02") + 6, 99)
    return bytes(content)


def inserted() -> bytes:
    """A workbook whose members lie elsewhere than its directory says."""
    content = make(ORDERS)
    directory = content.index(b"PK\x01\x02")
    return content[directory - 9 :]


BAD_BOOKS: dict[str, tuple[bytes, str]] = {
    "of a later version": (
        of_a_later_version(),
        "The file is not an XLSX workbook, or is cut off.",
    ),
    "members before the file": (inserted(), "The file is damaged."),
    "merged over each other": (
        make(Sheet("S", [["a"], ["x"]], merged=tuple(f"A1:A{n}" for n in range(2, 1_100)))),
        "The merged cells of the sheet lie over each other: save it as CSV.",
    ),
    "no archive": (b"id,name\n1,x\n", "The file is not an XLSX workbook, or is cut off."),
    "cut off": (make(ORDERS)[:-200], "The file is not an XLSX workbook, or is cut off."),
    "no workbook": (b"PK\x05\x06" + bytes(18), "The file cannot be read as an XLSX workbook."),
    "empty": (make(Sheet("S", [])), "The sheet is empty."),
    "header only": (make(Sheet("S", [["a"]])), "There are no rows in"),
    "title": (
        make(Sheet("S", [["Orders of 2025"], [], ["no", "name", "due"], ["1", "x", "2"]])),
        (
            "Row 1 has a value in a column without a name. The first line has names for 1 of 3 "
            "columns only: if it is a title, delete all lines above the header, which seems to be "
            "line 3."
        ),
    ),
    "title over another column": (
        make(Sheet("S", [[None, "Orders"], ["no", "name", "due", "paid"], [1, 2, 3, 4]])),
        "The first line has names for 1 of 4 columns only: if it is a title, delete all lines",
    ),
    "repeated header": (
        make(Sheet("S", [["a", "a"], [1, 2]])),
        "The header names the column 'a' more than once, as columns 1 and 2: rename one",
    ),
    "no name": (make(Sheet("S", [["a", None, "b"], [1, 2, 3]])), "Column 2 of the header has no"),
    "value beside": (
        make(Sheet("S", [["a"], [1], [1, 2]])),
        "Row 2 has a value in a column without a name.",
    ),
    "all hidden": (
        make(Sheet("S", [["a"], [1]], "hidden")),
        "The workbook has no sheet that is not hidden: name one with sheet.",
    ),
    "bomb": (bomb(), "The workbook unpacks to more than 536,870,912 bytes"),
    "bomb that lies": (liar(), "The workbook unpacks to more than 536,870,912 bytes"),
}


@pytest.mark.parametrize(("content", "detail"), BAD_BOOKS.values(), ids=BAD_BOOKS)
async def test_a_bad_workbook_is_explained(api: Api, content: bytes, detail: str) -> None:
    problem = await refuse(api, await send(api, content))
    assert problem["errors"][0]["message"].startswith(detail)


async def test_a_workbook_that_takes_too_much_memory_is_refused(api: Api) -> None:
    problem = await refuse(api, await send(api, sparse()), 413)
    assert "save it as CSV" in problem["detail"]


async def test_an_unknown_sheet_is_told_with_those_that_are_there(api: Api) -> None:
    problem = await refuse(api, await send(api, make(ORDERS), sheet="Order"))
    assert problem["detail"] == "There is no sheet 'Order'. The sheets are 'Orders'."
    assert problem["errors"][0]["pointer"] == "/sheet"


KEY = UUID("01934f2e-8a4c-7c1e-9b3d-2f6a5c8e1d70")
NOON = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)


def parquet(table: Any, **options: Any) -> bytes:
    output = io.BytesIO()
    pyarrow.parquet.write_table(table, output, **options)
    return output.getvalue()


async def test_parquet_is_read_with_its_values_as_text(api: Api) -> None:
    table = arrow.table(
        {
            "id": ["a", "b", "c"],
            "count": arrow.array([7, None, 2**60], arrow.int64()),
            "price": [1.5, 2.0, float("nan")],
            "exact": [Decimal("1.10"), Decimal("2.00"), None],
            "day": [date(2024, 2, 29), None, None],
            "at": arrow.array([NOON, None, None], arrow.timestamp("ns", "UTC")),
            "paid": [True, False, None],
            "city": arrow.array(["Lyon", "Lyon", None]).dictionary_encode(),
            "time": arrow.array([1_000, None, None], arrow.time64("ns")),
            "key": arrow.ExtensionArray.from_storage(
                arrow.uuid(), arrow.array([KEY.bytes, None, None], arrow.binary(16))
            ),
        }
    )
    content = parquet(table, row_group_size=2)
    rows = await read(api, await send(api, content, "rows.parquet", id_column="id"))
    assert rows[0] == {
        "id": "a", "count": "7", "price": "1.5", "exact": "1.10", "day": "2024-02-29",
        "at": "2024-02-29T12:30:00+00:00", "paid": "true", "city": "Lyon",
        "time": "00:00:00.000001", "key": str(KEY),
    }  # fmt: skip
    assert [row["count"] for row in rows] == ["7", None, str(2**60)]
    assert [row["price"] for row in rows] == ["1.5", "2", None]


TENSOR = arrow.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((1, 2, 2)))
BAD_PARQUET: dict[str, tuple[bytes, str]] = {
    "none": (b"id,name\n", "The file cannot be read as Parquet: it is damaged, cut off, or none."),
    "cut off": (parquet(arrow.table({"a": [1]}))[:-20], "The file cannot be read as Parquet"),
    "no rows": (parquet(arrow.table({"a": arrow.array([], arrow.int64())})), "There are no rows"),
    "a list": (parquet(arrow.table({"a": [[1]]})), "The column 'a' is of the type list"),
    "bytes": (parquet(arrow.table({"a": [b"x"]})), "The column 'a' is of the type binary"),
    "repeated": (
        parquet(arrow.Table.from_arrays([arrow.array([1]), arrow.array([2])], ["a", "a"])),
        "The header names the column 'a' more than once, as columns 1 and 2: rename one",
    ),
    "a date of no year": (
        parquet(arrow.table({"a": arrow.array([2**30], arrow.int32()).cast(arrow.date32())})),
        "From row 1 on, column 'a': a value of the type date32[day] cannot be read",
    ),
    "a tensor": (
        parquet(arrow.table({"a": TENSOR})),
        "The file cannot be read: it is damaged, or holds what is not read here.",
    ),
    "NUL": (parquet(arrow.table({"a": ["x", "x\0"]})), "Row 2, column 'a': the value contains"),
}


@pytest.mark.parametrize(("content", "detail"), BAD_PARQUET.values(), ids=BAD_PARQUET)
async def test_bad_parquet_is_explained(api: Api, content: bytes, detail: str) -> None:
    problem = await refuse(api, await send(api, content, "rows.parquet"))
    assert problem["errors"][0]["message"].startswith(detail)


OTHER_OPTIONS = {
    "sheet of CSV": (
        "rows.csv",
        {"sheet": "S"},
        "`sheet` says nothing of CSV",
    ),
    "delimiter of XLSX": ("rows.xlsx", {"delimiter": ";"}, "`delimiter` says nothing of XLSX"),
    "encoding of NDJSON": ("rows.ndjson", {"encoding": "utf-16"}, "`encoding` says nothing of"),
}


@pytest.mark.parametrize(
    ("filename", "fields", "detail"), OTHER_OPTIONS.values(), ids=OTHER_OPTIONS
)
async def test_an_option_of_another_format_is_refused(
    api: Api, filename: str, fields: dict[str, str], detail: str
) -> None:
    problem = await refuse(api, await send(api, b"a\n1\n", filename, **fields))
    assert problem["detail"].startswith(detail)


@pytest.mark.parametrize("filename", ["a.xls", "a.ods", "a.zip", "a.csv.gz", "a.json"])
async def test_files_that_are_not_read_are_named(api: Api, filename: str) -> None:
    problem = await refuse(api, await send(api, b"x", filename), 415)
    assert "send CSV, XLSX, NDJSON or Parquet" in problem["detail"]


async def test_one_endless_line_is_bounded(api: Api) -> None:
    for filename in ("rows.csv", "rows.ndjson"):
        problem = await refuse(api, await send(api, b'"' + b"x" * 399_000, filename))
        assert problem["errors"][0]["code"] in {"value_too_long", "bad_json", "unbalanced_quotes"}
    assert (await api.client.get(URL)).status_code == 200
