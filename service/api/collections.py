"""Which collections of documents does a workspace have?"""

from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from service.api import pages, pagination
from service.api.context import Caller, services
from service.api.pages import Source
from service.api.replies import Json
from service.api.snapshots import snapshot
from service.domain import representation
from service.domain.documents import CollectionFigures
from service.domain.identifiers import CLIENT_ID_MAX_LENGTH
from service.store import collections

Name = Annotated[str, Meta(max_length=CLIENT_ID_MAX_LENGTH)]
LISTING = pagination.Listing(key=Name)


async def list_all(request: Request, caller: Caller) -> Response:
    """GET /v1/collections"""
    asked = pagination.read(request, LISTING)
    async with snapshot(services(request).database) as connection:
        source = Source(
            lambda after, count: collections.list_page(
                connection, caller.workspace_id, after, count
            ),
            _write,
            lambda collection: collection.name,
        )
        page = await pages.fill(source, asked.after, asked.limit)
        total = asked.total
        if total is None:
            total = await collections.count(connection, caller.workspace_id)
    return pagination.reply(request, asked, page, total)


def _write(collection: CollectionFigures) -> dict[str, Json]:
    return {
        "name": collection.name,
        "document_count": collection.document_count,
        "created_at": representation.timestamp(collection.created_at),
        "updated_at": representation.timestamp(collection.updated_at),
    }
