"""What can be done with documents: upload, list, read and delete them."""

from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from service.api import pages, pagination, parameters, replies, upload_requests
from service.api.context import Caller, services
from service.api.idempotency import expect_repeats
from service.api.limits import JSON_TYPE
from service.api.multipart import MULTIPART_TYPE
from service.api.pages import Source
from service.api.replies import Json
from service.api.snapshots import snapshot
from service.api.upload_requests import NDJSON_TYPE
from service.api.wire import invalid
from service.domain import representation
from service.domain.documents import Document
from service.domain.identifiers import CLIENT_ID_MAX_LENGTH, DEFAULT_COLLECTION, DocumentId
from service.engine import erasing
from service.engine.spool import Spool
from service.ingest.instructions import Instructions, UploadFormat, UploadTarget
from service.store import collections, documents
from service.store.erasure import Collection

Key = Annotated[DocumentId, Meta(max_length=CLIENT_ID_MAX_LENGTH)]
LISTING = pagination.Listing(key=Key, filters=("collection",))


async def upsert(request: Request, caller: Caller) -> Response:
    """POST /v1/documents"""
    parameters.query(request, ())
    uploads, limits = services(request).uploads, services(request).limits
    media_type = upload_requests.media_type(request, NDJSON_TYPE)
    max_bytes = limits.rows_json_bytes if media_type == JSON_TYPE else limits.upload_bytes
    async with uploads.spool(max_bytes) as spool:
        instructions = await _receive(request, spool, media_type, max_bytes)
        done = await uploads.upsert_documents(caller.workspace_id, spool, instructions)
    ids: list[Json] = [{"id": document_id} for document_id in done.ids]
    return replies.reply(
        {"created": done.created, "updated": done.updated, "documents": ids}, status=201
    )


async def _receive(request: Request, spool: Spool, media_type: str, max_bytes: int) -> Instructions:
    if media_type == MULTIPART_TYPE:
        return await upload_requests.document_form(request, spool)
    await upload_requests.receive(request, spool, max_bytes)
    is_json = media_type == JSON_TYPE
    file_format = UploadFormat.JSON if is_json else UploadFormat.NDJSON
    return Instructions(target=UploadTarget.DOCUMENTS, format=file_format)


async def list_all(request: Request, caller: Caller) -> Response:
    """GET /v1/documents"""
    asked = pagination.read(request, LISTING)
    collection = _collection(asked.filters.get("collection"))
    async with snapshot(services(request).database) as connection:
        source = Source(
            lambda after, count: documents.list_page(
                connection, caller.workspace_id, collection, after, count
            ),
            _write,
            lambda document: document.id,
        )
        page = await pages.fill(source, asked.after, asked.limit)
        total = asked.total
        if total is None:
            total = await collections.count_documents(connection, caller.workspace_id, collection)
    return pagination.reply(request, asked, page, total)


async def read(request: Request, caller: Caller) -> Response:
    """GET /v1/documents/:id"""
    values = parameters.query(request, ("collection",))
    collection = _collection(values.get("collection"))
    document_id = DocumentId(request.path_params["document_id"])
    document = None
    if "\0" not in document_id and len(document_id) <= CLIENT_ID_MAX_LENGTH:
        async with services(request).database.connection() as connection:
            document = await documents.fetch(
                connection, caller.workspace_id, collection, document_id
            )
    if document is None:
        raise parameters.not_found("document", document_id)
    return replies.reply(_write(document))


async def delete(request: Request, caller: Caller) -> Response:
    """DELETE /v1/documents/:id"""
    values = parameters.query(request, ("collection",))
    place = Collection(caller.workspace_id, _collection(values.get("collection")))
    document_id = DocumentId(request.path_params["document_id"])
    expect_repeats()
    is_deleted = False
    if "\0" not in document_id and len(document_id) <= CLIENT_ID_MAX_LENGTH:
        is_deleted = await erasing.erase_document(services(request).database, place, document_id)
    if not is_deleted:
        raise parameters.not_found("document", document_id)
    return replies.deleted(document_id)


async def delete_all(request: Request, caller: Caller) -> Response:
    """DELETE /v1/documents"""
    values = parameters.query(request, ("collection",))
    if "collection" not in values:
        rule = "is required: all documents of one collection are deleted at a time"
        raise invalid((parameters.wrong("collection", rule),))
    place = Collection(caller.workspace_id, _collection(values["collection"]))
    expect_repeats()
    count = await erasing.erase_collection(services(request).database, place)
    return replies.reply({"deleted": True, "collection": place.name, "count": count})


def _collection(given: str | None) -> str:
    if given is None:
        return DEFAULT_COLLECTION
    if not 1 <= len(given) <= CLIENT_ID_MAX_LENGTH:
        rule = f"must have 1 to {CLIENT_ID_MAX_LENGTH} characters"
        raise invalid((parameters.wrong("collection", rule),))
    return given


def _write(document: Document) -> dict[str, Json]:
    return {
        "id": document.id,
        "collection": document.collection,
        "filename": document.filename,
        "fields": document.fields,
        "created_at": representation.timestamp(document.created_at),
        "updated_at": representation.timestamp(document.updated_at),
    }
