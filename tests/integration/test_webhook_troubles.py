"""Does an endpoint or an engine in trouble leave the others, and every message, unharmed?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from standardwebhooks import Webhook as Verifier
from structlog.testing import capture_logs
from structlog.typing import EventDict

from service.domain import webhook_messages
from service.domain.events import EventType
from service.domain.webhooks import LADDER, DeliveryStatus
from service.engine.webhook_posts import Access
from service.store import deliveries, delivery_lanes, delivery_retention, secret_key, webhooks
from service.store.database import Database
from service.store.delivery_retention import LINGER, Retention
from service.store.secret_box import SecretBox
from tests import receiver, webhook_desk
from tests.conftest import PostgresServer
from tests.outages import closed_database
from tests.receiver import Answer, Message, Receiver
from tests.webhook_desk import HERE, Desk, Setting

EVERYTHING = tuple(EventType)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    """An engine that may send to this machine."""
    async with webhook_desk.opened(database) as opened:
        yield opened


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    """An endpoint that takes everything."""
    async with receiver.receiving() as opened:
        yield opened


async def test_endpoints_that_never_answer_delay_nobody_else(desk: Desk, hook: Receiver) -> None:
    async with AsyncExitStack() as stack:
        dead = [
            await stack.enter_async_context(receiver.receiving(receiver.hang)) for _ in range(5)
        ]
        for each in dead:
            await desk.add(each.url)
        for _ in range(40):
            await desk.tell_run()
        for each in dead:
            # All that one may have under way at once hangs.
            await each.wait_for(8)
        await desk.add(hook.url)
        runs = [await desk.tell_run() for _ in range(10)]
        messages = await hook.wait_for(3 * len(runs))
        assert [each.most_under_way for each in dead] == [8] * len(dead)
    for run in runs:
        told = [
            each.json["type"] for each in messages if each.json["data"]["run_id"] == str(run.id)
        ]
        assert told == ["run.queued", "run.started", "run.completed"]


async def test_webhooks_that_fail_get_one_turn_each_and_never_the_last_slots(
    database: Database,
) -> None:
    setting = Setting(options={"slots": 4, "suspect_slots": 2})
    async with webhook_desk.opened(database, setting) as desk, AsyncExitStack() as stack:
        refusal = receiver.always(Answer(500))
        bad = [await stack.enter_async_context(receiver.receiving(refusal)) for _ in range(4)]
        for each in bad:
            await desk.add(each.url)
        await desk.tell(3)
        for each in bad:
            await each.wait_for(3)
        await desk.engine.quiet()
        for each in bad:
            each.answering = receiver.hang
            each.most_under_way = 0
        await desk.pass_time(LADDER[1])
        good = await stack.enter_async_context(receiver.receiving())
        await desk.add(good.url)
        await desk.tell(20)
        await good.wait_for(20)
        assert sum(each.most_under_way for each in bad) == 2
        assert max(each.most_under_way for each in bad) == 1


async def test_two_engines_share_the_work_and_keep_the_order(desk: Desk, hook: Receiver) -> None:
    webhook = await desk.add(hook.url, types=EVERYTHING)
    setting = Setting(options={"slots": 3})
    async with webhook_desk.sending(
        desk.database, desk.signals, desk.box, desk.clock, setting
    ) as other:
        runs = [await desk.tell_run(progress=5) for _ in range(10)]
        await hook.wait_for(8 * len(runs))
        await other.quiet()
        await desk.until(webhook, lambda listed: all(each.finished_at for each in listed))
    for run in runs:
        about = [each.json["data"] for each in hook.messages]
        numbers = [data["run_seq"] for data in about if data["run_id"] == str(run.id)]
        assert numbers == list(range(1, 9))
    assert len(hook.messages) == len({each.id for each in hook.messages}) == 8 * len(runs)


async def test_what_an_engine_took_and_lost_is_sent_by_another(
    database: Database, hook: Receiver
) -> None:
    hook.answering = receiver.hang
    async with webhook_desk.opened(database) as desk:
        webhook = await desk.add(hook.url)
        await desk.tell_run()
        await hook.wait_for(1)
        desk.engine._stopping.set()
        async with database.connection() as connection:
            # As after its process was stopped for longer than its lease.
            await connection.execute("UPDATE delivery_lanes SET lease_until = now()")
        setting = Setting()
        hook.answering = receiver.take
        async with webhook_desk.sending(
            database, desk.signals, desk.box, desk.clock, setting
        ) as heir:
            messages = await hook.wait_for(1 + 3)
            await heir.quiet()
        assert [each.json["type"] for each in messages] == [
            "run.queued",
            "run.queued",
            "run.started",
            "run.completed",
        ]
        assert messages[0].id == messages[1].id
        async with database.connection() as connection:
            page = await deliveries.list_page(connection, webhook.id, None, None, 9)
        assert [each.attempt_count for each in page] == [1, 1, 1]


async def test_an_owner_that_lost_its_lane_writes_nothing(
    database: Database, hook: Receiver
) -> None:
    go_on = asyncio.Event()

    async def wait_and_refuse(message: Message) -> Answer:
        await go_on.wait()
        return Answer(500)

    hook.answering = wait_and_refuse
    async with webhook_desk.opened(database) as desk:
        webhook = await desk.add(hook.url)
        await desk.tell()
        await hook.wait_for(1)
        async with database.connection() as connection:
            await connection.execute("UPDATE delivery_lanes SET claims = claims + 1")
        go_on.set()
        listed = await desk.deliveries(webhook)
    assert [each.attempt_count for each in listed] == [0]
    assert (await _health(database)) == [None]


async def _health(database: Database) -> list[object]:
    async with database.connection() as connection:
        records = await connection.fetch("SELECT failing_since FROM webhooks")
    return [record["failing_since"] for record in records]


async def test_a_stop_gives_back_what_is_under_way(database: Database, hook: Receiver) -> None:
    hook.answering = receiver.hang
    async with webhook_desk.opened(database) as desk:
        await desk.add(hook.url)
        await desk.tell()
        await hook.wait_for(1)
    async with database.connection() as connection:
        (lane,) = await connection.fetch("SELECT * FROM delivery_lanes")
    assert (lane["worker_id"], lane["lease_until"]) == (None, None)


async def test_an_outcome_outlives_the_loss_of_the_database(
    desk: Desk, hook: Receiver, postgres: PostgresServer, database_url: str
) -> None:
    arrived, go_on, failed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def wait(message: Message) -> Answer:
        arrived.set()
        await go_on.wait()
        return Answer()

    hook.answering = wait
    webhook = await desk.add(hook.url)
    await desk.tell()
    await arrived.wait()

    def notice(_logger: object, _method: str, entry: EventDict) -> EventDict:
        if entry.get("action") == "record_deliveries":
            failed.set()
        return entry

    with capture_logs([notice]), closed_database(postgres, database_url):
        go_on.set()
        await asyncio.wait_for(failed.wait(), receiver.WAIT_SECONDS)
    (delivery,) = await desk.deliveries(webhook)
    assert (delivery.status, delivery.attempt_count) == (DeliveryStatus.DELIVERED, 1)
    assert len(hook.messages) == 1


async def test_an_engine_with_another_key_takes_nothing(database: Database, hook: Receiver) -> None:
    async with webhook_desk.opened(database) as desk:
        await desk.add(hook.url)
    await desk.tell()
    now, room = desk.clock(), delivery_lanes.Room(9, 9, 9, 9)
    await delivery_lanes.enlist(database, now)
    async with database.connection() as connection:
        stranger = SecretBox.with_new_key()
        assert await secret_key.is_bound_elsewhere(connection, stranger)
    assert await delivery_lanes.claim(database, desk.engine.id, room, now, stranger) == []
    (taken,) = await delivery_lanes.claim(database, desk.engine.id, room, now, desk.box)
    assert taken.parcel is not None


async def test_after_a_lost_key_a_webhook_goes_on_with_a_new_secret(
    database: Database, hook: Receiver
) -> None:
    async with webhook_desk.opened(database) as lost:
        webhook = await lost.add(hook.url)
    await lost.tell()
    async with database.transaction() as connection:
        await secret_key.let_go(connection)
    now = await lost.webhook(webhook)
    assert not now.enabled
    assert now.disabled_reason == "Its secret was lost: rotate it, then enable the webhook."
    box, secret = SecretBox.with_new_key(), webhook_messages.new_secret()
    async with database.transaction() as connection:
        await secret_key.bind(connection, box)
        await webhooks.rotate(connection, now, secret, box, lost.clock())
        await webhooks.update(connection, replace(now, enabled=True))
    async with webhook_desk.sending(database, lost.signals, box, lost.clock, Setting()):
        (message,) = await hook.wait_for(1)
    Verifier(secret).verify(message.body, dict(message.headers))
    assert len(message.headers["webhook-signature"].split(" ")) == 1


async def test_old_deliveries_go_and_what_has_to_be_sent_stays(desk: Desk, hook: Receiver) -> None:
    webhook = await desk.add(hook.url)
    await desk.tell(2)
    await hook.wait_for(2)
    hook.answering = receiver.always(Answer(500))
    await desk.tell(1)
    await hook.wait_for(3)
    assert len(await desk.deliveries(webhook)) == 3
    await delivery_retention.sweep(desk.database, desk.clock())
    assert len(await desk.deliveries(webhook)) == 3
    later = desk.clock() + Retention().age + timedelta(minutes=1)
    await delivery_retention.sweep(desk.database, later)
    assert [each.status.value for each in await desk.deliveries(webhook)] == ["pending"]
    async with desk.database.transaction() as connection:
        await connection.execute("UPDATE webhooks SET enabled = false")
    await delivery_retention.sweep(desk.database, later)
    assert await desk.deliveries(webhook) == []


async def test_of_many_deliveries_the_newest_stay(desk: Desk, hook: Receiver) -> None:
    webhook = await desk.add(hook.url)
    await desk.tell(8)
    await hook.wait_for(8)
    before = await desk.deliveries(webhook)
    kept = Retention(per_webhook=3, deleted_at_once=2)
    await delivery_retention.sweep(desk.database, desk.clock(), kept)
    assert await desk.deliveries(webhook) == before[-3:]


async def test_a_deleted_webhook_leaves_nothing_behind(desk: Desk, hook: Receiver) -> None:
    hook.answering = receiver.always(Answer(500))
    webhook = await desk.add(hook.url)
    await desk.tell(2)
    await hook.wait_for(2)
    await desk.engine.quiet()
    async with desk.database.transaction() as connection:
        await webhooks.delete(connection, webhook)
    await delivery_retention.sweep(desk.database, desk.clock() + LINGER + timedelta(minutes=1))
    async with desk.database.connection() as connection:
        for table in ("webhooks", "deliveries", "delivery_attempts", "delivery_lanes"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_a_url_that_is_allowed_no_longer_fails_with_a_reason(database: Database) -> None:
    access = Access(allowed_networks=HERE.allowed_networks)
    async with webhook_desk.opened(database, Setting(access=access)) as desk:
        webhook = await desk.add("http://127.0.0.1:8000/")
        await desk.tell()
        (delivery,) = await desk.until(webhook, lambda listed: listed[0].attempt_count == 1)
    error = delivery.attempts[0].error
    assert error is not None
    assert error.startswith("The URL must start with https://: http:// is not allowed here")


async def test_a_secret_that_cannot_be_read_is_a_failure_that_says_so(
    desk: Desk, hook: Receiver
) -> None:
    webhook = await desk.add(hook.url)
    async with desk.database.connection() as connection:
        await connection.execute("UPDATE webhooks SET secret = $1", b"x" * 40)
    await desk.tell()
    (delivery,) = await desk.until(webhook, lambda listed: listed[0].attempt_count == 1)
    assert delivery.attempts[0].error == "The secret cannot be read: rotate it."
    assert hook.messages == []


async def test_a_lane_with_nothing_left_is_removed(desk: Desk, hook: Receiver) -> None:
    webhook = await desk.add(hook.url)
    async with desk.database.connection() as connection:
        await connection.execute(
            "INSERT INTO delivery_lanes (webhook_id, lane, due_at) VALUES ($1, $1, '-infinity')",
            webhook.id,
        )
    await desk.tell()
    await hook.wait_for(1)
    await desk.until(webhook, lambda listed: listed[0].finished_at is not None)
    async with desk.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM delivery_lanes") == 0
