"""Which keys has a workspace, and how does its administrator make and revoke them?"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response

from service.api import limits, pages, pagination, parameters, replies
from service.api.context import Caller, services
from service.api.idempotency import commit_with
from service.api.pages import Source
from service.api.snapshots import snapshot
from service.api.wire import WireModel, invalid, parse
from service.domain import representation
from service.domain.api_keys import NAME_MAX_LENGTH, ApiKey, Scope
from service.domain.errors import Problem
from service.domain.identifiers import ApiKeyId
from service.ingest import parquet_table
from service.store import api_keys, workspaces

LISTING = pagination.Listing(key=ApiKeyId)
# What shows a secret is kept by nobody on its way.
_UNKEPT = {"Cache-Control": "no-store"}


def _require_text(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("not_a_time", "must be a time like 2027-01-31T12:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("not_a_time", "must lie before the year 10000") from error


Time = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_require_text), AfterValidator(_in_utc)
]


class NewApiKey(WireModel):
    """What a key is made with."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX_LENGTH)]
    scopes: Annotated[
        list[Annotated[Scope, Field(strict=False)]], Field(min_length=1, max_length=len(Scope))
    ]
    expires_at: Time | None = None


async def create(request: Request, caller: Caller) -> Response:
    """Make a key of the caller's workspace; its reply alone shows the plain key."""
    parameters.query(request, ())
    body = parse(NewApiKey, await limits.read_json(request, services(request).limits.json_bytes))
    if body.expires_at is not None and body.expires_at <= datetime.now(UTC):
        message = "`expires_at` must lie in the future."
        raise invalid((Problem("invalid_value", message, "/expires_at"),))
    scopes = frozenset(body.scopes)
    async with services(request).database.transaction() as connection:
        key_id, plain = await api_keys.create(
            connection, caller.workspace_id, body.name, scopes, body.expires_at
        )
        made = _found(await api_keys.fetch(connection, caller.workspace_id, key_id), key_id)
        value = {**_write(made), "key": plain}
        return commit_with(replies.created(value, f"/v1/api-keys/{key_id}", _UNKEPT))


async def list_all(request: Request, caller: Caller) -> Response:
    """List the workspace's keys, newest first, revoked ones too."""
    asked = pagination.read(request, LISTING)
    async with snapshot(services(request).database) as connection:
        source = Source(
            lambda after, count: api_keys.list_page(connection, caller.workspace_id, after, count),
            _write,
            lambda key: key.id,
        )
        page = await pages.fill(source, asked.after, asked.limit)
        total = asked.total
        if total is None:
            total = await api_keys.count(connection, caller.workspace_id)
    return pagination.reply(request, asked, page, total)


async def read(request: Request, caller: Caller) -> Response:
    """Show a key, without its secret."""
    parameters.query(request, ())
    key_id = _id(request)
    async with services(request).database.connection() as connection:
        key = _found(await api_keys.fetch(connection, caller.workspace_id, key_id), key_id)
    return replies.reply(_write(key))


async def revoke(request: Request, caller: Caller) -> Response:
    """Close a key for good, and with it every session that was begun with it."""
    parameters.query(request, ())
    key_id = _id(request)
    service = services(request)
    async with service.database.transaction() as connection:
        if not await api_keys.revoke(connection, caller.workspace_id, key_id):
            raise parameters.not_found("open API key", key_id)
        response = commit_with(replies.deleted(key_id))
    # In other processes it is remembered for some seconds more.
    service.callers.forget(lambda known: known.api_key_id == key_id)
    return response


async def who_am_i(request: Request, caller: Caller) -> Response:
    """Show whose key or session the request came with."""
    parameters.query(request, ())
    service = services(request)
    async with service.database.connection() as connection:
        key = await api_keys.fetch(connection, caller.workspace_id, caller.api_key_id)
        key = _found(key, caller.api_key_id)
        name = await workspaces.name_of(connection, caller.workspace_id)
    ends = None if caller.session is None else caller.session.expires_at
    return replies.reply(
        {
            "workspace": {"id": str(caller.workspace_id), "name": name},
            "api_key": _write(key),
            "session_expires_at": representation.timestamp(ends),
            "service": {
                "has_ai": service.has_ai,
                "reads_parquet": parquet_table.is_available(),
            },
        }
    )


def _id(request: Request) -> ApiKeyId:
    return ApiKeyId(parameters.path_id(request, "api_key_id", "API key"))


def _found(key: ApiKey | None, key_id: ApiKeyId) -> ApiKey:
    if key is None:
        raise parameters.not_found("API key", key_id)
    return key


def _write(key: ApiKey) -> dict[str, replies.Json]:
    return {
        "id": str(key.id),
        "name": key.name,
        "scopes": sorted(key.scopes),
        "status": key.status(datetime.now(UTC)).value,
        "created_at": representation.timestamp(key.created_at),
        "last_used_at": representation.timestamp(key.last_used_at),
        "expires_at": representation.timestamp(key.expires_at),
        "revoked_at": representation.timestamp(key.revoked_at),
    }
