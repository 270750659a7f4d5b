"""Does the service take what the system lets it have, and no less than before?"""

import resource
from collections.abc import Iterator

import pytest

from service.api import open_files

LIMIT = resource.RLIMIT_NOFILE


@pytest.fixture(autouse=True)
def limits() -> Iterator[tuple[int, int]]:
    """Put the limits back."""
    before = resource.getrlimit(LIMIT)
    yield before
    resource.setrlimit(LIMIT, before)


def test_a_low_limit_is_raised_as_far_as_it_may_be(limits: tuple[int, int]) -> None:
    resource.setrlimit(LIMIT, (500, limits[1]))
    open_files.allow_many()
    hard = limits[1]
    most = open_files.WANTED if hard == resource.RLIM_INFINITY else min(open_files.WANTED, hard)
    assert resource.getrlimit(LIMIT) == (most, hard)


def test_a_limit_that_is_high_enough_stays(
    limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_files, "WANTED", 400)
    resource.setrlimit(LIMIT, (500, limits[1]))
    open_files.allow_many()
    assert resource.getrlimit(LIMIT) == (500, limits[1])
