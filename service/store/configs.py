"""Which matching configs are there, and how do rules look in the database?"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import TypeAdapter

from service.domain.configs import MatchingConfig, MatchingRules, RunTarget
from service.domain.identifiers import ConfigId, ReferenceDataId, WorkspaceId, new_id
from service.store.database import Connection, Record, fetch_one

_rules = TypeAdapter(MatchingRules)
_target = TypeAdapter(RunTarget)

# Where the newest config follows: one form of the statement, and so one plan, for every page.
_ABOVE_ALL_IDS = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConfig:
    """What a config begins with."""

    workspace_id: WorkspaceId
    name: str
    reference_data_id: ReferenceDataId
    rules: MatchingRules
    target: RunTarget


def rules_to_json(rules: MatchingRules) -> str:
    """Write rules as they are stored, with a config or with a run."""
    return _rules.dump_json(rules).decode()


def rules_from_json(text: str) -> MatchingRules:
    """Read rules back, exactly as they were written."""
    return _rules.validate_json(text)


_INSERT = """
INSERT INTO matching_configs (id, workspace_id, name, reference_data_id, rules, target)
VALUES ($1, $2, $3, $4, $5, $6)
RETURNING *
"""


async def insert(connection: Connection, new: NewConfig) -> MatchingConfig:
    """Store a config at version 1."""
    record = await fetch_one(
        connection,
        _INSERT,
        new_id(),
        new.workspace_id,
        new.name,
        new.reference_data_id,
        rules_to_json(new.rules),
        _target.dump_json(new.target).decode(),
    )
    return _config(record)


_FETCH = "SELECT * FROM matching_configs WHERE id = $1 AND workspace_id = $2"


async def fetch(
    connection: Connection, workspace_id: WorkspaceId, config_id: ConfigId
) -> MatchingConfig | None:
    """Return the config, None when the workspace has no such one."""
    record = await connection.fetchrow(_FETCH, config_id, workspace_id)
    return None if record is None else _config(record)


_LOCK = "SELECT * FROM matching_configs WHERE id = $1 AND workspace_id = $2 FOR UPDATE"


async def lock(
    connection: Connection, workspace_id: WorkspaceId, config_id: ConfigId
) -> MatchingConfig | None:
    """Return the config as `fetch` does; nobody else changes it until the transaction ends."""
    record = await connection.fetchrow(_LOCK, config_id, workspace_id)
    return None if record is None else _config(record)


_UPDATE = """
UPDATE matching_configs
SET name = $4, rules = $5, target = $6, version = version + 1, updated_at = now()
WHERE id = $1 AND workspace_id = $2 AND version = $3
RETURNING *
"""


async def update(connection: Connection, config: MatchingConfig) -> MatchingConfig | None:
    """Store the config as its next version; None when `config.version` is not the present one."""
    record = await connection.fetchrow(
        _UPDATE,
        config.id,
        config.workspace_id,
        config.version,
        config.name,
        rules_to_json(config.rules),
        _target.dump_json(config.target).decode(),
    )
    return None if record is None else _config(record)


_DELETE = "DELETE FROM matching_configs WHERE id = $1 AND workspace_id = $2 RETURNING id"


async def delete(connection: Connection, workspace_id: WorkspaceId, config_id: ConfigId) -> bool:
    """Delete the config and keep its runs; False when the workspace has no such config."""
    return await connection.fetchval(_DELETE, config_id, workspace_id) is not None


_LIST_PAGE = """
SELECT * FROM matching_configs
WHERE workspace_id = $1 AND id < $2
ORDER BY id DESC
LIMIT $3
"""


async def list_page(
    connection: Connection, workspace_id: WorkspaceId, after: ConfigId | None, limit: int
) -> Sequence[MatchingConfig]:
    """Return up to `limit` configs, the newest first, from the one that follows `after` on."""
    records = await connection.fetch(_LIST_PAGE, workspace_id, after or _ABOVE_ALL_IDS, limit)
    return [_config(record) for record in records]


_COUNT = "SELECT count(*) FROM matching_configs WHERE workspace_id = $1"


async def count(connection: Connection, workspace_id: WorkspaceId) -> int:
    """Return how many configs the workspace has."""
    total: int = await connection.fetchval(_COUNT, workspace_id)
    return total


def _config(record: Record) -> MatchingConfig:
    return MatchingConfig(
        id=ConfigId(record["id"]),
        workspace_id=WorkspaceId(record["workspace_id"]),
        name=record["name"],
        reference_data_id=ReferenceDataId(record["reference_data_id"]),
        rules=rules_from_json(record["rules"]),
        target=_target.validate_json(record["target"]),
        version=record["version"],
        created_at=record["created_at"],
        updated_at=record["updated_at"],
    )
