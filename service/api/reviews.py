"""How does a client say what a person thinks of a result, and read what was said before?"""

from typing import Annotated

from msgspec import Meta, json
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from service.api import conditions, limits, pages, pagination, parameters, replies
from service.api.context import Caller, services
from service.api.idempotency import commit_with
from service.api.limits import pointer_to
from service.api.lookup import find_run
from service.api.pages import Source
from service.api.replies import Json
from service.api.results import find_result, write_result
from service.api.snapshots import snapshot
from service.api.wire import WireModel, invalid, listed, parse
from service.domain import representation
from service.domain.errors import ConflictError, PreconditionFailedError, Problem
from service.domain.identifiers import CLIENT_ID_MAX_LENGTH, ReferenceRowId
from service.domain.results import MatchResult, ReviewStatus
from service.domain.runs import Run
from service.engine.signals import run_topic, workspace_topic
from service.store import reviews
from service.store.reviews import PastReview, Review

MAX_NOTES_LENGTH = 10_000
MAX_VERSION = 2**31 - 1
# The key is the version, alone in a list.
HISTORY_LIST = pagination.Listing(key=tuple[Annotated[int, Meta(ge=1, le=MAX_VERSION)]])

Notes = Annotated[str | None, Field(max_length=MAX_NOTES_LENGTH)]
RowId = Annotated[str | None, Field(min_length=1, max_length=CLIENT_ID_MAX_LENGTH)]


class ReviewRequest(WireModel):
    """What a person says of a result."""

    status: Annotated[ReviewStatus, Field(strict=False)]
    notes: Notes = None
    matched_reference_row_id: RowId = None


async def review_result(request: Request, caller: Caller) -> Response:
    """Record a person's verdict on one result; it may be repeated and taken back."""
    parameters.query(request, ())
    service = services(request)
    body = parse(ReviewRequest, await limits.read_json(request, service.limits.json_bytes))
    run = await find_run(request, caller)
    result = await find_result(request, run)
    check_open_for_review(run)
    problem = wrong_choice(body.matched_reference_row_id, body.status, result)
    if problem is not None:
        raise invalid((problem,))
    choice = body.matched_reference_row_id
    verdict = Review(
        result_id=result.id,
        status=body.status,
        notes=body.notes,
        choice=None if choice is None else ReferenceRowId(choice),
        reviewer=caller.key_name,
        if_version=_version_asked_for(request, result),
    )
    async with service.database.transaction() as connection:
        reviewed = (await reviews.record(connection, run, [verdict])).get(result.id)
        if reviewed is None and verdict.if_version is None:
            raise parameters.not_found("result", result.id)
        if reviewed is None:
            raise PreconditionFailedError(
                "Someone else reviewed this result just now: read it again."
            )
        headers = {"ETag": conditions.version_tag(reviewed.version)}
        response = commit_with(replies.reply(write_result(reviewed), headers=headers))
    service.signals.notify(run_topic(run.id), workspace_topic(run.workspace_id))
    return response


async def list_history(request: Request, caller: Caller) -> Response:
    """List all reviews of a result, the newest first."""
    asked = pagination.read(request, HISTORY_LIST)
    run = await find_run(request, caller)
    result = await find_result(request, run)
    async with snapshot(services(request).database) as connection:
        source = Source(
            lambda before, count: reviews.history(
                connection, run.id, result.id, before[0] if before else MAX_VERSION, count
            ),
            _write_past,
            lambda review: (review.version,),
        )
        page = await pages.fill(source, asked.after, asked.limit)
        total = asked.total
        if total is None:
            total = await reviews.count_history(connection, run.id, result.id)
    return pagination.reply(request, asked, page, total)


def check_open_for_review(run: Run) -> None:
    """Raise ConflictError where the run's results cannot be reviewed now."""
    if run.dry_run:
        raise ConflictError("This was a dry run: its results cannot be reviewed.")
    if not run.status.is_terminal:
        raise ConflictError(f"The run is {run.status}: its results can be reviewed once it ended.")


def wrong_choice(
    choice: str | None, status: ReviewStatus, result: MatchResult, at: str = ""
) -> Problem | None:
    """Say why the row cannot be chosen together with the status; None where it can."""
    pointer = pointer_to(at, "matched_reference_row_id")
    if choice is None:
        return None
    if status is not ReviewStatus.APPROVED:
        message = "Another candidate can be chosen only together with the status `approved`."
        return Problem("invalid_value", message, pointer)
    offered = [candidate["reference_row_id"] for candidate in json.decode(result.candidates)]
    if choice in offered:
        return None
    known = f"Its candidates are {listed(offered)}." if offered else "It has no candidates."
    message = f"The row `{choice}` is no candidate of this result. {known}"
    return Problem("invalid_value", message, pointer)


def _version_asked_for(request: Request, result: MatchResult) -> int | None:
    """Return the version that `If-Match` names; None where any will do.

    Raises PreconditionFailedError when it names another one than the stored.
    """
    conditions.check_if_match(request, conditions.version_tag(result.version))
    return None if request.headers.get("if-match", "*").strip() == "*" else result.version


def _write_past(review: PastReview) -> dict[str, Json]:
    return {
        "version": review.version,
        "status": review.status.value,
        "notes": review.notes,
        "matched_reference_row_id": review.matched_reference_row_id,
        "resolved_by": review.resolved_by.value,
        "reviewed_by": review.reviewed_by,
        "reviewed_at": representation.timestamp(review.reviewed_at),
    }
