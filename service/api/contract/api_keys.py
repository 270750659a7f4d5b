"""What do the routes of API keys and of the caller's own session promise?"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from service.api import api_keys
from service.api.contract.models import Deleted, Page, example
from service.api.contract.operation import JSON, Body, Operation, json_reply, list_query
from service.api.routes import Handler
from service.domain.api_keys import ApiKeyStatus, Scope

TAG = "API keys"
_KEY = {
    "id": "01934f2d-5b1c-7d11-8a53-0c9b7e1f6a42",
    "name": "dashboard",
    "scopes": ["read"],
    "status": "active",
    "created_at": "2026-03-02T09:12:00.000Z",
    "last_used_at": "2026-03-02T10:40:00.000Z",
    "expires_at": None,
    "revoked_at": None,
}


class ApiKey(BaseModel):
    """A key without its secret."""

    model_config = example(_KEY)

    id: UUID
    name: str
    scopes: list[Scope]
    status: ApiKeyStatus
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute.")
    expires_at: datetime | None
    revoked_at: datetime | None


class ApiKeyPage(Page[ApiKey]):
    """A part of the list of keys."""


class MadeApiKey(ApiKey):
    """A new key, with its secret, this once."""

    model_config = example({**_KEY, "last_used_at": None, "key": "ms_k3y…"})

    key: str = Field(description="What to send as `Authorization: Bearer`; shown only here.")


class WorkspaceName(BaseModel):
    """What all of a key's requests are about."""

    id: UUID
    name: str


class Installed(BaseModel):
    """What this installation can do that others may lack."""

    has_ai: bool = Field(description="A key for the AI pass is set.")
    reads_parquet: bool = Field(description="Uploads may be Parquet.")


class WhoAmI(BaseModel):
    """Whose key or session a request came with."""

    model_config = example(
        {
            "workspace": {"id": "01934f2d-5b1a-7c40-9f2e-3d1c5b7a9e10", "name": "default"},
            "api_key": _KEY,
            "session_expires_at": None,
            "service": {"has_ai": False, "reads_parquet": True},
        }
    )

    workspace: WorkspaceName
    api_key: ApiKey
    session_expires_at: datetime | None = Field(
        description="When the browser that asks is signed out; null for a key."
    )
    service: Installed


OPERATIONS: Mapping[Handler, Operation] = {
    api_keys.create: Operation(
        id="create_api_key",
        tag=TAG,
        summary="Make an API key",
        description="Of the caller's workspace. The key itself is in this reply alone.",
        body=Body({JSON: api_keys.NewApiKey}, example={"name": "dashboard", "scopes": ["read"]}),
        replies={201: json_reply("The key.", MadeApiKey, "Location")},
    ),
    api_keys.list_all: Operation(
        id="list_api_keys",
        tag=TAG,
        summary="List API keys",
        query=list_query(api_keys.LISTING),
        headers=("If-None-Match",),
        replies={200: json_reply("A page, newest first.", ApiKeyPage, "ETag", "Link")},
    ),
    api_keys.read: Operation(
        id="get_api_key",
        tag=TAG,
        summary="Show an API key",
        replies={200: json_reply("The key, without its secret.", ApiKey)},
    ),
    api_keys.revoke: Operation(
        id="revoke_api_key",
        tag=TAG,
        summary="Revoke an API key",
        description="For good, together with the sessions that were begun with it. A process that "
        "has just seen the key may take it for five seconds more. It stays in the list.",
        replies={200: json_reply("It is closed.", Deleted)},
    ),
    api_keys.who_am_i: Operation(
        id="get_session",
        tag=TAG,
        summary="Show whose key this is",
        replies={200: json_reply("Key, workspace, and session.", WhoAmI)},
    ),
}
