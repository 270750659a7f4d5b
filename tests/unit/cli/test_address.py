"""Does a data directory lead to the service that runs on it, and to nobody else?"""

import socketserver
import threading
from contextlib import nullcontext
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from service.cli import address, key_checks
from service.domain.errors import NotFoundError, StartupError
from service.settings import Settings
from service.store import first_key, private_file

FIRST, SECOND = "http://127.0.0.1:8001", "http://127.0.0.1:8002"
SHARED = "postgresql://user@host/database"


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
    # Its port was taken by another program, which answers whatever it is asked.
    with socketserver.TCPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            file = tmp_path / address.FILE_NAME
            file.write_text(f"http://127.0.0.1:{other.server_address[1]}\n")
            assert address.local_url(tmp_path) is None
        finally:
            other.shutdown()
            thread.join()
    with address.left(tmp_path, SECOND):
        assert address.local_url(tmp_path) == SECOND


def test_the_first_key_goes_to_the_service_of_the_data_directory_alone(tmp_path: Path) -> None:
    private_file.write(tmp_path / first_key.FILE_NAME, "ms_first")
    with address.left(tmp_path, FIRST):
        for url in (None, FIRST, f"{FIRST}/"):
            found = address.seek(Settings(data_dir=tmp_path, url=url), None)
            assert found is not None
            assert (found.key, key_checks.known(Settings(data_dir=tmp_path, url=url))) == (
                "ms_first",
                "ms_first",
            )
        for url in (SECOND, "http://localhost:8001", f"{FIRST}1"):
            settings = Settings(data_dir=tmp_path, url=url)
            assert key_checks.known(settings) is None
            with pytest.raises(NotFoundError, match="No API key is known"):
                address.seek(settings, None)


@pytest.mark.parametrize(
    ("database_url", "port", "is_refused"),
    [(None, 0, True), (None, 8001, True), (SHARED, 8001, True), (SHARED, 8002, False)],
)
def test_what_a_second_service_would_need_is_known_before_it_starts(
    tmp_path: Path, database_url: str | None, port: int, is_refused: bool
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=database_url, port=port)
    address.refuse_second(settings)
    with address.left(tmp_path, FIRST):
        refused = pytest.raises(StartupError, match=f"already runs with these data at {FIRST}: ")
        with refused if is_refused else nullcontext():
            address.refuse_second(settings)


def test_an_address_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(StartupError, match="cannot be written"),
        address.left(tmp_path / "none", FIRST),
    ):
        pass


def test_an_address_that_cannot_be_put_in_its_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / address.FILE_NAME).mkdir()
    with (
        pytest.raises(StartupError, match="cannot be written"),
        address.left(tmp_path, FIRST),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [address.FILE_NAME]
