"""Which rows does a file of JSON lines have, and what is said of one that cannot be taken?"""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.errors import Problem
from service.ingest import limits
from service.ingest.instructions import Instructions, Outcome, UploadFormat, UploadTarget
from service.ingest.json_values import WrittenNumber, decode, encode
from service.ingest.uploads import ReferenceUpload


def read(content: bytes, **options: Any) -> tuple[list[list[str | None]], Outcome]:
    options.setdefault("format", UploadFormat.NDJSON)
    instructions = Instructions(target=UploadTarget.REFERENCE_DATA, **options)
    upload = ReferenceUpload(io.BytesIO(content), instructions)
    rows = [row for block in upload.blocks() for row in block.rows]
    return rows, upload.outcome


def test_values_are_kept_as_they_were_written() -> None:
    content = b'\xef\xbb\xbf{"a": "x", "b": 1.50, "c": true, "d": null, "e": 1E400}\r\n'

    rows, outcome = read(content)

    assert rows == [["x", "1.50", "true", None, "1E400"]]
    assert outcome.problems == ()


def test_columns_are_the_keys_of_all_rows_in_order_of_appearance() -> None:
    _, outcome = read(b'{"b": 1}\n{"a": 2, "b": 3}\n\n{"c": null}\n')

    assert [column.name for column in outcome.columns] == ["b", "a", "c"]
    assert outcome.row_count == 3


LONG = "x" * (limits.MAX_VALUE_CHARACTERS + 1)
MANY = json.dumps({f"c{number}": 1 for number in range(limits.MAX_COLUMNS + 1)})
BAD: dict[str, tuple[str, int | None, str | None, str]] = {
    "list": ("[1]", 1, None, "Row 1 is not a JSON object."),
    "null": ("null", 1, None, "Row 1 is not a JSON object."),
    "nested list": (
        '{"a": [1]}',
        1,
        "a",
        "Row 1, column 'a': the value is a list, not a single value.",
    ),
    "NUL": ('{"a": "\\u0000"}', 1, "a", "Row 1, column 'a': the value contains a NUL character."),
    "lone surrogate": (
        '{"a": "\\udfff"}',
        1,
        "a",
        "Row 1, column 'a': the value contains a lone surrogate, which is no character.",
    ),
    "lone surrogate in a key": (
        '{"\\ud800": 1}',
        1,
        None,
        "Row 1: a key contains a lone surrogate, which is no character.",
    ),
    "empty key": ('{"": 1}', 1, None, "Row 1: a key must have 1 to 200 characters."),
    "long value": (
        f'{{"a": "{LONG}"}}',
        1,
        "a",
        "Row 1, column 'a': the value is longer than 131,072 characters.",
    ),
    "endless line": (
        "1" * (limits.MAX_ROW_CHARACTERS + 1),
        1,
        None,
        "Row 1 is longer than 1,048,576 bytes.",
    ),
    "many columns": (MANY, 1, None, "By row 1 there are 1,001 columns; at most 1,000 are read."),
    "Infinity": ('{"a": -Infinity}', 1, None, "Row 1 contains -Infinity, which is not JSON."),
    "two objects": ("{} {}", 1, None, "Row 1 is not valid JSON: Extra data (line 1, column 4)."),
    "nothing": ("\n\n", None, None, "There are no rows: reference data needs one."),
}


@pytest.mark.parametrize(("line", "row", "column", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_named(
    line: str, row: int | None, column: str | None, message: str
) -> None:
    rows, outcome = read(line.encode())

    assert [(each.row, each.column, each.message) for each in outcome.problems] == [
        (row, column, message)
    ]
    assert rows == []


def test_a_surrogate_pair_is_a_character() -> None:
    rows, _ = read(b'{"a": "\\ud83d\\ude00"}')

    assert rows == [["😀"]]


def test_ids_are_checked_row_by_row() -> None:
    content = b'{"k": ""}\n{"k": null}\n{}\n{"k": "%s"}\n{"k": 7}\n' % (b"x" * 201)

    _, outcome = read(content, id_column="k")

    assert [(each.row, each.code) for each in outcome.problems] == [
        (1, "empty_id"),
        (2, "empty_id"),
        (3, "empty_id"),
        (4, "id_too_long"),
    ]


def test_a_name_that_no_utf8_can_carry_is_told_in_escapes() -> None:
    _, outcome = read(b'{"\\ud800": ["x"]}')

    assert outcome.problems[1].column == "\\ud800"
    assert Outcome.from_json(outcome.to_json()) == outcome
    json.dumps([each.message for each in outcome.problems], ensure_ascii=False).encode()


def test_instructions_and_outcomes_pass_between_processes_unchanged() -> None:
    instructions = Instructions(
        target=UploadTarget.DOCUMENTS, format=UploadFormat.CSV, id_column="ü", delimiter="\t"
    )
    outcome = Outcome(problems=(Problem("code", "message", row=3, column="c"),), name="n")

    assert Instructions.from_json(instructions.to_json()) == instructions
    assert Outcome.from_json(outcome.to_json()) == outcome


@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.text(st.characters(codec="utf-8")),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_a_scalar_is_written_back_as_what_it_was(value: str | float | bool | None) -> None:
    decoded = decode(json.dumps(value))

    assert not isinstance(decoded, list | dict)
    assert json.loads(encode(decoded)) == value
    assert isinstance(decoded, WrittenNumber) == (
        isinstance(value, int | float) and not isinstance(value, bool)
    )
