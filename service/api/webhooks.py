"""What can be done with webhooks: make, list, read, change and delete them, and their secrets."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from service.api import conditions, limits, pages, pagination, parameters, replies, webhook_body
from service.api.context import Caller, services
from service.api.idempotency import commit_with
from service.api.pages import Source
from service.api.snapshots import snapshot
from service.domain import webhook_messages
from service.domain.identifiers import WebhookId
from service.domain.representation import Json
from service.domain.webhooks import Webhook
from service.engine.signals import DELIVERIES
from service.engine.webhooks import system_clock
from service.store import delivery_lanes, secret_key, webhooks
from service.store.webhooks import NewWebhook

LISTING = pagination.Listing(key=WebhookId)

# Replies with a secret in them.
_NOT_STORED = {"Cache-Control": "no-store"}


async def create(request: Request, caller: Caller) -> Response:
    """POST /v1/webhooks"""
    parameters.query(request, ())
    desk = services(request).webhooks
    body = await limits.read_json(request, services(request).limits.json_bytes)
    contents = webhook_body.read_new(body, desk.access)
    secret = webhook_messages.new_secret()
    new = NewWebhook(
        workspace_id=caller.workspace_id,
        url=contents.url,
        types=contents.types,
        description=contents.description,
        enabled=contents.enabled,
    )
    async with services(request).database.transaction() as connection:
        await secret_key.bind(connection, desk.box)
        webhook = await webhooks.insert(connection, new, secret, desk.box)
        written = {**webhook_body.write(webhook), "secret": secret}
        return commit_with(replies.created(written, _path(webhook.id), _NOT_STORED))


async def list_all(request: Request, caller: Caller) -> Response:
    """GET /v1/webhooks"""
    asked = pagination.read(request, LISTING)
    async with snapshot(services(request).database) as connection:
        source = Source(
            lambda after, count: webhooks.list_page(connection, caller.workspace_id, after, count),
            webhook_body.write,
            lambda webhook: webhook.id,
        )
        page = await pages.fill(source, asked.after, asked.limit)
        total = asked.total
        if total is None:
            total = await webhooks.count(connection, caller.workspace_id)
    return pagination.reply(request, asked, page, total)


async def read(request: Request, caller: Caller) -> Response:
    """GET /v1/webhooks/:id"""
    parameters.query(request, ())
    webhook_id = id_of(request)
    async with services(request).database.connection() as connection:
        webhook = found(
            await webhooks.fetch(connection, caller.workspace_id, webhook_id), webhook_id
        )
    written = webhook_body.write(webhook)
    if conditions.is_known(request, _tag(written)):
        return replies.not_modified(_tag(written))
    return replies.reply(written, headers={"ETag": _tag(written)})


async def change(request: Request, caller: Caller) -> Response:
    """PATCH /v1/webhooks/:id"""
    parameters.query(request, ())
    webhook_id = id_of(request)
    service = services(request)
    body = await limits.read_json(request, service.limits.json_bytes)
    async with service.database.transaction() as connection:
        stored = found(await webhooks.lock(connection, caller.workspace_id, webhook_id), webhook_id)
        conditions.check_if_match(request, _tag(webhook_body.write(stored)))
        contents = webhook_body.read_change(stored, body, service.webhooks.access)
        webhook = await webhooks.update(
            connection,
            replace(
                stored,
                url=contents.url,
                types=contents.types,
                description=contents.description,
                enabled=contents.enabled,
            ),
        )
        is_new = webhook.enabled and not (stored.enabled and stored.url == webhook.url)
        if is_new:
            # What waited for the old endpoint goes to the new one at once.
            await delivery_lanes.make_due(connection, webhook_id, None)
        written = webhook_body.write(webhook)
        response = commit_with(replies.reply(written, headers={"ETag": _tag(written)}))
    if is_new:
        service.signals.notify(DELIVERIES)
    return response


async def delete(request: Request, caller: Caller) -> Response:
    """DELETE /v1/webhooks/:id"""
    parameters.query(request, ())
    webhook_id = id_of(request)
    async with services(request).database.transaction() as connection:
        stored = found(await webhooks.lock(connection, caller.workspace_id, webhook_id), webhook_id)
        conditions.check_if_match(request, _tag(webhook_body.write(stored)))
        await webhooks.delete(connection, stored)
        return commit_with(replies.deleted(webhook_id))


async def rotate_secret(request: Request, caller: Caller) -> Response:
    """POST /v1/webhooks/:id/rotate-secret"""
    parameters.query(request, ())
    webhook_id = id_of(request)
    box = services(request).webhooks.box
    secret = webhook_messages.new_secret()
    async with services(request).database.transaction() as connection:
        stored = found(await webhooks.lock(connection, caller.workspace_id, webhook_id), webhook_id)
        await secret_key.bind(connection, box)
        await webhooks.rotate(connection, stored, secret, box, system_clock())
        written = {**webhook_body.write(stored), "secret": secret}
        return commit_with(replies.reply(written, headers=_NOT_STORED))


def id_of(request: Request) -> WebhookId:
    """Return the webhook's id in the path; raises NotFoundError."""
    return WebhookId(parameters.path_id(request, "webhook_id", "webhook"))


def found(webhook: Webhook | None, webhook_id: WebhookId) -> Webhook:
    """Return the webhook; raises NotFoundError where there is none."""
    if webhook is None:
        raise parameters.not_found("webhook", webhook_id)
    return webhook


def _tag(written: dict[str, Json]) -> str:
    return conditions.content_tag(replies.encode(written))


def _path(webhook_id: WebhookId) -> str:
    return f"/v1/webhooks/{webhook_id}"
