"""How does an answer leave: as JSON, as a problem, or as `you have it already`?"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec
from starlette.responses import Response

# What can be sent: JSON values, and stored JSON text spliced in as it is (`msgspec.Raw`).
Json: TypeAlias = (
    "bool | int | float | str | msgspec.Raw | Sequence[Json] | Mapping[str, Json] | None"
)

_encoder = msgspec.json.Encoder()


def stored_json(text: str) -> msgspec.Raw:
    """Mark stored JSON text to be sent as it is."""
    return msgspec.Raw(text.encode())


def encode(value: Json) -> bytes:
    """Write a value as JSON text."""
    return _encoder.encode(value)


def reply(value: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Send a value as JSON."""
    return Response(_encoder.encode(value), status, headers, media_type="application/json")


def created(value: Json, location: str, headers: Mapping[str, str] | None = None) -> Response:
    """Send a resource that was just made, and where it is."""
    return reply(value, 201, {**(headers or {}), "Location": location})


def accepted(value: Json, location: str) -> Response:
    """Send a resource whose work has just been queued, and where it is."""
    return reply(value, 202, {"Location": location})


def deleted(identifier: object) -> Response:
    """Say that a resource is gone."""
    return reply({"deleted": True, "id": str(identifier)})


def not_modified(etag: str, headers: Mapping[str, str] | None = None) -> Response:
    """Say that what the client has is still what there is."""
    return Response(status_code=304, headers={**(headers or {}), "ETag": etag})


def problem(value: Json, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Send a problem (RFC 9457)."""
    return Response(_encoder.encode(value), status, headers, media_type="application/problem+json")
