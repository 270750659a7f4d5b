"""How is work brought to its end although whoever waits for it is cancelled?"""

import asyncio
from collections.abc import Coroutine


async def see_through(work: Coroutine[object, None, None]) -> None:
    """Wait for work that ends by itself soon; a cancellation meanwhile is passed on only then."""
    # A group would cancel it together with us.
    task = asyncio.ensure_future(work)  # noqa: TID251 - is waited for here
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            # `shield` tells nobody of a failure once it was cancelled.
            task.result()
        raise cancelled
