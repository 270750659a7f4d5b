"""How does a client read a run's results?"""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from service.api import conditions, filters, pages, pagination, parameters, polling, replies
from service.api.context import Caller, Services, services
from service.api.lookup import fetch_run, find_run, read_run
from service.api.pages import Page, Source
from service.api.snapshots import snapshot
from service.domain import representation
from service.domain.identifiers import (
    CLIENT_ID_MAX_LENGTH,
    DocumentId,
    ResultId,
    RunId,
)
from service.domain.results import MatchResult, ResolvedBy, ReviewStatus
from service.domain.runs import Run
from service.store import results
from service.store.database import Connection
from service.store.results import Position, ResultFilter, Sort

FILTERS = (
    "status",
    "matched",
    "min_confidence",
    "max_confidence",
    "resolved_by",
    "uncertain",
    "document_id",
    "sort",
)
SIZE_SECONDS = 600.0
# Confidence and document: what both orders of the list go by.
Key: TypeAlias = tuple[float, str]
RESULT_LIST = pagination.Listing(
    key=tuple[float, Annotated[str, Meta(max_length=CLIENT_ID_MAX_LENGTH)]],
    filters=FILTERS,
    with_pages=True,
)


async def list_results(request: Request, caller: Caller) -> Response:
    """List a run's results, most confident first or in document order.

    Whatever changes a result of a run that has ended gives the run another tag, in the same
    transaction: read before the page, it is the page's tag, and spares reading what is known.
    """
    asked = pagination.read(request, RESULT_LIST)
    sort = filters.one_of(asked.filters, "sort", Sort) or Sort.CONFIDENCE
    wanted = read_filter(asked.filters)
    service = services(request)
    run = await read_run(request, caller)
    if run.status.is_terminal and conditions.is_known(request, polling.tag(run)):
        return replies.not_modified(polling.tag(run))
    # An ended run gets no more results, so that its row and a page of them need not be of one
    # moment; with filters, what is counted changes by reviews.
    is_settled = run.status.is_terminal and wanted == ResultFilter()
    reading = service.database.connection() if is_settled else snapshot(service.database)
    async with reading as connection:
        if not is_settled:
            run = await fetch_run(connection, request, caller)
        total = asked.total
        if total is None:
            total = await _count(connection, run, wanted)
        source = _source(connection, run.id, wanted, sort, asked.offset)
        page = await _fill(service, run.id, source, asked.after, asked.limit)
    tag = polling.tag(run) if run.status.is_terminal else None
    return pagination.reply(request, asked, page, total, tag)


async def _fill(
    service: Services,
    run_id: RunId,
    source: Source[Key, MatchResult],
    after: Key | None,
    limit: int,
) -> Page[Key]:
    """Fill a page in as few batches as the sizes of the run's results allow."""
    sizes = service.result_sizes
    known = sizes.find(run_id.bytes)
    page = await pages.fill(source, after, limit, known)
    sizes.keep(run_id.bytes, max(known or 0, page.largest), sizes.now() + SIZE_SECONDS)
    return page


async def _count(connection: Connection, run: Run, wanted: ResultFilter) -> int:
    """Count the results, without looking at them where all are wanted."""
    if wanted == ResultFilter():
        # One for each document that was processed: both are written in one transaction.
        return run.rows_processed or 0
    return await results.count(connection, run.id, wanted)


async def top_results(
    service: Services, connection: Connection, run_id: RunId, limit: int
) -> Page[Key]:
    """Return the run's most confident results, as the first page of them would be."""
    source = _source(connection, run_id, ResultFilter(), Sort.CONFIDENCE)
    return await _fill(service, run_id, source, None, limit)


async def get_result(request: Request, caller: Caller) -> Response:
    """Show one result."""
    result = await find_result(request, await find_run(request, caller))
    parameters.query(request, ())
    etag = conditions.version_tag(result.version)
    if conditions.is_known(request, etag):
        return replies.not_modified(etag)
    return replies.reply(write_result(result), headers={"ETag": etag})


def write_result(result: MatchResult) -> dict[str, replies.Json]:
    """Write a result as JSON; evidence and candidates go out as the text that is stored."""
    return {
        **representation.result(result),
        "evidence": replies.stored_json(result.evidence),
        "candidates": replies.stored_json(result.candidates),
    }


def _source(
    connection: Connection, run_id: RunId, wanted: ResultFilter, sort: Sort, offset: int = 0
) -> Source[Key, MatchResult]:
    async def read(after: Key | None, count: int) -> list[MatchResult]:
        if after is None:
            return await results.page(connection, run_id, wanted, sort, offset, count)
        if wanted.document_id is not None:
            # A run has one result per document, and the store finds it behind any position.
            return []
        confidence, document_id = after
        position = Position(confidence, DocumentId(document_id))
        return await results.page(connection, run_id, wanted, sort, position, count)

    return Source(read, write_result, lambda result: (result.confidence, result.document_id))


def read_filter(values: Mapping[str, str]) -> ResultFilter:
    """Read which results a query string asks for."""
    document_id = values.get("document_id")
    return ResultFilter(
        status=filters.one_of(values, "status", ReviewStatus),
        matched=filters.truth(values, "matched"),
        min_confidence=filters.share(values, "min_confidence"),
        max_confidence=filters.share(values, "max_confidence"),
        resolved_by=filters.one_of(values, "resolved_by", ResolvedBy),
        uncertain=filters.truth(values, "uncertain"),
        document_id=None if document_id is None else DocumentId(document_id),
    )


async def find_result(request: Request, run: Run) -> MatchResult:
    """Return the result named in the path; raises NotFoundError."""
    result_id = ResultId(parameters.path_id(request, "result_id", "result"))
    async with services(request).database.connection() as connection:
        result = await results.fetch(connection, run.id, result_id)
    if result is None:
        raise parameters.not_found("result", result_id)
    return result
