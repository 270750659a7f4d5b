"""Which API key opens a service that was just installed, and how can the start show it again?"""

from pathlib import Path

from service.domain.api_keys import Scope, hash_key
from service.store import api_keys, private_file, workspaces
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
        private_file.write(path, key)
        return key


def read(data_dir: Path) -> str | None:
    """Read the kept key of a data directory, None when there is none."""
    return private_file.read(data_dir / FILE_NAME)
