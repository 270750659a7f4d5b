"""Is the nearest name found, and only among those worth comparing?"""

import pytest

from service.domain.names import nearest


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("vendr", ["number", "vendor", "total"], "vendor"),
        ("ab", ["abcdefgh"], None),
        ("x" * 61, ["x" * 60], None),
        ("x" * 59, ["x" * 60], "x" * 60),
        # Those of a like length are looked at first, whatever stands before them.
        ("vendr", [f"vendor{place:03}" for place in range(100)] + ["vendor"], "vendor"),
    ],
)
def test_the_nearest_name_is_one_of_like_length(
    name: str, known: list[str], near: str | None
) -> None:
    assert nearest(name, known) == near
