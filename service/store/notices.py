"""How do processes wake each other? By NOTIFY with topics only; what happened is in the tables.

A notice may be lost while a connection is down, so whoever waits also looks by itself now and
then. After a lost connection every topic counts as noticed.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from service.store.database import Connection, connect, translated_errors

CHANNEL = "matchstream"
# A payload ends at 8,000 bytes; a topic is a word and a UUID, about 45.
MAX_PAYLOAD_BYTES = 7_900
KEEPALIVE_SECONDS = 10.0

# Stands for every topic: notices may have been lost.
EVERYTHING: Final = "*"


def pack(topics: Iterable[str]) -> list[str]:
    """Join topics by spaces into payloads within the size limit."""
    payloads: list[str] = []
    current = ""
    for topic in topics:
        joined = f"{current} {topic}" if current else topic
        if len(joined) > MAX_PAYLOAD_BYTES:
            payloads.append(current)
            joined = topic
        current = joined
    return [*payloads, current] if current else payloads


_NOTIFY = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload"


async def send(connection: Connection, topics: Iterable[str]) -> None:
    """Wake everyone who waits for one of the topics, in whatever process."""
    await connection.execute(_NOTIFY, CHANNEL, pack(topics))


@asynccontextmanager
async def listening(
    url: str, keepalive_seconds: float = KEEPALIVE_SECONDS
) -> AsyncIterator[AsyncIterator[frozenset[str]]]:
    """Listen on a connection of its own; yields the topics as they come, merged while unread.

    The first item is EVERYTHING: what was sent before the listening began is unknown. When the
    connection is lost the iterator ends or raises UnavailableError: listen again then.
    """
    connection = await connect(url)
    pending: set[str] = {EVERYTHING}
    arrived = asyncio.Event()
    arrived.set()

    def collect(_connection: object, _process: int, _channel: str, payload: object) -> None:
        pending.update(str(payload).split())
        arrived.set()

    def wake(_connection: object) -> None:
        arrived.set()

    async def topics() -> AsyncIterator[frozenset[str]]:
        while not connection.is_closed():
            try:
                async with asyncio.timeout(keepalive_seconds):
                    await arrived.wait()
            except TimeoutError:
                # A connection that was cut without a word is found by asking.
                with translated_errors():
                    await connection.execute("SELECT 1", timeout=keepalive_seconds)
                continue
            arrived.clear()
            batch = frozenset(pending)
            pending.clear()
            if batch:
                yield batch

    try:
        connection.add_termination_listener(wake)
        with translated_errors():
            async with asyncio.timeout(keepalive_seconds):
                await connection.add_listener(CHANNEL, collect)
        yield topics()
    finally:
        connection.terminate()
