"""Which API key opens a service that was just installed, and how can the start show it again?"""

import os
from pathlib import Path

from service.domain.api_keys import Scope, hash_key
from service.domain.errors import StartupError
from service.store import api_keys, workspaces
from service.store.database import Database

FILE_NAME = "first-key"
KEY_NAME = "first"


async def ensure(database: Database, data_dir: Path) -> str | None:
    """Make the workspace `default` and, where it never had one, its first key with all scopes.

    Return the plain first key as long as the data directory has it and it opens something.
    """
    path = data_dir / FILE_NAME
    async with database.transaction() as connection:
        # Several processes that start at once take turns here.
        workspace_id = await workspaces.ensure_default(connection)
        kept = read(data_dir)
        if kept is not None and await api_keys.find(connection, hash_key(kept)) is not None:
            return kept
        if any(key.name == KEY_NAME for key in await api_keys.list_all(connection, workspace_id)):
            return None
        _, key = await api_keys.create(connection, workspace_id, KEY_NAME, frozenset(Scope))
        # Before the commit: a key that is stored but was never written down opens nothing.
        _write(path, key)
        return key


def read(data_dir: Path) -> str | None:
    """Read the kept key of a data directory, None when there is none."""
    path = data_dir / FILE_NAME
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartupError(f"The first key in {path} cannot be read: {error.strerror}.") from error


def _write(path: Path, key: str) -> None:
    """Keep the key for our user alone, whole or not at all."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise StartupError(
            f"The data directory {path.parent} is not writable ({error.strerror}): choose another "
            "with MATCHSTREAM_DATA_DIR."
        ) from error
