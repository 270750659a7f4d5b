"""Which part of a list was asked for, and where does the next part begin?

A cursor is the key of the last item sent, so that every page costs the same. It carries the total
that was counted for the first page, and a fingerprint of the list it belongs to.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.api import conditions, parameters, replies
from service.api.pages import Page
from service.api.replies import Json
from service.api.wire import invalid
from service.domain.errors import InvalidInputError, Problem

# Beyond this a cursor is the way.
MAX_PAGE = 1_000_000
MAX_CURSOR_LENGTH = 2_000
_MAX_TOTAL = 2**53

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Listing(Generic[Key]):
    """What a list takes: its filters' names, and the type of the key it is ordered by.

    `key` is what the JSON in a cursor must convert to: `ConfigId`, `tuple[float, str]`. Where
    the database takes less than the type, it says so in a `msgspec.Meta`. A list `with_pages`
    also takes `page`.
    """

    key: type[Key]
    filters: tuple[str, ...] = ()
    default_limit: int = 50
    max_limit: int = 500
    with_pages: bool = False


@dataclass(frozen=True, slots=True)
class Asked(Generic[Key]):
    """What was asked for: up to `limit` items after the key `after`, or those of `page`.

    `filters` has the list's own parameters; `total` is None where it must be counted.
    """

    filters: Mapping[str, str]
    limit: int
    after: Key | None
    page: int | None
    total: int | None
    fingerprint: str

    @property
    def offset(self) -> int:
        """How many items to skip: 0 unless a `page` was asked for."""
        return 0 if self.page is None else (self.page - 1) * self.limit


def read(request: Request, listing: Listing[Key]) -> Asked[Key]:
    """Read the query string of a list; raises InvalidInputError that names the parameter."""
    paging = ("limit", "cursor", *(("page",) if listing.with_pages else ()))
    values = parameters.query(request, (*listing.filters, *paging))
    if "cursor" in values and "page" in values:
        raise invalid((parameters.excluded("page", "cursor"),))
    filters = {name: values[name] for name in listing.filters if name in values}
    fingerprint = _fingerprint(request, filters)
    total, after = None, None
    if "cursor" in values:
        total, after = _decode(values["cursor"], fingerprint, listing.key)
    return Asked(
        filters=filters,
        limit=parameters.whole_number(values, "limit", listing.default_limit, listing.max_limit),
        after=after,
        page=parameters.whole_number(values, "page", 1, MAX_PAGE) if "page" in values else None,
        total=total,
        fingerprint=fingerprint,
    )


def reply(
    request: Request, asked: Asked[Key], page: Page[Key], total: int, etag: str | None = None
) -> Response:
    """Send a page with its `pagination`, a `Link` to the next one, and an ETag.

    The tag is made from the page's content unless one is given.
    """
    cursor = None
    if page.next_after is not None:
        cursor = _encode(asked.fingerprint, total, page.next_after)
    pagination: dict[str, Json] = {
        "total": total,
        "limit": asked.limit,
        "has_more": cursor is not None,
        "next_cursor": cursor,
    }
    if asked.page is not None:
        pagination["page"] = asked.page
    response = replies.reply({"data": page.items, "pagination": pagination})
    if etag is None:
        etag = conditions.content_tag(bytes(response.body))
    if conditions.is_known(request, etag):
        return replies.not_modified(etag)
    response.headers["ETag"] = etag
    if cursor is not None:
        is_whole = len(page.items) == asked.limit
        url = _next_url(request, asked, cursor, is_whole=is_whole)
        response.headers["Link"] = f'<{url}>; rel="next"'
    return response


def _next_url(request: Request, asked: Asked[Key], cursor: str, *, is_whole: bool) -> str:
    """Go on by page number where that was the way, unless it would leave out items."""
    step = {"cursor": cursor}
    if asked.page is not None and is_whole:
        step = {"page": str(asked.page + 1)}
    parts = {**asked.filters, "limit": str(asked.limit), **step}
    return f"{quote(request.scope['path'])}?{urlencode(parts)}"


def _fingerprint(request: Request, filters: Mapping[str, str]) -> str:
    told = msgspec.json.encode([request.scope["path"], sorted(filters.items())])
    return sha256(told).hexdigest()[:12]


def _encode(fingerprint: str, total: int, key: object) -> str:
    packed = msgspec.json.encode([fingerprint, total, key])
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _decode(cursor: str, fingerprint: str, key: type[Key]) -> tuple[int, Key]:
    if len(cursor) > MAX_CURSOR_LENGTH:
        raise _bad_cursor("is not one that this service made")
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        made_for, total, after = msgspec.json.decode(packed, type=tuple[str, int, key])  # type: ignore[valid-type]
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise _bad_cursor("is not one that this service made") from error
    if made_for != fingerprint:
        raise _bad_cursor("belongs to another list: keep path and filters as they were")
    if b"\\u0000" in packed or not 0 <= total <= _MAX_TOTAL:
        raise _bad_cursor("is not one that this service made")
    return total, after


def _bad_cursor(reason: str) -> InvalidInputError:
    message = f"The parameter `cursor` {reason}."
    return InvalidInputError(message, (Problem("invalid_cursor", message, "cursor"),))
