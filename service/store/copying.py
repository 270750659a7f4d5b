"""How do many rows get into a table at once, without a wait for ever?"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress

import asyncpg

from service.store.database import Connection, unreachable

# What becomes of writing to a connection that was cut: uvloop's refusal, or the driver's own
# stumbling over a transport that it has let go.
_UNWRITABLE = (RuntimeError, AttributeError)


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
    try:
        async with asyncio.timeout(seconds) as limit:
            with _ended_by_loss(connection, limit):
                status = await connection.copy_to_table(
                    table, source=blocks, columns=columns, format="text", timeout=seconds
                )
    except (TimeoutError, *_UNWRITABLE) as error:
        # The loop tells of the loss behind what was going on.
        await asyncio.sleep(0)
        if _is_lost(connection):
            raise unreachable(error) from error
        raise
    return int(status.split()[-1])


@contextmanager
def _ended_by_loss(connection: Connection, limit: asyncio.Timeout) -> Iterator[None]:
    """Let the limit pass when the connection is lost while the block lasts."""
    is_over = False

    def stop(_connection: object) -> None:
        if not (is_over or limit.expired()):
            limit.reschedule(asyncio.get_running_loop().time())

    connection.add_termination_listener(stop)
    try:
        yield
    finally:
        is_over = True
        # A connection that was lost is the pool's again, and has no listeners.
        with suppress(asyncpg.InterfaceError):
            connection.remove_termination_listener(stop)


def _is_lost(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


def is_left_by_the_driver(error: BaseException | None) -> bool:
    """Whether a future that nobody looked at is the driver's own, and what it means was told.

    A COPY that loses its connection ends with a last message to the server. Where uvloop refuses
    to write it, the driver forgets to look at its own future.
    """
    return isinstance(error, asyncpg.ConnectionDoesNotExistError)
