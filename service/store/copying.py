"""How do many rows get into a table at once, without a wait for ever?"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from service.store.database import Connection, unreachable


async def copy_text(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    blocks: AsyncIterator[bytes],
    seconds: float,
) -> int:
    """Add rows given as COPY text; return how many.

    Raises UnavailableError when the connection is lost: the driver alone would wait for ever for
    room to write. Raises TookTooLongError after `seconds`.
    """
    loop = asyncio.get_running_loop()
    is_lost = False
    try:
        async with asyncio.timeout(seconds) as limit:

            def stop(_connection: object) -> None:
                nonlocal is_lost
                is_lost = True
                limit.reschedule(loop.time())

            connection.add_termination_listener(stop)
            try:
                status = await connection.copy_to_table(
                    table, source=blocks, columns=columns, format="text", timeout=seconds
                )
            finally:
                connection.remove_termination_listener(stop)
    except TimeoutError as error:
        if is_lost:
            raise unreachable(error) from error
        raise
    return int(status.split()[-1])
