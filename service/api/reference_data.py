"""What can be done with reference data: upload it, list it, and look at its rows."""

from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from service.api import conditions, pages, pagination, parameters, replies, upload_requests
from service.api.context import Caller, services
from service.api.limits import JSON_TYPE
from service.api.pages import Source
from service.api.replies import Json
from service.api.snapshots import snapshot
from service.domain import representation
from service.domain.identifiers import CLIENT_ID_MAX_LENGTH, ReferenceDataId, ReferenceRowId
from service.domain.reference import ReferenceData, ReferenceRow, ReferenceVersion
from service.engine.signals import workspace_topic
from service.engine.spool import Spool
from service.ingest.instructions import Instructions, UploadFormat, UploadTarget
from service.store import reference
from service.store.database import Connection

MAX_VERSION = 2**31 - 1
# What is behind it is still a position that the database knows.
MAX_POSITION = 2**31 - 2
LISTING = pagination.Listing(key=ReferenceDataId)
# The key of a row is its version and position: all pages are of the version of the first one.
ROWS_LISTING = pagination.Listing(
    key=tuple[
        Annotated[int, Meta(ge=1, le=MAX_VERSION)], Annotated[int, Meta(ge=0, le=MAX_POSITION)]
    ],
    filters=("version",),
    default_limit=100,
    with_pages=True,
)
NOUN = "reference data"


async def create(request: Request, caller: Caller) -> Response:
    """POST /v1/reference-data"""
    parameters.query(request, ())
    uploads, limits = services(request).uploads, services(request).limits
    is_json = upload_requests.media_type(request) == JSON_TYPE
    max_bytes = limits.rows_json_bytes if is_json else limits.upload_bytes
    async with uploads.spool(max_bytes) as spool:
        instructions, name = await _receive(request, spool, max_bytes, is_json=is_json)
        data = await uploads.create_reference_data(caller.workspace_id, spool, instructions, name)
    services(request).signals.notify(workspace_topic(caller.workspace_id))
    written = representation.reference_data(data)
    return replies.created(written, f"/v1/reference-data/{data.id}")


async def _receive(
    request: Request, spool: Spool, max_bytes: int, *, is_json: bool
) -> tuple[Instructions, str | None]:
    if is_json:
        await upload_requests.receive(request, spool, max_bytes)
        return Instructions(target=UploadTarget.REFERENCE_DATA, format=UploadFormat.JSON), None
    form = await upload_requests.reference_form(request, spool)
    return form.instructions, form.name


async def list_all(request: Request, caller: Caller) -> Response:
    """GET /v1/reference-data"""
    asked = pagination.read(request, LISTING)
    async with snapshot(services(request).database) as connection:
        source = Source(
            lambda after, count: reference.list_page(connection, caller.workspace_id, after, count),
            representation.reference_data,
            lambda data: data.id,
        )
        page = await pages.fill(source, asked.after, asked.limit)
        total = asked.total
        if total is None:
            total = await reference.count(connection, caller.workspace_id)
    return pagination.reply(request, asked, page, total)


async def read(request: Request, caller: Caller) -> Response:
    """GET /v1/reference-data/:id"""
    parameters.query(request, ())
    async with services(request).database.connection() as connection:
        data = await find(request, caller, connection)
    response = replies.reply(representation.reference_data(data))
    etag = conditions.content_tag(bytes(response.body))
    if conditions.is_known(request, etag):
        return replies.not_modified(etag)
    response.headers["ETag"] = etag
    return response


async def list_rows(request: Request, caller: Caller) -> Response:
    """GET /v1/reference-data/:id/rows"""
    asked = pagination.read(request, ROWS_LISTING)
    async with snapshot(services(request).database) as connection:
        data = await find(request, caller, connection)
        wanted = parameters.whole_number(
            asked.filters, "version", data.current.version, MAX_VERSION
        )
        if asked.after is not None:
            wanted, _ = asked.after
        version = await find_version(caller, connection, data, wanted)
        source = Source(
            lambda after, count: reference.rows_page(
                connection, version, asked.offset if after is None else after[1] + 1, count
            ),
            lambda row: _write_row(row, version),
            lambda row: (version.version, row.position),
        )
        page = await pages.fill(source, asked.after, asked.limit)
    return pagination.reply(request, asked, page, version.row_count)


async def read_row(request: Request, caller: Caller) -> Response:
    """GET /v1/reference-data/:id/rows/:row_id"""
    values = parameters.query(request, ("version",))
    row_id = ReferenceRowId(request.path_params["row_id"])
    async with services(request).database.connection() as connection:
        data = await find(request, caller, connection)
        wanted = parameters.whole_number(values, "version", data.current.version, MAX_VERSION)
        version = await find_version(caller, connection, data, wanted)
        row = None
        if "\0" not in row_id and len(row_id) <= CLIENT_ID_MAX_LENGTH:
            row = await reference.fetch_row(connection, version, row_id)
    if row is None:
        raise parameters.not_found("row", row_id)
    return replies.reply(_write_row(row, version))


async def find(request: Request, caller: Caller, connection: Connection) -> ReferenceData:
    """Return the reference data named in the path; raises NotFoundError."""
    identifier = ReferenceDataId(parameters.path_id(request, "reference_data_id", NOUN))
    data = await reference.fetch(connection, caller.workspace_id, identifier)
    if data is None:
        raise parameters.not_found(NOUN, identifier)
    return data


async def find_version(
    caller: Caller, connection: Connection, data: ReferenceData, number: int
) -> ReferenceVersion:
    """Return a version of the reference data; raises NotFoundError."""
    if number == data.current.version:
        return data.current
    version = await reference.fetch_version(connection, caller.workspace_id, data.id, number)
    if version is None:
        raise parameters.not_found("version", number)
    return version


def _write_row(row: ReferenceRow, version: ReferenceVersion) -> dict[str, Json]:
    """A row's `id` and its columns; a column `id` that is not the row's id is `column.id`."""
    names = (column.name for column in version.columns)
    written: dict[str, Json] = {"id": row.id}
    for name, value in zip(names, row.values, strict=True):
        written["column.id" if name == "id" and value != row.id else name] = value
    return written
