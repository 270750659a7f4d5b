"""How do the rows of reference data change, leave as a file, and go?"""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from service.api import exports, parameters, replies, upload_requests
from service.api.context import Caller, services
from service.api.exports import ExportCutError, FileResponse
from service.api.idempotency import commit_with
from service.api.limits import JSON_TYPE
from service.api.reference_data import MAX_VERSION, NOUN, find, find_version
from service.domain import representation
from service.domain.identifiers import ReferenceDataId
from service.domain.reference import ReferenceVersion
from service.engine.signals import CLEANING, workspace_topic
from service.ingest.instructions import Instructions, UploadFormat, UploadTarget
from service.store import reference, reference_versions
from service.store.database import Database

# Rows of an export that are read at once.
EXPORT_ROWS = 1_000
MAX_EXPORT_BYTES_READ_AT_ONCE = 4 * 1024 * 1024


async def replace_rows(request: Request, caller: Caller) -> Response:
    """PUT /v1/reference-data/:id/rows"""
    return await _change(request, caller, is_append=False)


async def append_rows(request: Request, caller: Caller) -> Response:
    """POST /v1/reference-data/:id/rows"""
    return await _change(request, caller, is_append=True)


async def _change(request: Request, caller: Caller, *, is_append: bool) -> Response:
    parameters.query(request, ())
    identifier = _id(request)
    service = services(request)
    async with service.database.connection() as connection:
        # Before a large body is read.
        await find(request, caller, connection)
    is_json = upload_requests.media_type(request) == JSON_TYPE
    max_bytes = service.limits.rows_json_bytes if is_json else service.limits.upload_bytes
    async with service.uploads.spool(max_bytes) as spool:
        if is_json:
            await upload_requests.receive(request, spool, max_bytes)
            asked = Instructions(target=UploadTarget.REFERENCE_DATA, format=UploadFormat.JSON)
        else:
            asked = await upload_requests.rows_form(request, spool)
        data = await service.uploads.change_reference_data(
            caller.workspace_id, identifier, spool, asked, is_append=is_append
        )
    if data is None:
        raise parameters.not_found(NOUN, identifier)
    service.signals.notify(workspace_topic(caller.workspace_id), CLEANING)
    return replies.reply(representation.reference_data(data))


async def export(request: Request, caller: Caller) -> Response:
    """GET /v1/reference-data/:id/export"""
    values = parameters.query(request, ("version",))
    database = services(request).database
    async with database.connection() as connection:
        data = await find(request, caller, connection)
        wanted = parameters.whole_number(values, "version", data.current.version, MAX_VERSION)
        version = await find_version(caller, connection, data, wanted)
    filename = f"{data.name}.csv".replace("/", "_")
    return FileResponse(_parts(database, version), filename, exports.CSV_TYPE)


async def _parts(database: Database, version: ReferenceVersion) -> AsyncIterator[bytes]:
    """Yield the version as the CSV file that it would come from, values as they came."""
    yield exports.csv_lines([[column.name for column in version.columns]])
    position, wanted = 0, EXPORT_ROWS
    while position < version.row_count:
        async with database.connection() as connection:
            rows = await reference.rows_page(connection, version, position, wanted)
        # Rows that nothing needs any more go from the first one on.
        if not rows or rows[-1].position - position != len(rows) - 1:
            raise ExportCutError("The rows were deleted while they were exported.")
        part = exports.csv_lines([row.values for row in rows])
        yield part
        position += len(rows)
        # Long rows are read a few at a time.
        fitting = len(rows) * MAX_EXPORT_BYTES_READ_AT_ONCE // len(part)
        wanted = max(1, min(fitting, EXPORT_ROWS))


async def delete(request: Request, caller: Caller) -> Response:
    """DELETE /v1/reference-data/:id"""
    parameters.query(request, ())
    identifier = _id(request)
    service = services(request)
    async with service.database.transaction() as connection:
        if not await reference_versions.delete(connection, caller.workspace_id, identifier):
            raise parameters.not_found(NOUN, identifier)
        response = commit_with(replies.deleted(identifier))
    service.signals.notify(CLEANING)
    return response


def _id(request: Request) -> ReferenceDataId:
    return ReferenceDataId(parameters.path_id(request, "reference_data_id", NOUN))
