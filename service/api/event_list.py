"""How does a client read events as a plain list, page by page?"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from service.api import parameters, replies
from service.api.replies import Json
from service.api.wire import invalid
from service.domain.events import Event

MAX_DIGITS = 18
DEFAULT_LIMIT = 100
MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class EventList:
    """Events in the order of their numbers.

    `read` takes the number after which, and how many, `number` says which number an event has.
    `total` is how many there have been; None where that is not known without reading them all.
    """

    read: Callable[[int, int], Awaitable[list[Event]]]
    number: Callable[[Event], int | None]
    total: int | None


async def reply(request: Request, listing: EventList, filters: tuple[str, ...] = ()) -> Response:
    """Send a page of events; `filters` are parameters that the caller has read.

    The cursor of this list is no secret: it is the number of the page's last event.
    """
    values = parameters.query(request, ("after", "cursor", "limit", *filters))
    if "after" in values and "cursor" in values:
        raise invalid((parameters.excluded("cursor", "after"),))
    name = "cursor" if "cursor" in values else "after"
    after = 0
    if values.get(name) != "0":
        after = parameters.whole_number(values, name, 0, 10**MAX_DIGITS - 1)
    limit = parameters.whole_number(values, "limit", DEFAULT_LIMIT, MAX_LIMIT)
    page = await listing.read(after, limit + 1)
    has_more = len(page) > limit
    page = page[:limit]
    place = str(listing.number(page[-1])) if page else None
    headers = {}
    if has_more:
        kept = {each: values[each] for each in filters if each in values}
        following = urlencode({"after": place, "limit": limit, **kept})
        headers["Link"] = f'<{request.url.path}?{following}>; rel="next"'
    pagination: dict[str, Json] = {} if listing.total is None else {"total": listing.total}
    pagination |= {
        "limit": limit,
        "has_more": has_more,
        "next_cursor": place if has_more else None,
    }
    data = [replies.stored_json(event.data) for event in page]
    return replies.reply({"data": data, "pagination": pagination}, headers=headers)
