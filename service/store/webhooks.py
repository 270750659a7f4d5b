"""Which webhooks does a workspace have, and by which secrets do they sign?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.domain.errors import ConflictError
from service.domain.events import EventType
from service.domain.identifiers import WebhookId, WorkspaceId, new_id
from service.domain.webhooks import ROTATION, Webhook
from service.store.database import Connection, Record, fetch_one
from service.store.secret_box import SecretBox

MAX_WEBHOOKS = 50

# Where the newest webhook follows: one form of the statement, and so one plan, for every page.
_ABOVE_ALL_IDS = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """What a webhook begins with; `types` None means the default."""

    workspace_id: WorkspaceId
    url: str
    types: tuple[EventType, ...] | None
    description: str | None
    enabled: bool


_LOCK_WORKSPACE = "SELECT id FROM workspaces WHERE id = $1 FOR NO KEY UPDATE"
_INSERT = """
INSERT INTO webhooks (id, workspace_id, url, types, description, enabled, secret)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING *
"""


async def insert(connection: Connection, new: NewWebhook, secret: str, box: SecretBox) -> Webhook:
    """Store a webhook with its secret; raises ConflictError beyond MAX_WEBHOOKS."""
    # So that two at once do not pass the limit together.
    await connection.execute(_LOCK_WORKSPACE, new.workspace_id)
    if await count(connection, new.workspace_id) >= MAX_WEBHOOKS:
        raise ConflictError(f"A workspace has at most {MAX_WEBHOOKS} webhooks: delete one first.")
    webhook_id = WebhookId(new_id())
    record = await fetch_one(
        connection,
        _INSERT,
        webhook_id,
        new.workspace_id,
        new.url,
        new.types,
        new.description,
        new.enabled,
        box.encrypt(secret, webhook_id),
    )
    return from_record(record)


_FETCH = "SELECT * FROM webhooks WHERE id = $1 AND workspace_id = $2 AND deleted_at IS NULL"


async def fetch(
    connection: Connection, workspace_id: WorkspaceId, webhook_id: WebhookId
) -> Webhook | None:
    """Return the webhook, None when the workspace has no such one."""
    record = await connection.fetchrow(_FETCH, webhook_id, workspace_id)
    return None if record is None else from_record(record)


_LOCK = """
SELECT * FROM webhooks
WHERE id = $1 AND workspace_id = $2 AND deleted_at IS NULL
FOR NO KEY UPDATE
"""


async def lock(
    connection: Connection, workspace_id: WorkspaceId, webhook_id: WebhookId
) -> Webhook | None:
    """Return the webhook as `fetch` does; nobody else changes it until the transaction ends."""
    record = await connection.fetchrow(_LOCK, webhook_id, workspace_id)
    return None if record is None else from_record(record)


# An endpoint that is new or enabled again starts with a clean record.
_UPDATE = """
UPDATE webhooks
SET url = $2, types = $3, description = $4, enabled = $5,
    disabled_reason = CASE WHEN $5 THEN NULL ELSE disabled_reason END,
    failing_since = CASE WHEN url = $2 AND enabled THEN failing_since END
WHERE id = $1
RETURNING *
"""


async def update(connection: Connection, webhook: Webhook) -> Webhook:
    """Store what a person may change of a locked webhook."""
    record = await fetch_one(
        connection,
        _UPDATE,
        webhook.id,
        webhook.url,
        webhook.types,
        webhook.description,
        webhook.enabled,
    )
    return from_record(record)


_ROTATE = """
UPDATE webhooks
SET previous_secret = secret, previous_secret_until = $2::timestamptz + $3::interval, secret = $4
WHERE id = $1
"""


async def rotate(
    connection: Connection, webhook: Webhook, secret: str, box: SecretBox, now: datetime
) -> None:
    """Sign by the new secret from now on, and for ROTATION by the one before it too."""
    await connection.execute(_ROTATE, webhook.id, now, ROTATION, box.encrypt(secret, webhook.id))


# The row stays until its deliveries are gone, without anything that is worth hiding.
_DELETE = """
UPDATE webhooks
SET deleted_at = now(), enabled = false, secret = NULL, previous_secret = NULL
WHERE id = $1
"""


async def delete(connection: Connection, webhook: Webhook) -> None:
    """Delete a locked webhook: nothing more is sent, and its deliveries go in the background."""
    await connection.execute(_DELETE, webhook.id)


_LIST_PAGE = """
SELECT * FROM webhooks
WHERE workspace_id = $1 AND id < $2 AND deleted_at IS NULL
ORDER BY id DESC
LIMIT $3
"""


async def list_page(
    connection: Connection, workspace_id: WorkspaceId, after: WebhookId | None, limit: int
) -> Sequence[Webhook]:
    """Return up to `limit` webhooks, the newest first, from the one that follows `after` on."""
    records = await connection.fetch(_LIST_PAGE, workspace_id, after or _ABOVE_ALL_IDS, limit)
    return [from_record(record) for record in records]


_COUNT = "SELECT count(*) FROM webhooks WHERE workspace_id = $1 AND deleted_at IS NULL"


async def count(connection: Connection, workspace_id: WorkspaceId) -> int:
    """Return how many webhooks the workspace has."""
    number: int = await connection.fetchval(_COUNT, workspace_id)
    return number


def from_record(record: Record) -> Webhook:
    """Read a row of the table `webhooks`."""
    types = record["types"]
    return Webhook(
        id=WebhookId(record["id"]),
        workspace_id=WorkspaceId(record["workspace_id"]),
        url=record["url"],
        types=None if types is None else tuple(map(EventType, types)),
        description=record["description"],
        enabled=record["enabled"],
        disabled_reason=record["disabled_reason"],
        created_at=record["created_at"],
    )
