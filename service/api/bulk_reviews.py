"""How does a client review many results at once: those it lists, or those that a filter finds?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from service.api import limits, parameters, replies
from service.api.context import Caller, services
from service.api.idempotency import commit_with
from service.api.lookup import find_run
from service.api.replies import Json
from service.api.reviews import MAX_VERSION, Notes, RowId, check_open_for_review, wrong_choice
from service.api.wire import WireModel, misplaced, parse
from service.domain.identifiers import (
    CLIENT_ID_MAX_LENGTH,
    DocumentId,
    ReferenceRowId,
    ResultId,
)
from service.domain.results import MatchResult, ResolvedBy, ReviewStatus
from service.domain.runs import Run
from service.engine.signals import run_topic, workspace_topic
from service.store import results, reviews
from service.store.database import Connection
from service.store.results import ResultFilter
from service.store.reviews import Review

MAX_ITEMS = 500
_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"

Status = Annotated[ReviewStatus, Field(strict=False)]
Share = Annotated[float | None, Field(ge=0, le=1)]


class ItemReview(WireModel):
    """What a person says of one of several results; `version` is the one that was looked at."""

    result_id: Annotated[str, Field(pattern=_UUID)]
    status: Status
    notes: Notes = None
    matched_reference_row_id: RowId = None
    version: Annotated[int | None, Field(ge=1, le=MAX_VERSION)] = None


class ReviewFilter(WireModel):
    """Which results of a run; what is left out means any."""

    status: Annotated[ReviewStatus | None, Field(strict=False)] = None
    matched: bool | None = None
    min_confidence: Share = None
    max_confidence: Share = None
    resolved_by: Annotated[ResolvedBy | None, Field(strict=False)] = None
    uncertain: bool | None = None
    document_id: Annotated[str | None, Field(max_length=CLIENT_ID_MAX_LENGTH)] = None


class BulkReviewRequest(WireModel):
    """Reviews of several results: `items`, or a `filter` with the `status` that all shall get."""

    items: Annotated[list[ItemReview] | None, Field(min_length=1, max_length=MAX_ITEMS)] = None
    filter: ReviewFilter | None = None
    status: Annotated[ReviewStatus | None, Field(strict=False)] = None
    notes: Notes = None
    dry_run: bool = False

    @model_validator(mode="after")
    def check_choice(self) -> "BulkReviewRequest":
        """Take items that say all themselves, or a filter with a status."""
        if (self.items is None) == (self.filter is None):
            raise misplaced("required", "Send `items` or a `filter`, one of the two.", "items")
        if self.filter is not None and self.status is None:
            raise misplaced("required", "`status` is required with a filter.", "status")
        if self.items is not None and (self.status is not None or self.notes is not None):
            message = "With `items`, each of them has a `status` and `notes` of its own."
            raise misplaced("invalid_value", message, "status" if self.status else "notes")
        seen = set[str]()
        for place, item in enumerate(self.items or ()):
            if item.result_id.lower() in seen:
                message = "Each result can be reviewed once in a request."
                raise misplaced("duplicate_value", message, "items", place, "result_id")
            seen.add(item.result_id.lower())
        return self


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one item; `code` and `detail` where it was not reviewed."""

    result_id: ResultId
    version: int | None
    code: str | None = None
    detail: str | None = None


async def review_results(request: Request, caller: Caller) -> Response:
    """Record verdicts on several results; each succeeds or fails for itself."""
    parameters.query(request, ())
    service = services(request)
    body = parse(BulkReviewRequest, await limits.read_json(request, service.limits.json_bytes))
    run = await find_run(request, caller)
    check_open_for_review(run)
    async with service.database.transaction() as connection:
        total, asked = await _find_asked(connection, run, body, caller.key_name)
        outcomes = await _review(connection, run, asked, is_dry=body.dry_run)
        reviewed = sum(outcome.code is None for outcome in outcomes)
        response = replies.reply(
            {
                "dry_run": body.dry_run,
                "total": total,
                "reviewed": 0 if body.dry_run else reviewed,
                "failed": len(outcomes) - reviewed,
                "remaining": total - (0 if body.dry_run else len(outcomes)),
                "outcomes": [_write(outcome) for outcome in outcomes],
            }
        )
        commit_with(response)
    if reviewed and not body.dry_run:
        service.signals.notify(run_topic(run.id), workspace_topic(run.workspace_id))
    return response


