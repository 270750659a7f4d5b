"""Does a data directory lead to the service that runs on it, and to nobody else?"""

from pathlib import Path

import pytest

from service.cli import address
from service.domain.errors import StartupError

FIRST, SECOND = "http://127.0.0.1:8001", "http://127.0.0.1:8002"


def test_an_address_holds_as_long_as_its_service(tmp_path: Path) -> None:
    assert address.local_url(tmp_path) is None
    with address.left(tmp_path, FIRST):
        assert address.local_url(tmp_path) == FIRST
        with address.left(tmp_path, SECOND):
            assert address.local_url(tmp_path) == SECOND
    assert list(tmp_path.iterdir()) == []


def test_of_two_services_the_last_one_has_its_name_there(tmp_path: Path) -> None:
    first = address.left(tmp_path, FIRST)
    first.__enter__()
    with address.left(tmp_path, SECOND):
        first.__exit__(None, None, None)
        assert address.local_url(tmp_path) == SECOND


def test_what_a_killed_service_left_behind_leads_to_nobody(tmp_path: Path) -> None:
    (tmp_path / address.FILE_NAME).write_text(f"{FIRST}\n")
    assert address.local_url(tmp_path) is None
    with address.left(tmp_path, SECOND):
        assert address.local_url(tmp_path) == SECOND


def test_an_address_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(StartupError, match="cannot be written"),
        address.left(tmp_path / "none", FIRST),
    ):
        pass
