"""What do many routes have in common: parameters of the path, request headers, reply headers?"""

from collections.abc import Mapping
from dataclasses import dataclass

from service.api.contract.operation import TEXT, UUID, text
from service.domain.identifiers import CLIENT_ID_MAX_LENGTH
from service.domain.representation import Json


@dataclass(frozen=True, slots=True)
class Described:
    """A named value with what it is for."""

    schema: Mapping[str, Json]
    description: str


_NUMBER: Mapping[str, Json] = {"type": "integer", "minimum": 0}
_CLIENT_ID = text(1, CLIENT_ID_MAX_LENGTH)

PATH_PARAMETERS: Mapping[str, Described] = {
    "reference_data_id": Described(UUID, "Id of the reference data."),
    "row_id": Described(_CLIENT_ID, "Id of the row, percent-encoded."),
    "document_id": Described(_CLIENT_ID, "Id of the document, percent-encoded."),
    "config_id": Described(UUID, "Id of the matching config."),
    "run_id": Described(UUID, "Id of the run."),
    "result_id": Described(UUID, "Id of the result."),
    "api_key_id": Described(UUID, "Id of the API key."),
    "webhook_id": Described(UUID, "Id of the webhook."),
    "delivery_id": Described(UUID, "Id of the delivery."),
}

REQUEST_HEADERS: Mapping[str, Described] = {
    "If-None-Match": Described(
        TEXT, "The `ETag` that you have: 304 answers when it is still what there is."
    ),
    "If-Match": Described(
        TEXT, "The `ETag` that the change is meant for: 412 answers when there is a newer one."
    ),
    "Prefer": Described(
        TEXT, "`wait=N`: with `If-None-Match`, answer when something has changed, or in N seconds."
    ),
    "Idempotency-Key": Described(
        {**text(1, 200), "pattern": "^[!-~]+$"},
        "A text of visible ASCII characters of your choice, by which the same change is carried "
        "out once in 24 hours, however often it is sent.",
    ),
    "Last-Event-ID": Described(TEXT, "The number of the last event that you have."),
}

REPLY_HEADERS: Mapping[str, Described] = {
    "X-Request-Id": Described(
        TEXT, "The request's id, in the log too; yours where the request brought one."
    ),
    "ETag": Described(TEXT, "The state of what is shown, for `If-None-Match` and `If-Match`."),
    "Link": Described(TEXT, 'The next page, as `<…>; rel="next"`; absent on the last one.'),
    "Content-Disposition": Described(TEXT, "Under which name to keep the file."),
    "Location": Described(TEXT, "Where the resource is."),
    "Retry-After": Described(_NUMBER, "In how many seconds it is worth asking again."),
    "Preference-Applied": Described(TEXT, "How long the reply was held at most: `wait=N`."),
    "Idempotent-Replayed": Described(
        {"type": "string", "enum": ["true"]}, "There when this is the first request's reply again."
    ),
    "WWW-Authenticate": Described(TEXT, "How to send a key."),
    "RateLimit-Policy": Described(
        TEXT, "What the key may ask of one process: kind, requests, seconds; on every reply to it."
    ),
    "RateLimit": Described(TEXT, "How many requests are left, and for how many seconds."),
    "X-RateLimit-Limit": Described(_NUMBER, "The same: how many requests there are a minute."),
    "X-RateLimit-Remaining": Described(_NUMBER, "The same: how many of them are left."),
    "X-RateLimit-Reset": Described(_NUMBER, "The same: in how many seconds they are all there."),
}

# What every reply has; those of rate limits wherever a key was sent.
USUAL_HEADERS = (
    "X-Request-Id",
    "RateLimit-Policy",
    "RateLimit",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
