"""Are secrets encrypted by one key, and does a process with another one find out in time?"""

import asyncio
import stat
from pathlib import Path
from uuid import uuid4

import pytest

from service.cli import upkeep
from service.domain.errors import ConflictError, StartupError
from service.settings import Settings
from service.store import secret_key
from service.store.database import Database
from service.store.secret_box import SecretBox, UndecipherableError

GIVEN = "a key that somebody chose with great care"


def test_a_secret_is_read_by_its_key_in_its_row_alone() -> None:
    box, owner = SecretBox(GIVEN), uuid4()
    stored = box.encrypt("whsec_x", owner)
    assert b"whsec" not in stored
    assert stored != box.encrypt("whsec_x", owner)
    assert SecretBox(GIVEN).decrypt(stored, owner) == "whsec_x"
    for other, row, text in (
        (SecretBox.with_new_key(), owner, stored),
        (box, uuid4(), stored),
        (box, owner, stored[:-1] + bytes([stored[-1] ^ 1])),
        (box, owner, b""),
    ):
        with pytest.raises(UndecipherableError):
            other.decrypt(text, row)


async def test_the_first_start_makes_a_key_for_our_user_alone(
    database: Database, tmp_path: Path
) -> None:
    box = await secret_key.open_box(database, tmp_path / "data", None)
    path = tmp_path / "data" / secret_key.FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = await secret_key.open_box(database, tmp_path / "data", None)
    assert again.fingerprint == box.fingerprint
    assert box.fingerprint.hex() not in path.read_text()


async def test_services_that_start_at_once_have_one_key(database: Database, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        starts = [
            tasks.create_task(secret_key.open_box(database, tmp_path, None)) for _ in range(4)
        ]
    assert len({start.result().fingerprint for start in starts}) == 1


async def test_a_key_that_is_given_needs_no_file(database: Database, tmp_path: Path) -> None:
    box = await secret_key.open_box(database, tmp_path, GIVEN)
    assert box.fingerprint == SecretBox(GIVEN).fingerprint
    assert list(tmp_path.iterdir()) == []


async def test_with_another_key_no_process_starts_once_there_are_secrets(
    database: Database, tmp_path: Path
) -> None:
    ours = await secret_key.open_box(database, tmp_path / "ours", None)
    # Nothing is encrypted yet: others may start, with whatever key they have.
    theirs = await secret_key.open_box(database, tmp_path / "theirs", None)
    async with database.transaction() as connection:
        await secret_key.bind(connection, ours)
        await secret_key.bind(connection, ours)
    assert not await is_elsewhere(database, ours)
    assert await is_elsewhere(database, theirs)
    with pytest.raises(ConflictError, match="MATCHSTREAM_SECRET_KEY"):
        async with database.transaction() as connection:
            await secret_key.bind(connection, theirs)
    for folder, given, says in (
        ("theirs", None, "the one in .*theirs/secret-key is another"),
        ("none", None, "there is none in .*none/secret-key"),
        ("ours", GIVEN, "the one in MATCHSTREAM_SECRET_KEY is another"),
    ):
        with pytest.raises(StartupError, match=says):
            await secret_key.open_box(database, tmp_path / folder, given)
    key = (tmp_path / "ours" / secret_key.FILE_NAME).read_text().strip()
    assert (await secret_key.open_box(database, tmp_path / "none", key)).fingerprint == (
        ours.fingerprint
    )


async def is_elsewhere(database: Database, box: SecretBox) -> bool:
    async with database.connection() as connection:
        return await secret_key.is_bound_elsewhere(connection, box)


async def test_a_key_that_cannot_be_read_or_written_is_named(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / secret_key.FILE_NAME).mkdir()
    with pytest.raises(StartupError, match="secret-key cannot be read"):
        await secret_key.open_box(database, tmp_path, None)
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match=r"cannot be read|not writable"):
        await secret_key.open_box(database, tmp_path / "file", None)


async def test_a_key_is_forgotten_only_where_it_is_lost(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    settings = Settings(database_url=database_url, data_dir=tmp_path)
    box = await secret_key.open_box(database, tmp_path, None)
    async with database.transaction() as connection:
        await secret_key.bind(connection, box)
    with pytest.raises(StartupError, match="is not lost"):
        await upkeep.forget_secret_key(settings)
    assert (await secret_key.open_box(database, tmp_path, None)).fingerprint == box.fingerprint
    (tmp_path / secret_key.FILE_NAME).unlink()
    await upkeep.forget_secret_key(settings)
    assert (await secret_key.open_box(database, tmp_path, None)).fingerprint != box.fingerprint
