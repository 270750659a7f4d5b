"""Do the names of saved matches tell them apart?"""

from datetime import UTC, datetime

from service.cli.left_behind import LONGEST_NAME, told_apart

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_names_of_one_minute_and_one_second_differ() -> None:
    taken: set[str] = set()
    for _ in range(4):
        taken.add(told_apart("a.csv to b.csv", NOW, taken))
    assert sorted(taken) == [
        "a.csv to b.csv, 2026-03-04 05:06",
        "a.csv to b.csv, 2026-03-04 05:06:07",
        "a.csv to b.csv, 2026-03-04 05:06:07 (2)",
        "a.csv to b.csv, 2026-03-04 05:06:07 (3)",
    ]


def test_of_a_long_name_the_begin_and_the_time_are_kept() -> None:
    name = told_apart("x" * 300, NOW, ())
    assert len(name) == LONGEST_NAME
    assert name.endswith("x, 2026-03-04 05:06")
