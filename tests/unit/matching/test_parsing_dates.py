"""Are written dates read as the days they mean?"""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.matching.parsing_dates import read_dates

EPOCH = date(1970, 1, 1)


def days(year: int, month: int, day: int) -> float:
    return float((date(year, month, day) - EPOCH).days)


def read(text: str, *, day_first: bool = True) -> str | None:
    value = read_dates([text]).settle(day_first=day_first)[0]
    return None if np.isnan(value) else (EPOCH + timedelta(days=int(value))).isoformat()


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-03", "20240303", "2024/3/3", "2024.03.03", "2024-03-03T10:20:30Z",
        "2024-03-03 10:20:30.123+02:00", "20240303T1020", "3 Mar 2024", "03 March 2024",
        "Mar 3, 2024", "March 3rd, 2024", "3rd of March 2024", "Sunday, 3 March 2024",
        "3-MAR-24", "3mar2024", "Mar 3 2024 10:20 PM", "2024 March 3", "3. März 2024",
        "3. Mrz. 2024", "3 mars 2024", "3 de marzo de 2024", "3 marzo 2024",
        "3 de março de 2024", "3 maart 2024", "3 mrt 2024", "3. mars 2024", "3 marca 2024",
        "3. března 2024", "3 Mart 2024", "2024. március 3.", "3. maaliskuuta 2024",
        "3 martie 2024", "03.03.24", "3/3/2024", "03-03-2024", "3. 3. 2024", "3/3/'24",
        "03/03/2024 10:20",
    ],
)  # fmt: skip
def test_reads_common_written_forms(text: str) -> None:
    assert read(text) == "2024-03-03"
    assert read(text, day_first=False) == "2024-03-03"


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "20240231", "2024-02-30", "31 Feb 2024", "19650000", "0000-01-01", "13/13/2024",
        "2024-03", "March 2024", "3 Foo 2024", "3 Mar 20245", "300 Mar 2024", "3 Mar Apr 2024",
        "1.1.1", "3/4-2024", "12345", "99999999", "45000.5", "3 Mar 2024 or later", "x" * 100,
        "PO 3 Mar 2024",
    ],
)  # fmt: skip
def test_what_is_no_day_of_the_calendar_is_unreadable(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "day_first", "month_first"),
    [
        ("03/04/2024", "2024-04-03", "2024-03-04"),
        ("03.04.24", "2024-04-03", "2024-03-04"),
        ("3-4-2024", "2024-04-03", "2024-03-04"),
        ("25/12/2024", "2024-12-25", "2024-12-25"),
        ("12/25/2024", "2024-12-25", "2024-12-25"),
    ],
)
def test_order_settles_what_the_value_leaves_open(
    text: str, day_first: str, month_first: str
) -> None:
    assert read(text) == day_first
    assert read(text, day_first=False) == month_first


@pytest.mark.parametrize(("text", "year"), [("1.2.68", 2068), ("1.2.69", 1969), ("1 Feb 70", 1970)])
def test_two_digit_years_turn_at_69(text: str, year: int) -> None:
    assert read(text) == date(year, 2, 1).isoformat()


@pytest.mark.parametrize(
    ("texts", "is_day_first"),
    [
        (["25/12/2024", "03/04/2024"], True),
        (["12/25/2024", "03/04/2024"], False),
        (["12/25/2024", "25/12/2024", "1/13/2024"], False),
        (["12/25/2024", "25/12/2024"], None),
        (["03/04/2024", "2024-12-25", "x"], None),
        ([], None),
    ],
)
def test_a_column_shows_its_order(texts: list[str], is_day_first: bool | None) -> None:
    assert read_dates(texts).evident_order() is is_day_first


def test_one_bad_day_does_not_spoil_a_column_of_iso_dates() -> None:
    settled = read_dates(["2024-03-03", "2024-02-30"]).settle(day_first=True)
    assert settled[0] == days(2024, 3, 3)
    assert np.isnan(settled[1])


@given(st.dates())
def test_every_day_reads_the_same_in_every_form(day: date) -> None:
    expected = float((day - EPOCH).days)
    texts = [day.isoformat(), f"{day:%Y%m%d}".zfill(8), f"{day.day}.{day.month}.{day.year:04d}"]
    assert read_dates(texts).settle(day_first=True).tolist() == [expected] * 3
    assert read_dates(texts[:1]).settle(day_first=True).tolist() == [expected]


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    readings = read_dates([text])
    assert not np.isinf(readings.day_first).any()
