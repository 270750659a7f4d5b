"""Do notices reach everyone who waits, whatever their number, and is a lost connection noticed?"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from service.domain.errors import UnavailableError
from service.engine import signals
from service.engine.signals import Signals
from service.store import notices
from service.store.database import Database
from service.store.notices import EVERYTHING, MAX_PAYLOAD_BYTES
from tests.conftest import PostgresServer
from tests.outages import closed_database, standing_still

PATIENCE_SECONDS = 10.0
# Longer than any test waits, so that only a notice can wake.
NEVER_SECONDS = 60.0
FIND_LISTENER = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'
"""
CUT_LISTENER = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        yield database


@pytest.fixture
async def live(database: Database) -> AsyncIterator[Signals]:
    async with signals.running(database) as live:
        yield live


async def send(database: Database, *topics: str) -> None:
    async with database.connection() as connection:
        await notices.send(connection, topics)


async def gather(incoming: AsyncIterator[frozenset[str]], wanted: set[str]) -> set[str]:
    """Take notices until all the wanted ones have come."""
    found: set[str] = set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not wanted <= found:
            found |= await anext(incoming)
    return found


async def wakes(wake: signals.Wake) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await wake.wait(NEVER_SECONDS)


async def stays_asleep(wake: signals.Wake, seconds: float = 0.2) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait(NEVER_SECONDS)


@given(st.lists(st.text("abc:-0123456789", min_size=1, max_size=60), max_size=600))
def test_topics_are_packed_whole_in_order_and_within_the_limit(topics: list[str]) -> None:
    payloads = notices.pack(topics)
    assert " ".join(payloads).split() == topics
    assert all(0 < len(payload) <= MAX_PAYLOAD_BYTES for payload in payloads)


@given(st.integers(1, 2_000))
def test_no_more_payloads_than_needed(count: int) -> None:
    topic = "run:01a2091c-80ec-73ce-ae41-f18fe21a9c7b"
    per_payload = (MAX_PAYLOAD_BYTES + 1) // (len(topic) + 1)
    assert len(notices.pack([topic] * count)) == -(-count // per_payload)


async def test_listening_begins_with_everything(database: Database) -> None:
    async with notices.listening(database.url) as incoming:
        assert await anext(incoming) == {EVERYTHING}


async def test_thousands_of_topics_arrive_in_one_go(database: Database) -> None:
    topics = {f"run:{number:040}" for number in range(2_000)}
    async with notices.listening(database.url) as incoming:
        await anext(incoming)
        await send(database, *topics)
        assert await gather(incoming, topics) == topics


async def test_what_comes_while_nobody_reads_is_merged(database: Database) -> None:
    async with notices.listening(database.url) as incoming:
        await anext(incoming)
        async with database.connection() as connection:
            for _ in range(50):
                await notices.send(connection, ["again"])
            await notices.send(connection, ["last"])
        assert await gather(incoming, {"last"}) == {"again", "last"}


async def test_nothing_is_sent_for_no_topics(database: Database) -> None:
    async with notices.listening(database.url) as incoming:
        await anext(incoming)
        await send(database)
        await send(database, "one")
        assert await anext(incoming) == {"one"}


async def test_a_lost_connection_ends_the_listening(database: Database) -> None:
    async with notices.listening(database.url) as incoming:
        await anext(incoming)
        async with database.connection() as connection:
            assert await connection.fetchval(CUT_LISTENER) is True
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises((StopAsyncIteration, UnavailableError)):
                await anext(incoming)


async def test_a_listener_that_gets_no_answer_any_more_ends(database: Database) -> None:
    async with notices.listening(database.url, keepalive_seconds=0.2) as incoming:
        await anext(incoming)
        async with database.connection() as connection:
            pid = await connection.fetchval(FIND_LISTENER)
        # The connection stays open: only asking tells that nobody is at its other end.
        with standing_still(pid):
            async with asyncio.timeout(PATIENCE_SECONDS):
                with pytest.raises(UnavailableError):
                    await anext(incoming)


async def test_a_server_that_is_not_there_is_named(empty_database_url: str) -> None:
    nowhere = empty_database_url + "_gone"
    with pytest.raises(UnavailableError):
        async with notices.listening(nowhere):
            pass


async def test_a_notice_wakes_those_who_wait_for_its_topic_and_nobody_else(live: Signals) -> None:
    with (
        live.subscribe("run:1") as one,
        live.subscribe("run:1") as other,
        live.subscribe("run:2") as stranger,
    ):
        # The listening began: everyone looks once.
        for wake in (one, other, stranger):
            await wakes(wake)
        live.notify("run:1")
        await wakes(one)
        await wakes(other)
        await stays_asleep(stranger)


async def test_a_notice_that_comes_while_one_is_busy_is_not_lost(live: Signals) -> None:
    with live.subscribe("busy") as wake, live.subscribe("other") as other:
        await wakes(wake)
        await wakes(other)
        live.notify("busy", "other")
        await wakes(other)
        await wakes(wake)
        await stays_asleep(wake)


async def test_a_notice_wakes_waiters_of_other_processes(database: Database, live: Signals) -> None:
    async with signals.running(database) as replica:
        with live.subscribe("run:1") as here, replica.subscribe("run:1") as there:
            await wakes(here)
            await wakes(there)
            replica.notify("run:1")
            await wakes(here)
            await wakes(there)


async def test_everyone_wakes_after_a_lost_connection(database: Database, live: Signals) -> None:
    with live.subscribe("run:1") as wake:
        await wakes(wake)
        async with database.connection() as connection:
            assert await connection.fetchval(CUT_LISTENER) is True
        await wakes(wake)
        live.notify("run:1")
        await wakes(wake)


async def test_notices_go_on_after_the_database_was_away(
    live: Signals, postgres: PostgresServer, database_url: str
) -> None:
    with live.subscribe("run:1") as wake:
        await wakes(wake)
        with capture_logs() as logs, closed_database(postgres, database_url):
            live.notify("run:1")
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not any(line.get("action") == "notify" for line in logs):
                    await wake.wait(0.05)
        await wakes(wake)
        # Listener and sender are both back.
        live.notify("run:1")
        await wakes(wake)


async def test_one_who_has_left_is_woken_no_more(live: Signals) -> None:
    with live.subscribe("run:1") as gone:
        await wakes(gone)
    with live.subscribe("run:1") as wake:
        live.notify("run:1")
        await wakes(wake)
    await stays_asleep(gone)
    assert "run:1" not in live._waiting


async def test_waiting_ends_without_a_notice_too(live: Signals) -> None:
    with live.subscribe("silence") as wake:
        await wakes(wake)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await wake.wait(0.01)
