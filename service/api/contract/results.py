"""What do the routes of results and their review promise?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from service.api import bulk_reviews, result_exports, results, reviews
from service.api.contract.models import ClientId, Count, Page, example, sometimes
from service.api.contract.operation import (
    JSON,
    SHARE,
    TEXT,
    TRUTH,
    Body,
    Operation,
    Query,
    Reply,
    json_reply,
    list_query,
    one_of,
)
from service.api.contract.run_models import Result, ResultPage
from service.api.result_exports import Delimiter, ExportFormat
from service.api.routes import Handler
from service.domain.results import ResolvedBy, ReviewStatus
from service.store.results import Sort

TAG = "Results"

_FILTERS = (
    Query("status", one_of(ReviewStatus), "What a person said."),
    Query("matched", TRUTH, "Whether there is a matched row."),
    Query("min_confidence", SHARE, "The least confidence."),
    Query("max_confidence", SHARE, "The greatest confidence."),
    Query("resolved_by", one_of(ResolvedBy), "Who settled the match."),
    Query("uncertain", TRUTH, "Whether somebody should look: see the result's field."),
    Query("document_id", TEXT, "The result of this document."),
)


class ReviewError(BaseModel):
    """Why a result was not reviewed."""

    code: str = Field(description="As for whole requests: `not_found`, `precondition_failed` …")
    detail: str


class ReviewOutcome(BaseModel):
    """What became of one result."""

    result_id: UUID
    outcome: Literal["ok", "failed"]
    version: int | None = Field(description="The result's version now, where it is known.")
    error: ReviewError = sometimes("There where the result was not reviewed.")


class BulkReview(BaseModel):
    """What became of a review of several results."""

    model_config = example(
        {
            "dry_run": False,
            "total": 731,
            "reviewed": 500,
            "failed": 0,
            "remaining": 231,
            "outcomes": [
                {
                    "result_id": "01934f31-52c8-7d14-b1a0-5f0c8b6a7d33",
                    "outcome": "ok",
                    "version": 2,
                }
            ],
        }
    )

    dry_run: bool
    total: Count = Field(description="How many results were meant when the request came.")
    reviewed: Count
    failed: Count
    remaining: Count = Field(description="How many a repeated request would go on with.")
    outcomes: list[ReviewOutcome]


class PastReview(BaseModel):
    """A review as it was made."""

    model_config = example(
        {
            "version": 2,
            "status": "approved",
            "notes": "checked",
            "matched_reference_row_id": "PO-7001",
            "resolved_by": "rules",
            "reviewed_by": "accounting",
            "reviewed_at": "2026-03-02T10:02:11.480Z",
        }
    )

    version: int = Field(ge=1, description="The version that it made of the result.")
    status: ReviewStatus
    notes: str | None
    matched_reference_row_id: ClientId | None
    resolved_by: ResolvedBy
    reviewed_by: str
    reviewed_at: datetime


class PastReviewPage(Page[PastReview]):
    """A part of a result's history."""


OPERATIONS: Mapping[Handler, Operation] = {
    results.list_results: Operation(
        id="list_results",
        tag=TAG,
        summary="List a run's results",
        description="While an AI pass changes confidences, `sort=document` is the order to walk.",
        query=list_query(
            results.RESULT_LIST,
            *_FILTERS,
            Query(
                "sort",
                {**one_of(Sort), "default": Sort.CONFIDENCE.value},
                "By confidence, descending, or by document.",
            ),
        ),
        headers=("If-None-Match",),
        replies={200: json_reply("A page of results.", ResultPage, "ETag", "Link")},
    ),
    results.get_result: Operation(
        id="get_result",
        tag=TAG,
        summary="Show a result",
        headers=("If-None-Match",),
        replies={200: json_reply("The result.", Result, "ETag")},
    ),
    reviews.review_result: Operation(
        id="review_result",
        tag=TAG,
        summary="Review a result",
        description="Approve or reject it, or take a verdict back with `pending`. Together with "
        "`approved` another of the candidates may be chosen.",
        body=Body(
            {JSON: reviews.ReviewRequest},
            example={"status": "approved", "notes": "Checked against the order."},
        ),
        headers=("If-Match",),
        replies={200: json_reply("The result as it is now.", Result, "ETag")},
        errors=("conflict",),
    ),
    reviews.list_history: Operation(
        id="list_reviews",
        tag=TAG,
        summary="List a result's reviews",
        description="All that were ever made, the newest first; none can be changed.",
        query=list_query(reviews.HISTORY_LIST),
        headers=("If-None-Match",),
        replies={200: json_reply("A page of reviews.", PastReviewPage, "ETag", "Link")},
    ),
    bulk_reviews.review_results: Operation(
        id="review_results",
        tag=TAG,
        summary="Review several results",
        description="Up to 500 that are listed, or those that a filter finds and that do not have "
        "the status yet, the first 500 in document order: repeat it until `remaining` is 0. With "
        "`dry_run` nothing is written: `total` says how many there are.",
        body=Body(
            {JSON: bulk_reviews.BulkReviewRequest},
            example={"filter": {"min_confidence": 0.95}, "status": "approved"},
        ),
        replies={200: json_reply("What became of each.", BulkReview)},
        errors=("conflict",),
    ),
    result_exports.export: Operation(
        id="export_results",
        tag=TAG,
        summary="Export results",
        description="In document order, with the filters of the list. In CSV, what a "
        "spreadsheet would take for a formula has an apostrophe before it, and `best_candidate_id` "
        "names the row whose values are shown where none is matched. It streams; one that "
        "cannot go on is cut off, without the end that HTTP asks for.",
        query=(
            Query("format", one_of(ExportFormat), "How to write them.", is_required=True),
            Query("bom", TRUTH, "Whether CSV begins with a byte order mark, which Excel asks for."),
            Query("delimiter", one_of(Delimiter), "What stands between the values of CSV."),
            *_FILTERS,
        ),
        replies={
            200: Reply(
                "The file.",
                {"text/csv": TEXT, "application/x-ndjson": TEXT},
                ("Content-Disposition",),
            )
        },
    ),
}
