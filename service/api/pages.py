"""How much of a list fits into one page?"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from service.api import replies
from service.api.limits import MEBIBYTE
from service.api.replies import Json

# A page ends before the item that would take it beyond this.
PAGE_BYTES = 4 * MEBIBYTE
# How many items are read first, to see how large they are, and how fast batches may grow then:
# each one is a question to the database, and its items are in memory together.
FIRST_ITEMS = 2
GROWTH = 8
BATCH_ITEMS = 64
BATCH_BYTES = MEBIBYTE // 2

Key = TypeVar("Key")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Source(Generic[Key, Item]):
    """Where a list comes from.

    `read` returns up to so many items that follow a key, from the start of the page where it is
    None; `key` is what an item is ordered by.
    """

    read: Callable[[Key | None, int], Awaitable[Sequence[Item]]]
    write: Callable[[Item], Json]
    key: Callable[[Item], Key]


@dataclass(frozen=True, slots=True)
class Page(Generic[Key]):
    """Items as JSON text; `next_after` is the key of the last one where more follow.

    `largest` is the size of the largest item in bytes.
    """

    items: list[msgspec.Raw]
    next_after: Key | None
    largest: int


async def fill(
    source: Source[Key, Item], after: Key | None, limit: int, largest: int | None = None
) -> Page[Key]:
    """Read a page of up to `limit` items and PAGE_BYTES, at least one where there is one.

    What is in memory at a time is the page and one batch: batches grow up to BATCH_ITEMS, or to
    BATCH_BYTES of items as large as the largest so far, so that a list of large items ends before
    many of them are read. Where `largest` is known from another page of the list, they need not
    grow, and the first one may hold up to BATCH_ITEMS of any size. Read in one snapshot of the
    database, or an item that moves meanwhile may come twice.
    """
    items: list[msgspec.Raw] = []
    size = 0
    wanted = FIRST_ITEMS if largest is None else _fitting(largest)
    largest = largest or 1
    while True:
        # One item more than fits tells that there is more.
        wanted = min(wanted, limit + 1 - len(items))
        batch = await source.read(after, wanted)
        for item in batch:
            text = replies.encode(source.write(item))
            if len(items) == limit or (items and size + len(text) > PAGE_BYTES):
                return Page(items, after, largest)
            items.append(msgspec.Raw(text))
            size += len(text)
            largest = max(largest, len(text))
            after = source.key(item)
        if len(batch) < wanted:
            return Page(items, None, largest)
        wanted = min(wanted * GROWTH, _fitting(largest))


def _fitting(largest: int) -> int:
    """Return how many items of this size a batch may have."""
    return max(1, min(BATCH_ITEMS, BATCH_BYTES // largest))
