"""What can be done with matching configs: make, list, read, change and delete them."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from service.api import conditions, config_body, limits, pages, pagination, parameters, replies
from service.api.config_body import Contents
from service.api.context import Caller, services
from service.api.idempotency import commit_with
from service.api.pages import Source
from service.api.snapshots import snapshot
from service.domain.configs import MatchingConfig
from service.domain.errors import ConflictError
from service.domain.identifiers import ConfigId, WorkspaceId
from service.domain.reference import ReferenceDataStatus
from service.store import configs, reference
from service.store.database import Connection

LISTING = pagination.Listing(key=ConfigId)


async def create(request: Request, caller: Caller) -> Response:
    """POST /v1/matching/configs"""
    parameters.query(request, ())
    body = await limits.read_json(request, services(request).limits.json_bytes)
    contents = config_body.read_new(body)
    async with services(request).database.transaction() as connection:
        await _check_against_columns(connection, caller.workspace_id, contents)
        config = await configs.insert(
            connection,
            configs.NewConfig(
                workspace_id=caller.workspace_id,
                name=contents.name,
                reference_data_id=contents.reference_data_id,
                rules=contents.rules,
                target=contents.target,
            ),
        )
        written = config_body.write(config)
        return commit_with(replies.created(written, _path(config), {"ETag": _tag(config)}))


async def list_all(request: Request, caller: Caller) -> Response:
    """GET /v1/matching/configs"""
    asked = pagination.read(request, LISTING)
    async with snapshot(services(request).database) as connection:
        source = Source(
            lambda after, count: configs.list_page(connection, caller.workspace_id, after, count),
            config_body.write,
            lambda config: config.id,
        )
        page = await pages.fill(source, asked.after, asked.limit)
        total = asked.total
        if total is None:
            total = await configs.count(connection, caller.workspace_id)
    return pagination.reply(request, asked, page, total)


async def read(request: Request, caller: Caller) -> Response:
    """GET /v1/matching/configs/:id"""
    parameters.query(request, ())
    config_id = _id(request)
    async with services(request).database.connection() as connection:
        config = _found(await configs.fetch(connection, caller.workspace_id, config_id), config_id)
    if conditions.is_known(request, _tag(config)):
        return replies.not_modified(_tag(config))
    return replies.reply(config_body.write(config), headers={"ETag": _tag(config)})


async def change(request: Request, caller: Caller) -> Response:
    """PUT /v1/matching/configs/:id"""
    parameters.query(request, ())
    config_id = _id(request)
    body = await limits.read_json(request, services(request).limits.json_bytes)
    async with services(request).database.transaction() as connection:
        stored = _found(await configs.lock(connection, caller.workspace_id, config_id), config_id)
        conditions.check_if_match(request, _tag(stored))
        contents = config_body.read_change(stored, body)
        if contents.rules.field_mappings != stored.rules.field_mappings:
            await _check_against_columns(connection, caller.workspace_id, contents)
        changed = replace(stored, name=contents.name, rules=contents.rules, target=contents.target)
        config = _found(await configs.update(connection, changed), config_id)
        written = config_body.write(config)
        return commit_with(replies.reply(written, headers={"ETag": _tag(config)}))


async def delete(request: Request, caller: Caller) -> Response:
    """DELETE /v1/matching/configs/:id"""
    parameters.query(request, ())
    config_id = _id(request)
    async with services(request).database.transaction() as connection:
        stored = _found(await configs.lock(connection, caller.workspace_id, config_id), config_id)
        conditions.check_if_match(request, _tag(stored))
        await configs.delete(connection, caller.workspace_id, config_id)
        return commit_with(replies.deleted(config_id))


async def _check_against_columns(
    connection: Connection, workspace_id: WorkspaceId, contents: Contents
) -> None:
    """Refuse targets that the reference data, which must be there and ready, does not have."""
    data = await reference.fetch(connection, workspace_id, contents.reference_data_id)
    if data is None:
        raise parameters.not_found("reference data", contents.reference_data_id)
    if data.status is not ReferenceDataStatus.READY:
        raise ConflictError(
            f"The reference data `{data.id}` is {data.status.value}: its columns are not known."
        )
    config_body.check_targets(contents.rules.field_mappings, data.current.columns)


def _id(request: Request) -> ConfigId:
    return ConfigId(parameters.path_id(request, "config_id", "matching config"))


def _found(config: MatchingConfig | None, config_id: ConfigId) -> MatchingConfig:
    if config is None:
        raise parameters.not_found("matching config", config_id)
    return config


def _tag(config: MatchingConfig) -> str:
    return conditions.version_tag(config.version)


def _path(config: MatchingConfig) -> str:
    return f"/v1/matching/configs/{config.id}"
