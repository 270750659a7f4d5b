"""Which requests are not sent, and which may be refused although they fit the schemas?

JSON Schema says nothing of values that depend on each other, on what is stored, or on a file's
contents. Each code of such a rule is listed; any other refusal of a request that fits is a fault.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import schemathesis

# Set by the campaign: a file with the values of paths that nothing may delete. Without the key
# that requests carry, and without the sample, there would be little to find.
KEPT_VARIABLE = "MATCHSTREAM_TEST_FUZZ_KEPT"

CODES_BEYOND_SCHEMAS = frozenset(
    {
        # A cursor has to be one of ours; two parameters may exclude each other.
        "invalid_cursor",
        "excluded_parameter",
        # Rows and documents of one upload have ids of their own.
        "repeated_id",
        # Members of a config that depend on each other, or on the reference data's columns.
        "weights_all_zero",
        "ambiguous_evidence",
        "thresholds_crossed",
        "two_tolerances",
        "immutable",
        "unknown_column",
        "unknown_document",
    }
)
# What may stand at these places of a route's body depends on more: on the time, on another member,
# on the result's candidates, on what an address leads to.
_TARGET = ("/target_value",)
PLACES_BEYOND_SCHEMAS = {
    "/v1/api-keys": ("/expires_at",),
    "/v1/matching/configs": _TARGET,
    "/v1/matching/configs/{config_id}": _TARGET,
    "/v1/matching/runs/{run_id}/results/review": ("/items", "/filter", "/status"),
    "/v1/matching/runs/{run_id}/results/{result_id}/review": ("/matched_reference_row_id",),
    "/v1/webhooks": ("/url",),
    "/v1/webhooks/{webhook_id}": ("/url",),
}
# Events are a stream or a list, by the Accept header, with parameters of their own.
TWO_IN_ONE = ("/v1/events", "/v1/matching/runs/{run_id}/events")
# Schemas do not look into files.
FILE_TYPES = ("multipart/form-data", "application/x-ndjson")


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """Leave out what would delete something that the rest of the campaign needs."""
    return case.method != "DELETE" or not kept().intersection(case.path_parameters.values())


@cache
def kept() -> frozenset[str]:
    """What the campaign wants to keep."""
    path = os.environ[KEPT_VARIABLE]  # noqa: TID251 - the suite's own, not a setting
    return frozenset(json.loads(Path(path).read_text()))


@schemathesis.check
def refused_only_by_rules_beyond_schemas(
    context: schemathesis.CheckContext,
    response: schemathesis.Response,
    case: schemathesis.Case[Any],
) -> None:
    """A request that fits the schemas is accepted, or breaks a rule that we know of."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code not in (400, 413, 415) or case.media_type in FILE_TYPES:
        return
    body = response.json()
    problems = body.get("errors") or [{"code": body["code"]}]
    places = PLACES_BEYOND_SCHEMAS.get(case.path, ())
    unknown = [problem for problem in problems if not is_beyond_schemas(problem, places)]
    if case.path in TWO_IN_ONE:
        unknown = [problem for problem in unknown if problem["code"] != "unknown_parameter"]
    assert not unknown, f"It fits the schemas, but was refused: {unknown}"


def is_beyond_schemas(problem: dict[str, str], places: tuple[str, ...]) -> bool:
    """Whether a problem is of a rule that schemas cannot tell."""
    place = problem.get("pointer", "")
    return problem["code"] in CODES_BEYOND_SCHEMAS or place.startswith(places)
