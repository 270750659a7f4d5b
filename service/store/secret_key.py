"""By which key are the secrets in this database encrypted, and is it the one that we have?

A key given by the settings comes first, then the one in the data directory, which the first start
makes. The first secret binds the database to its key: from then on no process with another key
starts, and one that runs already neither encrypts nor reads anything.
"""

from pathlib import Path

from service.domain.errors import ConflictError, StartupError
from service.store import private_file
from service.store.database import Connection, Database
from service.store.secret_box import SecretBox, new_key

FILE_NAME = "secret-key"

ELSEWHERE = "The secrets in this database are encrypted by a key that is not here"
_WHAT_TO_DO = (
    f"Set MATCHSTREAM_SECRET_KEY, for every process, to the line in the file {FILE_NAME} of the "
    "data directory of the service that made the first webhook. Where that is lost, let "
    "'matchstream rekey' forget it."
)

_FINGERPRINT = "SELECT fingerprint FROM secret_key"
_LOCK = "LOCK TABLE secret_key IN EXCLUSIVE MODE"


async def open_box(database: Database, data_dir: Path, given: str | None) -> SecretBox:
    """Return what encrypts by the given key, else by the one kept in the data directory.

    Raises StartupError when the database is bound to another key.
    """
    path = data_dir / FILE_NAME
    async with database.transaction() as connection:
        # Several processes that start at once take turns here.
        await connection.execute(_LOCK)
        bound_to = await connection.fetchval(_FINGERPRINT)
        key = given or private_file.read(path)
        if key is None:
            if bound_to is not None:
                raise StartupError(f"{ELSEWHERE}: there is none in {path}. {_WHAT_TO_DO}")
            key = new_key()
            private_file.write(path, key)
    box = SecretBox(key)
    if bound_to not in (None, box.fingerprint):
        place = "MATCHSTREAM_SECRET_KEY" if given else str(path)
        raise StartupError(f"{ELSEWHERE}: the one in {place} is another. {_WHAT_TO_DO}")
    return box


_BIND = "INSERT INTO secret_key (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING"


async def bind(connection: Connection, box: SecretBox) -> None:
    """Bind the database to the box's key, in the transaction of the first secret.

    Raises ConflictError when it is bound to another: nothing may be encrypted by two keys.
    """
    await connection.execute(_BIND, box.fingerprint)
    if await connection.fetchval(_FINGERPRINT) != box.fingerprint:
        raise ConflictError(f"{ELSEWHERE}, and this process has another. {_WHAT_TO_DO}")


async def is_bound_elsewhere(connection: Connection, box: SecretBox) -> bool:
    """Whether the database's secrets are encrypted by another key than the box's."""
    bound_to = await connection.fetchval(_FINGERPRINT)
    return bound_to not in (None, box.fingerprint)


async def is_here(connection: Connection, data_dir: Path, given: str | None) -> bool:
    """Whether the key that the database is bound to is the given one, or in the data directory."""
    key = given or private_file.read(data_dir / FILE_NAME)
    bound_to = await connection.fetchval(_FINGERPRINT)
    return key is not None and bound_to == SecretBox(key).fingerprint


_LET_GO = "DELETE FROM secret_key"
_DISABLE = """
UPDATE webhooks
SET enabled = false, disabled_reason = 'Its secret was lost: rotate it, then enable the webhook.'
WHERE deleted_at IS NULL
"""


async def let_go(connection: Connection) -> None:
    """Forget a key that is lost; what it encrypted is lost with it, so webhooks are disabled."""
    await connection.execute(_LET_GO)
    await connection.execute(_DISABLE)
