"""How does a client read a run's results, and say what a person thinks of one?"""

import json
from typing import Annotated, TypeAlias

from msgspec import Meta
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from service.api import conditions, filters, limits, pages, pagination, parameters, replies
from service.api.context import Caller, services
from service.api.lookup import find_run
from service.api.pages import Page, Source
from service.api.pagination import Asked
from service.api.snapshots import snapshot
from service.api.wire import WireModel, invalid, listed, parse
from service.domain import representation
from service.domain.errors import ConflictError, PreconditionFailedError, Problem
from service.domain.identifiers import (
    CLIENT_ID_MAX_LENGTH,
    DocumentId,
    ReferenceRowId,
    ResultId,
    RunId,
)
from service.domain.results import MatchResult, ResolvedBy, ReviewStatus
from service.domain.runs import Run
from service.engine.signals import run_topic, workspace_topic
from service.store import results, reviews
from service.store.database import Connection
from service.store.results import Position, ResultFilter, Sort
from service.store.reviews import Review

FILTERS = (
    "status",
    "matched",
    "min_confidence",
    "max_confidence",
    "resolved_by",
    "document_id",
    "sort",
)
# Confidence and document: what both orders of the list go by.
Key: TypeAlias = tuple[float, str]
RESULT_LIST = pagination.Listing(
    key=tuple[float, Annotated[str, Meta(max_length=CLIENT_ID_MAX_LENGTH)]],
    filters=FILTERS,
    with_pages=True,
)
MAX_NOTES_LENGTH = 10_000


class ReviewRequest(WireModel):
    """What a person says of a result."""

    status: Annotated[ReviewStatus, Field(strict=False)]
    notes: Annotated[str | None, Field(max_length=MAX_NOTES_LENGTH)] = None
    matched_reference_row_id: Annotated[
        str | None, Field(min_length=1, max_length=CLIENT_ID_MAX_LENGTH)
    ] = None


async def list_results(request: Request, caller: Caller) -> Response:
    """List a run's results, most confident first or in document order."""
    asked = pagination.read(request, RESULT_LIST)
    sort = filters.one_of(asked.filters, "sort", Sort) or Sort.CONFIDENCE
    wanted = _filter(asked)
    run = await find_run(request, caller)
    async with snapshot(services(request).database) as connection:
        total = asked.total
        if total is None:
            total = await results.count(connection, run.id, wanted)
        source = _source(connection, run.id, wanted, sort, asked.offset)
        page = await pages.fill(source, asked.after, asked.limit)
    return pagination.reply(request, asked, page, total)


async def top_results(connection: Connection, run_id: RunId, limit: int) -> Page[Key]:
    """Return the run's most confident results, as the first page of them would be."""
    source = _source(connection, run_id, ResultFilter(), Sort.CONFIDENCE)
    return await pages.fill(source, None, limit)


async def get_result(request: Request, caller: Caller) -> Response:
    """Show one result."""
    result = await _find_result(request, await find_run(request, caller))
    parameters.query(request, ())
    etag = conditions.version_tag(result.version)
    if conditions.is_known(request, etag):
        return replies.not_modified(etag)
    return replies.reply(write_result(result), headers={"ETag": etag})


async def review_result(request: Request, caller: Caller) -> Response:
    """Record a person's verdict on one result; it may be repeated and taken back."""
    parameters.query(request, ())
    service = services(request)
    body = parse(ReviewRequest, await limits.read_json(request, service.limits.json_bytes))
    run = await find_run(request, caller)
    result = await _find_result(request, run)
    _check_open_for_review(run)
    _check_choice(body, result)
    choice = body.matched_reference_row_id
    verdict = Review(
        status=body.status,
        notes=body.notes,
        choice=None if choice is None else ReferenceRowId(choice),
        reviewer=caller.key_name,
        if_version=_version_asked_for(request, result),
    )
    async with service.database.transaction() as connection:
        reviewed = await reviews.record(connection, run, result.id, verdict)
    if reviewed is None and verdict.if_version is None:
        raise parameters.not_found("result", result.id)
    if reviewed is None:
        raise PreconditionFailedError("Someone else reviewed this result just now: read it again.")
    service.signals.notify(run_topic(run.id), workspace_topic(run.workspace_id))
    etag = conditions.version_tag(reviewed.version)
    return replies.reply(write_result(reviewed), headers={"ETag": etag})


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


def _filter(asked: Asked[Key]) -> ResultFilter:
    values = asked.filters
    document_id = values.get("document_id")
    return ResultFilter(
        status=filters.one_of(values, "status", ReviewStatus),
        matched=filters.truth(values, "matched"),
        min_confidence=filters.share(values, "min_confidence"),
        max_confidence=filters.share(values, "max_confidence"),
        resolved_by=filters.one_of(values, "resolved_by", ResolvedBy),
        document_id=None if document_id is None else DocumentId(document_id),
    )


def _check_open_for_review(run: Run) -> None:
    if run.dry_run:
        raise ConflictError("This was a dry run: its results cannot be reviewed.")
    if not run.status.is_terminal:
        raise ConflictError(f"The run is {run.status}: its results can be reviewed once it ended.")


def _version_asked_for(request: Request, result: MatchResult) -> int | None:
    """Return the version that `If-Match` names; None where any will do.

    Raises PreconditionFailedError when it names another one than the stored.
    """
    conditions.check_if_match(request, conditions.version_tag(result.version))
    return None if request.headers.get("if-match", "*").strip() == "*" else result.version


def _check_choice(body: ReviewRequest, result: MatchResult) -> None:
    choice = body.matched_reference_row_id
    if choice is None:
        return
    if body.status is not ReviewStatus.APPROVED:
        message = "Another candidate can be chosen only together with the status `approved`."
        raise invalid((Problem("invalid_value", message, "/matched_reference_row_id"),))
    offered = [candidate["reference_row_id"] for candidate in json.loads(result.candidates)]
    if choice not in offered:
        known = f"Its candidates are {listed(offered)}." if offered else "It has no candidates."
        message = f"The row `{choice}` is no candidate of this result. {known}"
        raise invalid((Problem("invalid_value", message, "/matched_reference_row_id"),))


async def _find_result(request: Request, run: Run) -> MatchResult:
    result_id = ResultId(parameters.path_id(request, "result_id", "result"))
    async with services(request).database.connection() as connection:
        result = await results.fetch(connection, run.id, result_id)
    if result is None:
        raise parameters.not_found("result", result_id)
    return result
