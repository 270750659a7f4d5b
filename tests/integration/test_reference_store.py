"""Does reference data come out of the database as it went in, and only for its workspace?"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.domain.identifiers import ReferenceRowId, WorkspaceId, new_id
from service.domain.reference import Column, ColumnType, ReferenceDataStatus, SourceType
from service.ingest.instructions import UploadFormat
from service.store import reference, reference_files
from tests.integration.upload_files import Desk, open_desk, write_csv

NASTY = [
    "",
    " ",
    "NULL",
    "\\N",
    "\\.",
    '"',
    '""',
    "{}",
    '{"a",NULL}',
    "a,b",
    "tab\tnewline\nreturn\rboth\r\n",
    "\\",
    "\\\\n",
    "\x01\x02\x1f\x7f\x85\u2028",
    "\ufeff",
    "\ufdd0\U0010ffff",
    "Füße 数 😀",
]


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(database_url, tmp_path) as value:
        yield value


async def test_nasty_values_come_back_as_they_were(desk: Desk) -> None:
    data = await desk.reference_data(write_csv([["text"], *([each] for each in NASTY)]))

    assert [row.values for row in await desk.rows(data)] == [(each,) for each in NASTY]


async def test_columns_come_with_the_type_of_all_their_values(desk: Desk) -> None:
    content = b"id,code,count,price,day,flag,empty\na,007,1,1.5,2024-02-29,true,\nb,8,,2,,FALSE,\n"

    data = await desk.reference_data(content, id_column="id")

    assert data.status is ReferenceDataStatus.READY
    assert data.source_type is SourceType.CSV
    assert (data.current.row_count, data.current.version) == (2, 1)
    assert data.current.columns == (
        Column("id", ColumnType.STRING),
        Column("code", ColumnType.STRING),
        Column("count", ColumnType.INTEGER),
        Column("price", ColumnType.NUMBER),
        Column("day", ColumnType.DATE),
        Column("flag", ColumnType.BOOLEAN),
        Column("empty", ColumnType.STRING, has_values=False),
    )


async def test_rows_of_json_have_the_union_of_their_keys(desk: Desk) -> None:
    content = b'{"a": 1.50, "b": null}\n\n{"c": true, "a": "x"}\n'

    data = await desk.reference_data(content, UploadFormat.NDJSON)

    assert [column.name for column in data.current.columns] == ["a", "b", "c"]
    rows = await desk.rows(data)
    assert [row.values for row in rows] == [("1.50", None, None), ("x", None, "true")]
    assert [row.id for row in rows] == ["row_1", "row_2"]


@pytest.mark.parametrize("late_columns", [0, 3])
async def test_exported_lines_are_json_with_a_value_per_column(
    desk: Desk, tmp_path: Path, late_columns: int
) -> None:
    rows = [{"id": f"{each}-{number}", "text": each} for number, each in enumerate(NASTY)]
    # Enough rows that the first ones are in the database before the late columns appear.
    rows += [{"id": str(number), "text": "x"} for number in range(3000)]
    rows.append({"id": "last", **{f"late{number}": "y" for number in range(late_columns)}})
    content = "\n".join(json.dumps(row) for row in rows).encode()
    data = await desk.reference_data(content, UploadFormat.NDJSON, id_column="id")

    async with desk.database.connection() as connection:
        await reference_files.export_version(connection, data.current, tmp_path / "rows")

    lines = (tmp_path / "rows").read_bytes().split(b"\n")
    assert lines.pop() == b""
    names = [column.name for column in data.current.columns]
    expected = [[row["id"], [row.get(name) for name in names]] for row in rows]
    assert [json.loads(line) for line in lines] == expected


async def test_a_row_is_found_by_its_id(desk: Desk) -> None:
    data = await desk.reference_data(b"id,name\nb,Beta\na,Alpha\n", id_column="id")

    async with desk.database.connection() as connection:
        row = await reference.fetch_row(connection, data.current, ReferenceRowId("a"))
        absent = await reference.fetch_row(connection, data.current, ReferenceRowId("c"))

    assert row is not None
    assert (row.position, row.values) == (1, ("a", "Alpha"))
    assert absent is None


async def test_another_workspace_sees_nothing(desk: Desk) -> None:
    data = await desk.reference_data(b"name\nAlpha\n")
    stranger = WorkspaceId(new_id())

    async with desk.database.connection() as connection:
        assert await reference.fetch(connection, stranger, data.id) is None
        assert await reference.fetch_version(connection, stranger, data.id, 1) is None
        assert await reference.list_page(connection, stranger, None, 10) == []
        assert await reference.count(connection, stranger) == 0
        assert await reference.fetch(connection, desk.workspace_id, data.id) == data
        version = await reference.fetch_version(connection, desk.workspace_id, data.id, 1)
        assert version == data.current


async def test_lists_are_newest_first_and_go_on_behind_the_last(desk: Desk) -> None:
    made = [await desk.reference_data(b"name\nAlpha\n") for _ in range(3)]

    async with desk.database.connection() as connection:
        first = await reference.list_page(connection, desk.workspace_id, None, 2)
        rest = await reference.list_page(connection, desk.workspace_id, first[-1].id, 2)
        total = await reference.count(connection, desk.workspace_id)

    assert [*first, *rest] == list(reversed(made))
    assert total == 3


async def test_being_ready_is_told_in_an_event(desk: Desk) -> None:
    data = await desk.reference_data(b"name\nAlpha\n")

    async with desk.database.connection() as connection:
        told = await connection.fetchval("SELECT data FROM events")

    event = json.loads(told)
    assert event["type"] == "reference_data.ready"
    assert event["reference_data"]["id"] == str(data.id)
    assert event["reference_data"]["row_count"] == 1


async def test_a_page_of_rows_costs_the_same_wherever_it_begins(desk: Desk) -> None:
    content = "n\n" + "".join(f"{number}\n" for number in range(20_000))
    data = await desk.reference_data(content.encode())

    async with desk.database.connection() as connection:
        await connection.execute("ANALYZE reference_rows")
        plan = await connection.fetchval(
            f"EXPLAIN (FORMAT JSON) {reference._ROWS_PAGE}",
            data.current.generation,
            15_000,
            20_000,
            100,
        )

    assert '"Index Name": "reference_rows_pkey"' in plan
    assert '"Node Type": "Sort"' not in plan
