"""Does PostgreSQL read back what `copy_text` writes?"""

import math
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.store import database
from service.store.copy_text import (
    CopyValue,
    encode_array,
    encode_arrays,
    encode_row,
    encode_rows,
    encode_text,
    encode_texts,
)

TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    st.text(st.sampled_from('\\"{},\t\n\r\b\f\v\x01 NULL.N'), max_size=8),
)
ROWS = st.lists(
    st.tuples(
        st.none() | TEXTS,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(),
        st.none() | st.booleans(),
        st.none() | st.uuids(),
        st.none() | st.lists(st.none() | TEXTS, max_size=5),
    ),
    max_size=8,
)
CREATE = """
CREATE TABLE written (
    place bigint GENERATED ALWAYS AS IDENTITY,
    a text, b bigint, c double precision, d boolean, e uuid, f text[]
)
"""
COLUMNS = ("a", "b", "c", "d", "e", "f")


@pytest.fixture
async def connection(
    empty_database_url: str,
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    opened = await database.connect(empty_database_url)
    await opened.execute(CREATE)
    yield opened
    await opened.close()


async def write_and_read(
    connection: "asyncpg.Connection[asyncpg.Record]", rows: Sequence[Sequence[CopyValue]]
) -> list[tuple[object, ...]]:
    async def source() -> AsyncIterator[bytes]:
        yield encode_rows(rows)

    await connection.execute("TRUNCATE written")
    await connection.copy_to_table("written", source=source(), columns=COLUMNS, format="text")
    records = await connection.fetch("SELECT a, b, c, d, e, f FROM written ORDER BY place")
    return [tuple(record) for record in records]


@given(rows=ROWS)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_any_row_comes_back_equal(
    connection: "asyncpg.Connection[asyncpg.Record]", rows: list[tuple[CopyValue, ...]]
) -> None:
    found = await write_and_read(connection, rows)

    # The same NaN is not equal to itself; its text is.
    assert [tuple(map(repr, row)) for row in found] == [
        tuple(repr(list(each) if isinstance(each, list) else each) for each in row) for row in rows
    ]


async def test_a_uuid_and_special_floats_keep_every_bit(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    identifier = uuid4()
    floats = [0.1, -0.0, 5e-324, math.inf, -math.inf]

    found = await write_and_read(
        connection, [(None, 1, each, True, identifier, []) for each in floats]
    )

    assert [row[2].hex() for row in found if isinstance(row[2], float)] == [
        each.hex() for each in floats
    ]
    assert {row[4] for row in found} == {UUID(str(identifier))}


@pytest.mark.parametrize(
    "value", ["a\0b", b"a\0b", ["a\0b"], ["a\0b", None], "\ud800", ["\ud800"]], ids=ascii
)
def test_what_cannot_be_stored_is_refused(value: CopyValue | bytes) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogates"):
        encode_rows([[value]])


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_bytes_are_written_as_the_text_they_hold(rows: list[tuple[str, str]]) -> None:
    in_bytes = [(first.encode(), second) for first, second in rows]
    assert encode_rows(in_bytes) == "".join(map(encode_row, rows)).encode()


@given(st.lists(st.lists(st.none() | TEXTS, max_size=5), max_size=8))
def test_arrays_and_texts_at_once_are_what_they_are_one_by_one(
    rows: list[list[str | None]],
) -> None:
    assert encode_arrays(rows) == [encode_array(row) for row in rows]
    texts = [text for row in rows for text in row if text is not None]
    assert encode_texts(texts) == [encode_text(text) for text in texts]


@pytest.mark.parametrize("row", [["a\0b"], ["a\0", "b"], ["a\ud800b"]], ids=ascii)
def test_rows_that_cannot_be_stored_are_refused(row: list[str]) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogate"):
        encode_arrays([["x"] * len(row), row])


def test_a_row_is_a_line_with_tabs() -> None:
    assert encode_row(["a\tb", None, 1, 0.1, False, ['x"', None]]) == (
        'a\\tb\t\\N\t1\t0.1\tf\t{"x\\\\"",NULL}\n'
    )
