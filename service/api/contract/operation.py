"""What does a route promise, in the words that its documentation is made of?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from pydantic import BaseModel

from service.api.pagination import MAX_CURSOR_LENGTH, MAX_PAGE, Listing
from service.domain.representation import Json

# A model, or JSON Schema as it stands.
Schema: TypeAlias = type[BaseModel] | Mapping[str, Json]

JSON = "application/json"
TEXT: Mapping[str, Json] = {"type": "string"}
BINARY: Mapping[str, Json] = {"type": "string", "format": "binary"}
UUID: Mapping[str, Json] = {"type": "string", "format": "uuid"}
TRUTH: Mapping[str, Json] = {"type": "boolean"}
SHARE: Mapping[str, Json] = {"type": "number", "minimum": 0, "maximum": 1}


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query string; optional unless `is_required`."""

    name: str
    schema: Mapping[str, Json]
    description: str
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is no failure: what it has by media type, and its headers beside the usual."""

    description: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries, by media type.

    Of a body that `is_partial`, which changes something, no key is required. The `example` is of
    the JSON, where its model has none that fits.
    """

    content: Mapping[str, Schema]
    is_required: bool = True
    is_partial: bool = False
    example: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The documentation of one handler.

    `id` names the function of a generated client. `headers` are names of `REQUEST_HEADERS`:
    If-None-Match brings the reply 304, If-Match the error 412. `errors` are the codes beside
    those that follow from the route itself: a wrong key, an unknown id in the path, a body that
    is too large (see `openapi.error_codes`).
    """

    id: str
    tag: str
    summary: str
    description: str = ""
    replies: Mapping[int, Reply]
    body: Body | None = None
    query: tuple[Query, ...] = ()
    headers: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def json_reply(description: str, schema: Schema, *headers: str) -> Reply:
    """Make a reply in JSON."""
    return Reply(description, {JSON: schema}, headers)


def one_of(choices: type[StrEnum]) -> Mapping[str, Json]:
    """Make the schema of a closed set of words."""
    return {"type": "string", "enum": [choice.value for choice in choices]}


def whole_number(least: int, most: int, default: int | None = None) -> Mapping[str, Json]:
    """Make the schema of a whole number within bounds."""
    bounds: dict[str, Json] = {"type": "integer", "minimum": least, "maximum": most}
    return bounds if default is None else {**bounds, "default": default}


def text(least: int, most: int) -> Mapping[str, Json]:
    """Make the schema of a text with so many characters."""
    return {"type": "string", "minLength": least, "maxLength": most}


def list_query(listing: Listing[Any], *filters: Query) -> tuple[Query, ...]:
    """Describe what a list takes: its `filters`, and what its `listing` says of pages."""
    default, most = listing.default_limit, listing.max_limit
    paging = [
        Query("limit", whole_number(1, most, default), "How many items a page has at most."),
        Query(
            "cursor",
            text(1, MAX_CURSOR_LENGTH),
            "Where to go on: `next_cursor` of the page before, with the same filters.",
        ),
    ]
    if listing.with_pages:
        described = "The page by number, instead of `cursor`; far pages take longer."
        paging.append(Query("page", whole_number(1, MAX_PAGE), described))
    return (*filters, *paging)
