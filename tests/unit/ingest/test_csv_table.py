"""Which rows does a CSV file have, and what is said of one that cannot be read?"""

import csv
import io
from collections.abc import Sequence

import pytest

from service.domain.errors import Problem
from service.ingest import limits
from service.ingest.csv_lines import CHUNK_CHARACTERS
from service.ingest.csv_table import CsvTable
from service.ingest.problems import Problems, UnreadableError
from tests.data import workbooks
from tests.data.workbooks import Sheet


def read(
    content: bytes, delimiter: str | None = None
) -> tuple[list[str], list[list[str | None]], list[Problem]]:
    problems = Problems()
    table = CsvTable(io.BytesIO(content), delimiter, problems)
    rows: list[list[str | None]] = []
    try:
        for block in table.blocks():
            assert block.first == len(rows) + 1
            assert len(block.rows) <= limits.BLOCK_ROWS
            rows += block.rows
    except UnreadableError:
        assert problems
    return table.columns, rows, problems.found


READABLE: dict[str, tuple[bytes, Sequence[Sequence[str]]]] = {
    "plain": (b"a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
    "no last line end": (b"a,b\n1,2", [["a", "b"], ["1", "2"]]),
    "DOS": (b"a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]),
    "old Mac": (b"a,b\r1,2\r3,4\r", [["a", "b"], ["1", "2"], ["3", "4"]]),
    "byte order mark": (b"\xef\xbb\xbfa,b\n1,2\n", [["a", "b"], ["1", "2"]]),
    "mark before a quote": (b'\xef\xbb\xbf"a","b"\n1,2\n', [["a", "b"], ["1", "2"]]),
    "blank lines": (b"\n\na,b\n\n1,2\n\n", [["a", "b"], ["1", "2"]]),
    "quoted line ends": (b'a,b\n"1\r\n\n2","x""y"\n', [["a", "b"], ["1\r\n\n2", 'x"y']]),
    "quote inside": (b'a,b\nx"y,2\n', [["a", "b"], ['x"y', "2"]]),
    "empty cells": (b'a,b\n,\n"",\n', [["a", "b"], ["", ""], ["", ""]]),
    "one column": (b'a\n1\n""\n', [["a"], ["1"], [""]]),
    "no separator line": (b"sep=x\n1\n", [["sep=x"], ["1"]]),
    "no separator line either": (b"sep=\n1\n", [["sep="], ["1"]]),
    "spaces stay": (b" a,b \n 1,2 \n", [[" a", "b "], [" 1", "2 "]]),
    "separators of Unicode": ("a\nx\u2028y\x85z\x1c\n".encode(), [["a"], ["x\u2028y\x85z\x1c"]]),
}


@pytest.mark.parametrize(("content", "table"), READABLE.values(), ids=READABLE)
def test_a_table_is_read_as_it_was_written(content: bytes, table: Sequence[Sequence[str]]) -> None:
    columns, rows, problems = read(content)

    assert [columns, *rows] == table
    assert problems == []


def test_a_workbook_that_is_named_csv_is_told_from_text_that_is_badly_encoded() -> None:
    _, rows, problems = read(workbooks.make(Sheet("Orders", [["id", "name"], [1, "Vega"]])))
    assert rows == []
    (problem,) = problems
    assert problem.code == "packed_file"
    assert problem.message.startswith("This is an Excel workbook or another packed file")


# Around where one chunk of characters ends and the next begins.
BORDER = range(CHUNK_CHARACTERS - 12, CHUNK_CHARACTERS + 3)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=ascii)
def test_nothing_is_lost_where_one_chunk_ends(line_end: str) -> None:
    for size in BORDER:
        lines = ["a,b", "x" * (size - 40) + ",1", '"two\r\nlines",2', "ü,3", "", "4,5"]
        columns, rows, problems = read((line_end.join(lines) + line_end).encode())
        assert (columns, problems) == (["a", "b"], [])
        assert rows[1:] == [["two\r\nlines", "2"], ["ü", "3"], ["4", "5"]]


def test_a_fault_behind_many_sound_rows_is_told_by_its_row() -> None:
    content = b"a,b\n" + b"x,1\n" * 50_000 + b"y,\xff\n" + b"x,1\n" * 50_000 + b"z\n"
    _, _, problems = read(content)
    assert [(each.code, each.row, each.column) for each in problems] == [
        ("bad_text", 50_001, "b"),
        ("ragged_row", 100_002, None),
    ]


def test_a_row_of_many_quoted_lines_is_bounded() -> None:
    values = ",".join(['"' + "x\n" * 60_000 + '"'] * 20)
    columns = ",".join(f"c{number}" for number in range(20))
    _, rows, problems = read(f"{columns}\n{values}\n".encode())
    assert (rows, [each.code for each in problems]) == ([], ["row_too_long"])


LONG = limits.MAX_VALUE_CHARACTERS + 1
WIDE = limits.MAX_COLUMNS + 1
NOT_UTF_8 = (
    "is not valid UTF-8: save the file as CSV in UTF-8, or say with encoding how it is written, "
    "windows-1252 for one."
)
BAD: dict[str, tuple[bytes, str, int | None, str]] = {
    "empty": (b"", "empty_file", None, "The file is empty."),
    "blank": (b"\n\r\n\n", "empty_file", None, "The file is empty."),
    "only a mark": (b"\xef\xbb\xbf", "empty_file", None, "The file is empty."),
    "header not UTF-8": (
        b"\xfc\xfea\n1\n",
        "bad_text",
        None,
        f"The header {NOT_UTF_8}",
    ),
    "NUL in header": (b"a\0\n1\n", "bad_text", None, "The header contains a NUL character."),
    "repeated name": (
        b"a,b,a\n1,2,3\n",
        "repeated_column",
        None,
        "The header names the column 'a' more than once, as columns 1 and 3: rename one of them.",
    ),
    "no name": (
        b"a,,b\n1,2,3\n",
        "empty_column_name",
        None,
        "Column 2 of the header has no name: give it one, or delete the column.",
    ),
    "long name": (
        b"a," + b"x" * 201 + b"\n1,2\n",
        "column_name_too_long",
        None,
        "The name of column 2 is longer than 200 characters.",
    ),
    "too wide": (
        ",".join(f"c{number}" for number in range(WIDE)).encode(),
        "too_many_columns",
        None,
        "There are 1,001 columns; at most 1,000 are read.",
    ),
    "semicolons": (
        b"a;b\n1;2\n",
        "wrong_delimiter",
        None,
        (
            "The header has one column only, 'a;b': if the columns are separated by ';', say so "
            "with delimiter."
        ),
    ),
    "short row": (
        b"a,b\n1,2\n1\n",
        "ragged_row",
        2,
        "Row 2 has 1 values, but the header has 2 columns.",
    ),
    "long row": (
        b"a,b\n1,2\n\n1,2,3\n",
        "ragged_row",
        2,
        "Row 2 has 3 values, but the header has 2 columns.",
    ),
    "not UTF-8": (
        b"a,b\n1,2\n3,\xe9\n",
        "bad_text",
        2,
        f"Row 2 {NOT_UTF_8}",
    ),
    "surrogate": (
        b"a,b\n1,\xed\xa0\x80\n",
        "bad_text",
        1,
        f"Row 1 {NOT_UTF_8}",
    ),
    "NUL": (b"a,b\n1,\0\n", "bad_text", 1, "Row 1 contains a NUL character."),
    "open quote": (
        b'a,b\n1,2\n"3,4\n5,6\n',
        "unbalanced_quotes",
        2,
        ("Row 2 (line 3 of the file), column 'a', opens a quotation mark that is never closed."),
    ),
    "text behind a quote": (
        b'a,b\n1,\n\n2,"two\nlines"\n3, "Koeln "Chemie" AG\n4,"K ""C"" "x\n',
        "unbalanced_quotes",
        4,
        (
            "Row 4 (line 7 of the file), column 'b', has text behind a closing quotation mark: one "
            "inside a value is written twice."
        ),
    ),
    "text behind a quote of the header": (
        b'sep=;\na;"b"c\n',
        "unbalanced_quotes",
        None,
        (
            "The header (line 2 of the file) has text behind a closing quotation mark: one inside "
            "a value is written twice."
        ),
    ),
    "long value": (
        b"a,b\n1,2\n3," + b"x" * LONG,
        "value_too_long",
        2,
        "Row 2 has a value longer than 131,072 characters: is a quotation mark left open?",
    ),
    "endless line": (
        b"a,b\n1,2\n" + b"3," * limits.MAX_ROW_CHARACTERS,
        "row_too_long",
        2,
        "Row 2 is longer than 1,048,576 characters: is a quotation mark left open?",
    ),
    "endless row": (
        b"a,b\n1,2\n" + b'3,"\n",' * limits.MAX_ROW_CHARACTERS,
        "row_too_long",
        2,
        "Row 2 is longer than 1,048,576 characters: is a quotation mark left open?",
    ),
    "endless header": (
        b"a," * limits.MAX_ROW_CHARACTERS,
        "row_too_long",
        None,
        "The header is longer than 1,048,576 characters: is a quotation mark left open?",
    ),
}


@pytest.mark.parametrize(("content", "code", "row", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_named(content: bytes, code: str, row: int | None, message: str) -> None:
    _, rows, [problem] = read(content)

    assert (problem.code, problem.row, problem.message) == (code, row, message)
    assert rows == []


NO_NAME = "Column 2 of the header has no name: give it one, or delete the column."
FOR_ONE = "The first line has names for 1 of"
ADVICE = "columns only: if it is a title, delete all lines above the header, which seems to be line"
TITLES = {
    "with all separators": (
        b"Invoices;;\n;;\nno;name;due on\n1;x;2\n",
        "title_above_header",
        f"{FOR_ONE} 3 {ADVICE} 3.",
    ),
    "without any": (
        b'Invoices of\nNovember\n\n"the\nnumber";name;due\n1;x;2\n',
        "ragged_row",
        f"Row 2 has 3 values, but the header has 1 columns. {FOR_ONE} 3 {ADVICE} 4.",
    ),
    "below the separator": (
        b"sep=;\nInvoices;\nno;name\n1;x\n",
        "title_above_header",
        f"{FOR_ONE} 2 {ADVICE} 3.",
    ),
    "of nothing": (
        b";\n\nno;name\n1;x\n",
        "title_above_header",
        f"The first line has names for 0 of 2 {ADVICE} 3.",
    ),
    "over rows alone": (b"Invoices;;\n1;2;3\n4;5;6\n", "empty_column_name", NO_NAME),
    "over what cannot be read": (b'Invoices;;\n"a"b;2;3\n', "empty_column_name", NO_NAME),
    "over a row with a gap": (b"Invoices;;\nno;;due\n", "empty_column_name", NO_NAME),
}


@pytest.mark.parametrize(("content", "code", "message"), TITLES.values(), ids=TITLES)
def test_a_title_above_the_header_is_told_with_the_line_of_the_header(
    content: bytes, code: str, message: str
) -> None:
    _, rows, [problem, *_] = read(content, ";")

    assert rows == []
    assert (problem.code, problem.message) == (code, message)


def test_the_column_of_bad_text_is_named() -> None:
    _, _, problems = read(b"a,b\n\xff,1\n2,\0\n")

    assert [(problem.row, problem.column) for problem in problems] == [(1, "a"), (2, "b")]


def test_reading_goes_on_to_report_twenty_problems_and_no_more() -> None:
    _, _, problems = read(b"a,b\n" + b"1,2\n1\n" * 30)

    assert [problem.row for problem in problems] == [2 * number for number in range(1, 21)]


def test_a_named_delimiter_is_taken_at_its_word() -> None:
    columns, rows, problems = read(b"a;b\n1;2\n", ",")

    assert (columns, rows, problems) == (["a;b"], [["1;2"]], [])


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        (b"sep=;\na;b\n1;2\n", None),
        (b'\xef\xbb\xbf"sep=\t"\r\na\tb\r\n1\t2\r\n', None),
        (b"SEP=|\n\na,b\n1,2\n", ","),
        ("sep=;\na;b\n1;2\n".encode("utf-16"), None),
    ],
    ids=["semicolon", "tab", "another is named", "utf-16"],
)
def test_a_first_line_that_names_the_delimiter_is_understood(
    content: bytes, delimiter: str | None
) -> None:
    assert read(content, delimiter) == (["a", "b"], [["1", "2"]], [])


@pytest.mark.parametrize("width", [1, 3])
def test_many_rows_come_in_blocks_that_are_bounded(width: int) -> None:
    text = io.StringIO()
    table = [[f"{row} {column}\n" for column in range(width)] for row in range(2500)]
    csv.writer(text).writerows([[f"c{column}" for column in range(width)], *table])

    _, rows, problems = read(text.getvalue().encode())

    assert rows == table
    assert problems == []


def test_a_block_ends_where_its_rows_are_long() -> None:
    content = b"a\n" + (b"x" * 100_000 + b"\n") * 10
    table = CsvTable(io.BytesIO(content), None, Problems())

    assert [len(block.rows) for block in table.blocks()] == [3, 3, 3, 1]
