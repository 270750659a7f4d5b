"""Does each event reach each webhook that wants it: signed, in order, again until it is taken?"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from service.domain import webhook_messages
from service.domain.events import EventType
from service.domain.webhook_messages import MAX_BODY_BYTES
from service.domain.webhooks import LADDER, DeliveryStatus
from service.store import events, webhooks
from service.store.database import Database
from tests import receiver, webhook_desk
from tests.receiver import Answer, Message, Receiver
from tests.webhook_desk import Desk, Names, Setting

EVERYTHING = tuple(EventType)
REFUSAL = receiver.always(Answer(500, body=b"not now"))


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


async def test_an_event_arrives_signed_as_the_standard_says(desk: Desk, hook: Receiver) -> None:
    webhook = await desk.add(hook.url)
    run = await desk.tell_run()
    messages = await hook.wait_for(3)
    async with desk.database.connection() as connection:
        told = await events.of_run(connection, run.id, 0)
    for message, event in zip(messages, told, strict=True):
        verified = Verifier(desk.secrets[webhook.id]).verify(message.body, dict(message.headers))
        assert verified["type"] == event.type.value
        assert verified["timestamp"] == verified["data"]["created_at"]
        assert verified["data"] == json.loads(event.data)
        assert message.id == str(event.id)
        assert message.headers["content-type"] == "application/json"
    other = Verifier(webhook_messages.new_secret())
    with pytest.raises(WebhookVerificationError):
        other.verify(messages[0].body, dict(messages[0].headers))


async def test_only_the_types_that_are_wanted_arrive(desk: Desk, hook: Receiver) -> None:
    await desk.add(f"{hook.url}/usual")
    await desk.add(f"{hook.url}/ends", types=(EventType.RUN_COMPLETED,))
    await desk.add(f"{hook.url}/all", types=EVERYTHING)
    await desk.tell_run(progress=2)
    arrived: dict[str, list[str]] = {}
    for message in await hook.wait_for(3 + 1 + 5):
        arrived.setdefault(message.path.rpartition("/")[2], []).append(message.json["type"])
    assert arrived == {
        "usual": ["run.queued", "run.started", "run.completed"],
        "ends": ["run.completed"],
        "all": ["run.queued", "run.started", "run.progress", "run.progress", "run.completed"],
    }


async def test_what_is_only_tried_out_is_told_to_nobody(desk: Desk, hook: Receiver) -> None:
    webhook = await desk.add(hook.url, types=EVERYTHING)
    run = await desk.tell_run()
    tried = await desk.world.queue(dry_run=True)
    desk.wake()
    assert {each.run_id for each in await desk.deliveries(webhook)} == {run.id}
    async with desk.database.connection() as connection:
        told = await events.of_run(connection, tried.id, 0)
    assert [event.type for event in told] == [EventType.RUN_QUEUED]


async def test_an_attempt_is_kept_with_what_was_answered(desk: Desk, hook: Receiver) -> None:
    hook.answering = receiver.always(Answer(202, body=b"ok \x00 \xff " + b"x" * 5_000))
    webhook = await desk.add(hook.url)
    await desk.tell()
    await hook.wait_for(1)
    (delivery,) = await desk.deliveries(webhook)
    assert delivery.status is DeliveryStatus.DELIVERED
    assert delivery.finished_at == desk.clock.now
    (attempt,) = delivery.attempts
    assert (attempt.status_code, attempt.error) == (202, None)
    assert attempt.started_at == desk.clock.now
    assert attempt.reply is not None
    assert attempt.reply.startswith("ok \ufffd \ufffd xxx")
    assert len(attempt.reply.encode(errors="replace")) <= 1_024 + 2 * len("\ufffd".encode())


async def test_what_fails_is_tried_again_up_the_whole_ladder(desk: Desk, hook: Receiver) -> None:
    hook.answering = REFUSAL
    webhook = await desk.add(hook.url)
    await desk.tell()
    for number, step in enumerate(LADDER[1:], start=1):
        await hook.wait_for(number)
        await desk.pass_time(step - timedelta(milliseconds=1))
        (delivery,) = await desk.deliveries(webhook)
        assert (delivery.status, delivery.attempt_count) == (DeliveryStatus.PENDING, number)
        assert delivery.next_attempt_at == desk.clock.now + timedelta(milliseconds=1)
        await desk.pass_time(timedelta(milliseconds=1))
    await hook.wait_for(len(LADDER))
    (delivery,) = await desk.deliveries(webhook)
    assert (delivery.status, delivery.attempt_count) == (DeliveryStatus.EXHAUSTED, len(LADDER))
    assert delivery.next_attempt_at is None
    assert {message.id for message in hook.messages} == {str(delivery.event_id)}
    assert len({message.headers["webhook-timestamp"] for message in hook.messages}) == len(LADDER)
    await desk.pass_time(timedelta(days=10))
    assert len(hook.messages) == len(LADDER)


async def test_a_runs_events_keep_their_order_over_retries(desk: Desk, hook: Receiver) -> None:
    failures = 0

    async def refuse_the_second_thrice(message: Message) -> Answer:
        nonlocal failures
        if message.json["type"] == "run.started" and failures < 3:
            failures += 1
            return Answer(503)
        return Answer()

    hook.answering = refuse_the_second_thrice
    webhook = await desk.add(hook.url, types=EVERYTHING)
    await desk.tell_run(progress=3)
    for number in range(3):
        await hook.wait_for(2 + number)
        await desk.pass_time(LADDER[number + 1])
    await hook.wait_for(3 + 6)
    types = [message.json["type"] for message in hook.messages]
    assert types == ["run.queued", *["run.started"] * 4, *["run.progress"] * 3, "run.completed"]
    assert {each.status for each in await desk.deliveries(webhook)} == {DeliveryStatus.DELIVERED}


async def test_a_run_that_waits_does_not_hold_up_another(desk: Desk, hook: Receiver) -> None:
    first = ""

    async def refuse_the_first_run(message: Message) -> Answer:
        nonlocal first
        first = first or message.json["data"]["run_id"]
        return Answer(500 if message.json["data"]["run_id"] == first else 204)

    hook.answering = refuse_the_first_run
    await desk.add(hook.url)
    await desk.tell_run()
    await hook.wait_for(1)
    other = await desk.tell_run()
    messages = await hook.wait_for(1 + 3)
    assert {message.json["data"]["run_id"] for message in messages[1:]} == {str(other.id)}


async def test_a_redirect_is_a_failure_and_not_followed(desk: Desk, hook: Receiver) -> None:
    hook.answering = receiver.always(Answer(302, {"Location": f"{hook.url}/elsewhere"}))
    webhook = await desk.add(hook.url)
    await desk.tell()
    await hook.wait_for(1)
    (delivery,) = await desk.deliveries(webhook)
    assert delivery.status is DeliveryStatus.PENDING
    assert delivery.attempts[0].status_code == 302
    assert [message.path for message in hook.messages] == ["/hook"]


async def test_410_disables_the_webhook_and_what_waits_stays(desk: Desk, hook: Receiver) -> None:
    hook.answering = receiver.always(Answer(410))
    webhook = await desk.add(hook.url)
    await desk.tell_run()
    await hook.wait_for(1)
    listed = await desk.deliveries(webhook)
    assert [each.status.value for each in listed] == ["exhausted", "pending", "pending"]
    now = await desk.webhook(webhook)
    assert not now.enabled
    assert now.disabled_reason == "The endpoint answered 410 Gone."
    await desk.tell()
    await desk.pass_time(timedelta(days=1))
    assert len(await desk.deliveries(webhook)) == 3
    assert len(hook.messages) == 1


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_makes_the_wait_longer(desk: Desk, hook: Receiver, as_date: bool) -> None:
    asked = timedelta(minutes=2)
    value = format_datetime(datetime.now(UTC) + asked) if as_date else "120"
    hook.answering = receiver.always(Answer(429, {"Retry-After": value}))
    webhook = await desk.add(hook.url)
    await desk.tell()
    await hook.wait_for(1)
    (delivery,) = await desk.deliveries(webhook)
    assert delivery.next_attempt_at is not None
    wait = delivery.next_attempt_at - desk.clock.now
    assert asked - timedelta(seconds=5) <= wait <= asked


async def test_a_webhook_that_only_fails_for_five_days_is_disabled(
    desk: Desk, hook: Receiver
) -> None:
    hook.answering = REFUSAL
    webhook = await desk.add(hook.url)
    # One that fails now and then stays.
    await desk.tell()
    await hook.wait_for(1)
    hook.answering = receiver.take
    await desk.pass_time(timedelta(days=5))
    await hook.wait_for(2)
    hook.answering = REFUSAL
    for day in range(5):
        await desk.tell()
        await hook.wait_for(len(hook.messages) + 1)
        await desk.engine.quiet()
        assert (await desk.webhook(webhook)).enabled, day
        hook.messages.clear()
        await desk.pass_time(timedelta(days=1))
    # An attempt of the day before may come first.
    heard = 0
    while (now := await desk.webhook(webhook)).enabled:
        heard += 1
        await hook.wait_for(heard)
        await desk.engine.quiet()
    assert now.disabled_reason == "Every attempt failed for 5 days."


async def test_two_secrets_sign_while_one_takes_over(desk: Desk, hook: Receiver) -> None:
    webhook = await desk.add(hook.url)
    old, new = desk.secrets[webhook.id], webhook_messages.new_secret()
    async with desk.database.transaction() as connection:
        await webhooks.rotate(connection, webhook, new, desk.box, desk.clock.now)
    await desk.tell()
    (message,) = await hook.wait_for(1)
    assert len(message.headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        Verifier(secret).verify(message.body, dict(message.headers))
    await desk.pass_time(timedelta(hours=24))
    await desk.tell()
    later = (await hook.wait_for(2))[1]
    signed = later.headers["webhook-signature"]
    body = later.body
    timestamp = desk.clock.now
    assert signed == Verifier(new).sign(later.id, timestamp, body.decode())


async def test_a_long_event_leaves_out_its_largest_members(desk: Desk, hook: Receiver) -> None:
    await desk.add(hook.url)
    body: dict[str, Any] = {
        "reference_data": {"name": "Vendors", "columns": ["ä" * 50] * 200, "error": "y" * 15_000}
    }
    await desk.tell(body=body)
    (message,) = await hook.wait_for(1)
    assert len(message.body) < MAX_BODY_BYTES
    data = message.json["data"]
    assert data["omitted"] == ["/reference_data/columns"]
    assert data["reference_data"] == {"name": "Vendors", "columns": None, "error": "y" * 15_000}


async def test_an_event_that_was_deleted_is_dropped(desk: Desk, hook: Receiver) -> None:
    hook.answering = REFUSAL
    webhook = await desk.add(hook.url)
    run = await desk.tell_run()
    await hook.wait_for(1)
    await desk.engine.quiet()
    async with desk.database.connection() as connection:
        await connection.execute("DELETE FROM runs WHERE id = $1", run.id)
    hook.answering = receiver.take
    await desk.pass_time(LADDER[1])
    await desk.tell()
    await hook.wait_for(2)
    listed = await desk.until(webhook, lambda listed: all(each.finished_at for each in listed))
    statuses = [each.status.value for each in listed]
    assert statuses == ["dropped", "dropped", "dropped", "delivered"]
    assert [each.attempt_count for each in listed] == [1, 0, 0, 1]


async def test_a_deleted_webhook_hears_nothing_more(desk: Desk, hook: Receiver) -> None:
    hook.answering = REFUSAL
    gone = await desk.add(f"{hook.url}/gone")
    await desk.tell()
    await hook.wait_for(1)
    await desk.engine.quiet()
    async with desk.database.transaction() as connection:
        await webhooks.delete(connection, gone)
    hook.answering = receiver.take
    await desk.add(f"{hook.url}/stays")
    await desk.tell()
    await desk.pass_time(LADDER[1])
    await hook.wait_for(2)
    await desk.engine.quiet()
    assert [message.path for message in hook.messages] == ["/hook/gone", "/hook/stays"]


async def test_an_endpoint_that_does_not_answer_has_failed(database: Database) -> None:
    setting = Setting(limit_seconds=0.2)
    async with (
        receiver.receiving(receiver.hang) as hook,
        webhook_desk.opened(database, setting) as desk,
    ):
        webhook = await desk.add(hook.url)
        await desk.tell()
        await hook.wait_for(1)
        (delivery,) = await desk.deliveries(webhook)
    assert delivery.status is DeliveryStatus.PENDING
    assert delivery.attempts[0].error == "There was no answer within 0.2 seconds."


async def test_nobody_listening_is_a_failure_with_a_reason(database: Database) -> None:
    names = Names()
    async with receiver.receiving() as hook:
        url = hook.url
    async with webhook_desk.opened(database, Setting(resolve=names)) as desk:
        webhook = await desk.add(url)
        await desk.tell()
        await names.wait_for(1)
        (delivery,) = await desk.deliveries(webhook)
    assert delivery.attempts[0].error is not None
    assert delivery.attempts[0].error.startswith("The connection failed: ")
