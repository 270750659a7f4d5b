"""What do the routes of results and their review promise?"""

from collections.abc import Mapping

from service.api import results
from service.api.contract.operation import (
    JSON,
    SHARE,
    TEXT,
    TRUTH,
    Body,
    Operation,
    Query,
    json_reply,
    list_query,
    one_of,
)
from service.api.contract.run_models import Result, ResultPage
from service.api.routes import Handler
from service.domain.results import ResolvedBy, ReviewStatus
from service.store.results import Sort

TAG = "Results"

OPERATIONS: Mapping[Handler, Operation] = {
    results.list_results: Operation(
        id="list_results",
        tag=TAG,
        summary="List a run's results",
        description="While an AI pass changes confidences, `sort=document` is the order to walk.",
        query=list_query(
            results.RESULT_LIST,
            Query("status", one_of(ReviewStatus), "What a person said."),
            Query("matched", TRUTH, "Whether there is a matched row."),
            Query("min_confidence", SHARE, "The least confidence."),
            Query("max_confidence", SHARE, "The greatest confidence."),
            Query("resolved_by", one_of(ResolvedBy), "Who settled the match."),
            Query("document_id", TEXT, "The result of this document."),
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
    results.review_result: Operation(
        id="review_result",
        tag=TAG,
        summary="Review a result",
        description="Approve or reject it, or take a verdict back with `pending`. Together with "
        "`approved` another of the candidates may be chosen.",
        body=Body({JSON: results.ReviewRequest}),
        headers=("If-Match",),
        replies={200: json_reply("The result as it is now.", Result, "ETag")},
        errors=("conflict",),
    ),
}
