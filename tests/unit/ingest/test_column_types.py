"""Is a column's type what every one of its values reads as?"""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.reference import ColumnType
from service.ingest.column_types import ColumnTypes

COLUMNS: list[tuple[Sequence[str | None], ColumnType]] = [
    (["1", "-2", "0"], ColumnType.INTEGER),
    (["1", "", None], ColumnType.INTEGER),
    (["123456789012345"], ColumnType.INTEGER),
    (["1234567890123456"], ColumnType.STRING),
    (["007"], ColumnType.STRING),
    (["0", "00"], ColumnType.STRING),
    (["+1"], ColumnType.STRING),
    ([" 1"], ColumnType.STRING),
    (["1,000"], ColumnType.STRING),
    (["\uff11"], ColumnType.STRING),
    (["1", "2.50"], ColumnType.NUMBER),
    (["-0.5"], ColumnType.NUMBER),
    (["1.23456789012345"], ColumnType.NUMBER),
    (["1.234567890123456"], ColumnType.STRING),
    (["1e-05", "1.5E3"], ColumnType.NUMBER),
    (["12E5"], ColumnType.STRING),
    (["1."], ColumnType.STRING),
    (["00.5"], ColumnType.STRING),
    (["1.5", "1234567890123456"], ColumnType.STRING),
    (["2024-02-29", "2023-12-31"], ColumnType.DATE),
    (["2023-02-29"], ColumnType.STRING),
    (["2024-01-01T10:00:00Z", "2024-01-01 10:00:00.123+02:00"], ColumnType.DATE),
    (["31.12.2023", "1/2/2024"], ColumnType.DATE),
    (["1.2/2024"], ColumnType.STRING),
    (["20240101"], ColumnType.INTEGER),
    (["true", "False", "TRUE"], ColumnType.BOOLEAN),
    (["true", "1"], ColumnType.STRING),
    (["yes"], ColumnType.STRING),
    (["1", "x"], ColumnType.STRING),
    (["1", "2024-01-01"], ColumnType.STRING),
    (["", None], ColumnType.STRING),
    ([], ColumnType.STRING),
]


@pytest.mark.parametrize(("values", "expected"), COLUMNS)
def test_a_column_has_the_type_of_all_its_values(
    values: Sequence[str | None], expected: ColumnType
) -> None:
    types = ColumnTypes()
    types.feed([[value] for value in values])

    assert types.result(1) == (expected,)


@pytest.mark.parametrize(("values", "expected"), COLUMNS)
def test_the_type_does_not_depend_on_where_blocks_end(
    values: Sequence[str | None], expected: ColumnType
) -> None:
    types = ColumnTypes()
    for value in values:
        types.feed([[value]])

    assert types.result(1) == (expected,)


def test_a_column_that_appears_late_has_no_values_before() -> None:
    types = ColumnTypes()
    types.feed([["x"]])
    types.feed([["y", "1"], ["z"]])

    assert types.result(3) == (ColumnType.STRING, ColumnType.INTEGER, ColumnType.STRING)


@given(st.lists(st.integers(-(10**15) + 1, 10**15 - 1), min_size=1))
def test_whole_numbers_of_up_to_15_digits_are_integers(numbers: list[int]) -> None:
    types = ColumnTypes()
    types.feed([[str(number)] for number in numbers])

    assert types.result(1) == (ColumnType.INTEGER,)


@given(st.lists(st.dates().map(str), min_size=1))
def test_written_dates_are_dates(days: list[str]) -> None:
    types = ColumnTypes()
    types.feed([[day] for day in days])

    assert types.result(1) == (ColumnType.DATE,)