async def _find_asked(
    connection: Connection, run: Run, body: BulkReviewRequest, reviewer: str
) -> tuple[int, list[Review]]:
    """Return how many results are meant, and the reviews of this request."""
    if body.filter is None or body.status is None:
        asked = [_read_item(item, reviewer) for item in body.items or ()]
        return len(asked), asked
    wanted = _read_filter(body.filter)
    total = await reviews.count_to_review(connection, run.id, wanted, body.status)
    found = await reviews.to_review(connection, run.id, wanted, body.status, MAX_ITEMS)
    return total, [
        Review(
            result_id=result_id,
            status=body.status,
            notes=body.notes,
            choice=None,
            reviewer=reviewer,
            if_version=None,
        )
        for result_id in found
    ]


async def _review(
    connection: Connection, run: Run, asked: Sequence[Review], *, is_dry: bool
) -> list[_Outcome]:
    found = await results.fetch_several(connection, run.id, [each.result_id for each in asked])
    refused = {
        each.result_id: outcome
        for each in asked
        if (outcome := _refuse(each, found.get(each.result_id))) is not None
    }
    possible = [each for each in asked if each.result_id not in refused]
    done = found
    if possible and not is_dry:
        done = await reviews.record(connection, run, possible)
    return [
        refused.get(each.result_id) or _outcome(each.result_id, done.get(each.result_id))
        for each in asked
    ]


def _outcome(result_id: ResultId, result: MatchResult | None) -> _Outcome:
    if result is None:
        return _changed(result_id)
    return _Outcome(result_id, result.version)


def _changed(result_id: ResultId) -> _Outcome:
    detail = "Someone else reviewed this result: read it again."
    return _Outcome(result_id, None, "precondition_failed", detail)


def _refuse(asked: Review, result: MatchResult | None) -> _Outcome | None:
    if result is None:
        detail = f"There is no result `{asked.result_id}` in this run."
        return _Outcome(asked.result_id, None, "not_found", detail)
    if asked.if_version not in (None, result.version):
        return _changed(asked.result_id)
    problem = wrong_choice(asked.choice, asked.status, result)
    if problem is not None:
        return _Outcome(asked.result_id, result.version, "validation_error", problem.message)
    return None


def _read_item(item: ItemReview, reviewer: str) -> Review:
    choice = item.matched_reference_row_id
    found = parameters.read_id(item.result_id)
    if found is None:
        raise LookupError("A result's id that was checked is none.")
    return Review(
        result_id=ResultId(found),
        status=item.status,
        notes=item.notes,
        choice=None if choice is None else ReferenceRowId(choice),
        reviewer=reviewer,
        if_version=item.version,
    )


def _read_filter(asked: ReviewFilter) -> ResultFilter:
    return ResultFilter(
        status=asked.status,
        matched=asked.matched,
        min_confidence=asked.min_confidence,
        max_confidence=asked.max_confidence,
        resolved_by=asked.resolved_by,
        uncertain=asked.uncertain,
        document_id=None if asked.document_id is None else DocumentId(asked.document_id),
    )


def _write(outcome: _Outcome) -> dict[str, Json]:
    written: dict[str, Json] = {
        "result_id": str(outcome.result_id),
        "outcome": "ok" if outcome.code is None else "failed",
        "version": outcome.version,
    }
    if outcome.code is not None:
        written["error"] = {"code": outcome.code, "detail": outcome.detail}
    return written
