"""Does a match use a service that lasts, and else wait until nobody has the data?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from service.cli import address
from service.cli.address import Address
from service.cli.turns import Turns
from service.domain.errors import StartupError
from service.settings import Settings
from service.store import data_directory, first_key, private_file
from service.store.data_directory import InUseError, Layout

URL = "http://127.0.0.1:8001"


async def work(found: Address) -> None:
    """Do nothing with a service."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a key."""
    private_file.write(tmp_path / first_key.FILE_NAME, "ms_first")
    return tmp_path


@pytest.fixture
async def other(data: Path) -> AsyncIterator[AsyncExitStack]:
    """Somebody who has the data, with a service that ends with a match; closed, he is gone."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(data_directory.owned(Layout.of(data)))
        stack.enter_context(address.left(data, URL, is_passing=True))
        yield stack


def waiting(data: Path, say: Callable[[str], None] = pytest.fail) -> Address | None:
    """Wait for our turn."""
    return Turns(Settings(data_dir=data), None, say).wait()


def test_where_nobody_is_a_service_may_be_started(data: Path) -> None:
    assert waiting(data) is None


def test_a_service_that_lasts_is_used(data: Path) -> None:
    with address.left(data, URL):
        found = waiting(data)
    assert found is not None
    assert (found.url, found.is_passing) == (URL, False)


async def test_one_that_ends_with_another_match_is_waited_for(
    data: Path, other: AsyncExitStack
) -> None:
    said: list[str] = []
    loop = asyncio.get_running_loop()

    def say(line: str) -> None:
        said.append(line)
        asyncio.run_coroutine_threadsafe(other.aclose(), loop).result()

    assert await asyncio.to_thread(waiting, data, say) is None
    (line,) = said
    assert line.startswith("Waiting for process ")
    assert str(data) in line


async def test_over_a_shared_database_nobody_waits(data: Path, other: AsyncExitStack) -> None:
    settings = Settings(data_dir=data, database_url="postgresql://user@host/database")
    assert Turns(settings, None, pytest.fail).wait() is None


async def test_a_service_is_refused_while_a_match_is_under_way(
    data: Path, other: AsyncExitStack
) -> None:
    with pytest.raises(StartupError, match="A match on the data in"):
        address.refuse_second(Settings(data_dir=data))


@pytest.mark.parametrize(
    ("error", "is_done"),
    [
        (None, True),
        (InUseError("taken"), False),
        (ExceptionGroup("", [InUseError("taken")]), False),
    ],
)
def test_one_that_was_faster_is_no_failure(
    data: Path, error: Exception | None, *, is_done: bool
) -> None:
    def run_beside(settings: Settings, work: object) -> None:
        if error is not None:
            raise error

    assert Turns(Settings(data_dir=data), None, pytest.fail).take(run_beside, work) == is_done


def test_another_failure_is_told(data: Path) -> None:
    def run_beside(settings: Settings, work: object) -> None:
        raise StartupError("no programs")

    with pytest.raises(StartupError, match="no programs"):
        Turns(Settings(data_dir=data), None, pytest.fail).take(run_beside, work)
