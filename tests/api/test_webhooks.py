"""Can a workspace's owner make webhooks, see what was sent, and have it sent again?"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from service.api.context import WebhookDesk
from service.domain.api_keys import Scope
from service.domain.events import EventType
from service.domain.identifiers import new_id
from service.domain.webhooks import DEFAULT_TYPES
from service.engine.signals import Signals
from service.engine.webhooks import DeliveryEngine
from service.store import events
from service.store.webhooks import MAX_WEBHOOKS
from tests import receiver, webhook_desk
from tests.api.conftest import Api, page_sizes
from tests.receiver import Answer, Receiver
from tests.webhook_desk import HERE, Clock, Setting

WEBHOOKS = "/v1/webhooks"
URL = "https://hooks.example/in?token=x"


async def make(api: Api, **changes: Any) -> Any:
    """Make a webhook; return it with its secret."""
    reply = await api.client.post(WEBHOOKS, json={"url": URL, **changes})
    assert reply.status_code == 201, reply.text
    assert reply.headers["cache-control"] == "no-store"
    made = reply.json()
    assert reply.headers["location"] == made["links"]["self"]
    return made


async def get(api: Api, path: str) -> Any:
    """Return what is there."""
    reply = await api.client.get(path)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def tell(api: Api) -> None:
    """Let something happen in the workspace."""
    async with api.database.transaction() as connection:
        await events.append(
            connection, EventType.REFERENCE_DATA_READY, api.workspace_id, {"reference_data": {}}
        )


async def test_a_webhook_is_made_shown_and_listed(api: Api) -> None:
    made = await make(api, description="Ledger")
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "id": made["id"],
        "url": URL,
        "types": [each.value for each in DEFAULT_TYPES],
        "description": "Ledger",
        "enabled": True,
        "disabled_reason": None,
        "created_at": made["created_at"],
        "links": {
            "self": f"{WEBHOOKS}/{made['id']}",
            "deliveries": f"{WEBHOOKS}/{made['id']}/deliveries",
        },
    }
    assert await get(api, made["links"]["self"]) == made
    second = await make(api, types=["run.progress", "run.completed", "run.progress"])
    del second["secret"]
    assert second["types"] == ["run.progress", "run.completed"]
    assert (await get(api, WEBHOOKS))["data"] == [second, made]
    assert await page_sizes(api, f"{WEBHOOKS}?limit=1") == [1, 1]


class BrokenSignals(Signals):
    """Fails whoever has committed a change and wants to tell of it."""

    def notify(self, *topics: str) -> None:  # type: ignore[explicit-override] # from 3.12
        """Fail."""
        raise RuntimeError(topics)


async def test_what_is_sent_once_is_answered_again_whatever_failed_behind_it(api: Api) -> None:
    webhook = (await make(api))["links"]
    await api.client.post(f"{webhook['self']}/ping")
    async with api.database.connection() as connection:
        await connection.execute("UPDATE deliveries SET status = 'delivered'")
    ping = (await get(api, webhook["deliveries"]))["data"][0]["links"]
    working = api.app.state.services
    for path in (f"{webhook['self']}/ping", ping["redeliver"]):
        key = {"Idempotency-Key": path}
        api.app.state.services = replace(working, signals=BrokenSignals(api.database))
        assert (await api.client.post(path, headers=key)).status_code == 500
        api.app.state.services = working
        again = await api.client.post(path, headers=key)
        assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
        assert again.json()["status"] == "pending"
    assert (await get(api, webhook["deliveries"]))["pagination"]["total"] == 2


async def test_no_secret_lies_in_the_database_in_clear(api: Api) -> None:
    secret = (await make(api))["secret"]
    async with api.database.connection() as connection:
        stored = await connection.fetchval("SELECT secret FROM webhooks")
    assert secret.encode() not in stored
    assert secret.removeprefix("whsec_").encode() not in stored


@pytest.mark.parametrize(
    ("body", "pointer", "code", "says"),
    [
        ({}, "/url", "required", "`url` is required"),
        ({"url": None}, "/url", "wrong_type", "must be a text"),
        ({"url": "ftp://x.example"}, "/url", "invalid_value", "must start with https://"),
        ({"url": "http://x.example"}, "/url", "invalid_value", "not allowed here"),
        ({"url": "https://a:b@x.example"}, "/url", "invalid_value", "user or password"),
        ({"url": "https://x.example:22"}, "/url", "invalid_value", "port 22"),
        ({"url": "https://127.0.0.1/"}, "/url", "invalid_value", "not public"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "/url", "invalid_value", "not public"),
        ({"url": URL, "types": []}, "/types", "invalid_value", "at least 1 item"),
        ({"url": URL, "types": ["run.done"]}, "/types/0", "invalid_value", "'run.completed'"),
        ({"url": URL, "types": "run.failed"}, "/types", "wrong_type", "must be a list"),
        ({"url": URL, "enabled": "yes"}, "/enabled", "wrong_type", "true or false"),
        ({"url": URL, "description": "x" * 501}, "/description", "invalid_value", "at most 500"),
        ({"url": URL, "secret": "whsec_x"}, "/secret", "unknown_key", "set by the service"),
        ({"url": URL, "event_types": []}, "/event_types", "unknown_key", "not known"),
        ([], "", "wrong_type", "must be an object"),
    ],
)
async def test_a_wrong_body_is_refused_at_its_place(
    api: Api, body: Any, pointer: str, code: str, says: str
) -> None:
    reply = await api.client.post(WEBHOOKS, json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, "validation_error"), reply.text
    (problem,) = reply.json()["errors"]
    assert (problem["pointer"], problem["code"]) == (pointer, code)
    assert says in problem["message"]
    assert (await get(api, WEBHOOKS))["data"] == []


async def test_what_a_change_does_not_say_stays(api: Api) -> None:
    made = await make(api, types=["run.failed"], description="x")
    path = made["links"]["self"]
    reply = await api.client.patch(path, json={"enabled": False})
    assert reply.status_code == 200
    changed = reply.json()
    del made["secret"]
    assert changed == {**made, "enabled": False}
    reply = await api.client.patch(path, json={"types": None, "description": None})
    assert reply.json()["types"] == [each.value for each in DEFAULT_TYPES]
    assert reply.json()["description"] is None
    wrong: list[Any] = [{"url": "http://x.example"}, {"ulr": URL}, [], {"types": ["x"]}]
    for body in wrong:
        refused = await api.client.patch(path, json=body)
        assert refused.status_code == 400, refused.text


async def test_a_change_may_depend_on_what_was_seen(api: Api) -> None:
    path = (await make(api))["links"]["self"]
    seen = (await api.client.get(path)).headers["etag"]
    assert (await api.client.get(path, headers={"If-None-Match": seen})).status_code == 304
    body = {"description": "new"}
    for etag, status in ((seen, 200), (seen, 412), ("*", 200)):
        reply = await api.client.patch(path, json=body, headers={"If-Match": etag})
        assert reply.status_code == status
    stale = await api.client.delete(path, headers={"If-Match": seen})
    assert stale.status_code == 412


async def test_a_deleted_webhook_is_gone(api: Api) -> None:
    made = await make(api)
    path = made["links"]["self"]
    reply = await api.client.delete(path)
    assert reply.json() == {"deleted": True, "id": made["id"]}
    for method, url in (
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/ping"),
        ("POST", f"{path}/rotate-secret"),
        ("GET", f"{path}/deliveries"),
    ):
        body: dict[str, str] | None = {} if method == "PATCH" else None
        assert (await api.client.request(method, url, json=body)).status_code == 404, url
    assert (await get(api, WEBHOOKS))["pagination"]["total"] == 0


async def test_a_workspace_has_a_bounded_number_of_webhooks(api: Api) -> None:
    last = await make(api)
    for _ in range(MAX_WEBHOOKS - 1):
        await make(api)
    refused = await api.client.post(WEBHOOKS, json={"url": URL})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    await api.client.delete(last["links"]["self"])
    await make(api)


async def test_webhooks_are_for_admins_of_their_own_workspace(api: Api) -> None:
    made = await make(api)
    path = made["links"]["self"]
    clerk = await api.key(frozenset({Scope.READ, Scope.WRITE}))
    stranger = await api.key(workspace_id=await api.other_workspace())
    for method, url in (
        ("GET", WEBHOOKS),
        ("POST", WEBHOOKS),
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/ping"),
        ("POST", f"{path}/rotate-secret"),
        ("GET", f"{path}/deliveries"),
        ("POST", f"{path}/deliveries/{new_id()}/redeliver"),
    ):
        body = {"url": URL} if method in ("POST", "PATCH") else None
        refused = await api.client.request(method, url, json=body, headers=clerk)
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
        if url != WEBHOOKS:
            foreign = await api.client.request(method, url, json=body, headers=stranger)
            assert foreign.status_code == 404, url


@dataclass(frozen=True, slots=True)
class Sending:
    """The routes with an engine behind them, and an endpoint that it sends to."""

    api: Api
    hook: Receiver
    engine: DeliveryEngine
    clock: Clock

    async def deliveries(self, webhook: Any, **query: str) -> Sequence[Any]:
        """Return what the list shows once nothing is under way."""
        await self.engine.quiet()
        reply = await self.api.client.get(webhook["links"]["deliveries"], params=query)
        assert reply.status_code == 200, reply.text
        listed: Sequence[Any] = reply.json()["data"]
        return listed


@pytest.fixture
async def sending(api: Api) -> AsyncIterator[Sending]:
    """An engine that may send to this machine, by a clock of its own."""
    desk = WebhookDesk(access=HERE)
    services = api.app.state.services
    object.__setattr__(services, "webhooks", desk)
    clock = Clock()
    async with (
        receiver.receiving() as hook,
        webhook_desk.sending(api.database, services.signals, desk.box, clock, Setting()) as engine,
    ):
        yield Sending(api, hook, engine, clock)


async def test_a_ping_is_sent_at_once_and_once(sending: Sending) -> None:
    api, hook = sending.api, sending.hook
    webhook = await make(api, url=hook.url)
    reply = await api.client.post(f"{webhook['links']['self']}/ping")
    assert reply.status_code == 202
    queued = reply.json()
    assert (queued["status"], queued["type"], queued["attempts"]) == (
        "pending",
        "webhook.ping",
        [],
    )
    (message,) = await hook.wait_for(1)
    told = Verifier(webhook["secret"]).verify(message.body, dict(message.headers))
    assert told == {"type": "webhook.ping", "timestamp": queued["created_at"], "data": {}}
    await sending.engine.quiet()
    shown = await get(api, reply.headers["location"])
    assert (shown["status"], shown["attempt_count"], shown["event_id"]) == (
        "delivered",
        1,
        message.id,
    )
    assert shown["attempts"][0]["status_code"] == 204
    hook.answering = receiver.always(Answer(500, body=b"broken"))
    await api.client.post(f"{webhook['links']['self']}/ping")
    await hook.wait_for(2)
    failed, _ = await sending.deliveries(webhook)
    assert (failed["status"], failed["attempts"][0]["reply"]) == ("exhausted", "broken")
    assert await sending.deliveries(webhook, status="exhausted") == [failed]
    assert (await get(api, webhook["links"]["self"]))["enabled"]


async def test_what_failed_is_sent_again_on_demand(sending: Sending) -> None:
    api, hook = sending.api, sending.hook
    hook.answering = receiver.always(Answer(503))
    webhook = await make(api, url=hook.url)
    await tell(api)
    sending.engine._tools.signals.notify("deliveries")
    await hook.wait_for(1)
    (waiting,) = await sending.deliveries(webhook)
    assert (waiting["status"], waiting["attempt_count"]) == ("pending", 1)
    assert waiting["next_attempt_at"] is not None
    hook.answering = receiver.take
    reply = await api.client.post(waiting["links"]["redeliver"])
    assert reply.status_code == 202
    await hook.wait_for(2)
    (done,) = await sending.deliveries(webhook)
    assert (done["status"], done["attempt_count"]) == ("delivered", 2)
    await api.client.post(done["links"]["redeliver"])
    await hook.wait_for(3)
    (again,) = await sending.deliveries(webhook)
    assert (again["status"], again["attempt_count"]) == ("delivered", 3)
    assert len({message.id for message in hook.messages}) == 1
    async with api.database.connection() as connection:
        await connection.execute("DELETE FROM events")
    refused = await api.client.post(again["links"]["redeliver"])
    assert refused.status_code == 409
    assert "was deleted" in refused.json()["detail"]
    missing = f"{webhook['links']['deliveries']}/{new_id()}"
    assert (await api.client.get(missing)).status_code == 404
    assert (await api.client.post(f"{missing}/redeliver")).status_code == 404


async def test_a_disabled_webhook_waits_and_goes_on_when_enabled(sending: Sending) -> None:
    api, hook = sending.api, sending.hook
    hook.answering = receiver.always(Answer(503))
    webhook = await make(api, url=hook.url)
    path = webhook["links"]["self"]
    await tell(api)
    await hook.wait_for(1)
    await sending.engine.quiet()
    await api.client.patch(path, json={"enabled": False})
    await tell(api)
    assert (await api.client.post(f"{path}/ping")).status_code == 409
    (waiting,) = await sending.deliveries(webhook)
    assert (await api.client.post(waiting["links"]["redeliver"])).status_code == 409
    hook.answering = receiver.take
    await api.client.patch(path, json={"enabled": True})
    await hook.wait_for(2)
    (done,) = await sending.deliveries(webhook)
    assert (done["status"], done["attempt_count"]) == ("delivered", 2)


async def test_a_new_secret_signs_beside_the_old_one(sending: Sending) -> None:
    api, hook = sending.api, sending.hook
    webhook = await make(api, url=hook.url)
    reply = await api.client.post(f"{webhook['links']['self']}/rotate-secret")
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    assert reply.json() == {**webhook, "secret": reply.json()["secret"]}
    assert reply.json()["secret"] != webhook["secret"]
    await api.client.post(f"{webhook['links']['self']}/ping")
    (message,) = await hook.wait_for(1)
    for secret in (webhook["secret"], reply.json()["secret"]):
        Verifier(secret).verify(message.body, dict(message.headers))


async def test_deliveries_are_listed_page_by_page(sending: Sending) -> None:
    api = sending.api
    webhook = await make(api, url=sending.hook.url)
    for _ in range(5):
        await tell(api)
    await sending.hook.wait_for(5)
    await sending.engine.quiet()
    path = webhook["links"]["deliveries"]
    assert await page_sizes(api, f"{path}?limit=2") == [2, 2, 1]
    assert (await get(api, f"{path}?limit=2"))["pagination"]["total"] == 5
    ids = [each["id"] for each in (await get(api, path))["data"]]
    assert ids == sorted(ids, reverse=True)
    for query in ("status=done", "limit=0", "state=x"):
        assert (await api.client.get(f"{path}?{query}")).status_code == 400


async def test_another_key_can_neither_sign_nor_make_webhooks(api: Api) -> None:
    webhook = await make(api)
    services = api.app.state.services
    object.__setattr__(services, "webhooks", WebhookDesk())
    for path, body in (
        (WEBHOOKS, {"url": URL}),
        (f"{webhook['links']['self']}/rotate-secret", None),
    ):
        reply = await api.client.post(path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
        assert "MATCHSTREAM_SECRET_KEY" in reply.json()["detail"]
