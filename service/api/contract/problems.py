"""What does each error code mean, and what can a client do about it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.api.errors import FAILURES


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a code means, and a sentence that may come with it."""

    meaning: str
    detail: str


EXPLANATIONS: Mapping[str, Explanation] = {
    "validation_error": Explanation(
        "The request says something that is not allowed. `errors` names each place, what is "
        "wrong there and what is allowed. Mend the request; the same one will fail again.",
        "The key `weigth` is not known here. Did you mean `weight`?",
    ),
    "unauthorized": Explanation(
        "No key came with the request, or one that is unknown, revoked or expired. Send "
        "`Authorization: Bearer ms_…`.",
        "The API key is unknown, revoked or expired.",
    ),
    "insufficient_scope": Explanation(
        "The key is good, but lacks the scope that this route needs. Use a key with that scope.",
        "This needs the scope `write`, which the key `dashboard` does not have.",
    ),
    "cross_site_request": Explanation(
        "A change came with a browser's session, but not from a page of this service: its `Origin` "
        "is another one, or `X-Requested-With` is missing. Programs send a key instead.",
        "A change by a signed-in browser needs the header `X-Requested-With`.",
    ),
    "not_found": Explanation(
        "There is no such thing in the key's workspace. What belongs to other workspaces is not "
        "told apart from what does not exist.",
        "There is no run `01934f31-3f0d-7b8e-a7c4-9d2b6e0f4c22`.",
    ),
    "method_not_allowed": Explanation(
        "The path is there, but not with this method. `Allow` names those it takes.",
        "/v1/matching/runs does not take PATCH.",
    ),
    "request_timeout": Explanation(
        "The request's head took longer than 15 seconds, or its body stood still. The connection "
        "is closed; send the request again on another one.",
        "The request came too slowly.",
    ),
    "conflict": Explanation(
        "The request is well formed, but the thing is in a state that does not allow it. Read it "
        "again, and decide anew.",
        "The run is completed already, so it cannot be cancelled.",
    ),
    "ai_not_configured": Explanation(
        "The AI pass was asked for, and this service has no key for it.",
        "The AI pass needs a key for the Anthropic API, and this service has none: set "
        "ANTHROPIC_API_KEY and start the service again, or match by rules alone.",
    ),
    "precondition_failed": Explanation(
        "`If-Match` names an older version than the stored one: somebody changed it meanwhile. "
        "Read it again and repeat the change.",
        'This is at version "3" now: read it again and repeat the change.',
    ),
    "payload_too_large": Explanation(
        "The body is larger than this route takes. Send rows as a file, or in several requests.",
        "The body is larger than the 1,048,576 bytes read here.",
    ),
    "unsupported_media_type": Explanation(
        "The body's Content-Type, charset or Content-Encoding is not one this route reads.",
        "text/plain is not read here; send application/json.",
    ),
    "idempotency_mismatch": Explanation(
        "The same `Idempotency-Key` came with another request in the last 24 hours. Make a new key "
        "for each thing to do, and send the same one only to try the same thing again.",
        "The Idempotency-Key `order-4711` came with another content before.",
    ),
    "rate_limited": Explanation(
        "The key has used up its requests of this kind for this minute. Go on after `Retry-After` "
        "seconds; `RateLimit` on every reply says how many are left.",
        "The key `dashboard` has had its 120,000 reads of this minute: go on in 12 seconds.",
    ),
    "internal_error": Explanation(
        "Something went wrong on our side. The service's log tells what, under the `request_id`.",
        "Something went wrong on our side.",
    ),
    "unavailable": Explanation(
        "A part that the request needs, the database for one, does not answer now. Try again "
        "after `Retry-After` seconds.",
        "The database does not answer.",
    ),
}


def example(code: str) -> dict[str, Any]:
    """Make a problem as it may come, with what its code means."""
    return {"description": EXPLANATIONS[code].meaning, "value": _problem(code)}


def _problem(code: str) -> dict[str, Any]:
    failure = FAILURES[code]
    problem = {
        "type": f"/docs#{code}",
        "title": failure.title,
        "status": failure.status,
        "detail": EXPLANATIONS[code].detail,
        "instance": "/v1/matching/runs/01934f31-3f0d-7b8e-a7c4-9d2b6e0f4c22",
        "code": code,
        "retryable": code in {"rate_limited", "request_timeout", "unavailable"},
        "request_id": "01934f32-0c11-7e02-9f3a-6b1d8c5a7e55",
    }
    if code == "validation_error":
        place = {"pointer": "/field_mappings/0/weigth", "code": "unknown_key"}
        problem["errors"] = [{**place, "message": problem["detail"]}]
    return problem
