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
# The most items that are read at once.
BATCH_ITEMS = 16

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
    """Items as JSON text; `next_after` is the key of the last one where more follow."""

    items: list[msgspec.Raw]
    next_after: Key | None


async def fill(source: Source[Key, Item], after: Key | None, limit: int) -> Page[Key]:
    """Read a page of up to `limit` items and PAGE_BYTES, at least one where there is one.

    What is in memory at a time is the page and one batch: batches grow from one item to
    BATCH_ITEMS, so that a list of large items ends before many of them are read. Read in one
    snapshot of the database, or an item that moves meanwhile may come twice.
    """
    items: list[msgspec.Raw] = []
    size, wanted = 0, 1
    while True:
        # One item more than fits tells that there is more.
        wanted = min(wanted, limit + 1 - len(items), BATCH_ITEMS)
        batch = await source.read(after, wanted)
        for item in batch:
            text = replies.encode(source.write(item))
            if len(items) == limit or (items and size + len(text) > PAGE_BYTES):
                return Page(items, after)
            items.append(msgspec.Raw(text))
            size += len(text)
            after = source.key(item)
        if len(batch) < wanted:
            return Page(items, None)
        wanted *= 2
