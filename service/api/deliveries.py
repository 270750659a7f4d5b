"""How does a client see what was sent to a webhook, try it out, and have things sent again?"""

from starlette.requests import Request
from starlette.responses import Response

from service.api import conditions, filters, pages, pagination, parameters, replies
from service.api.context import Caller, services
from service.api.idempotency import commit_with
from service.api.pages import Source
from service.api.snapshots import snapshot
from service.api.webhook_body import write_delivery
from service.api.webhooks import found, id_of
from service.domain.errors import ConflictError
from service.domain.identifiers import DeliveryId
from service.domain.webhooks import Delivery, DeliveryStatus, Webhook
from service.engine.signals import DELIVERIES
from service.store import deliveries, webhooks
from service.store.database import Connection

LISTING = pagination.Listing(key=DeliveryId, filters=("status",))


async def ping(request: Request, caller: Caller) -> Response:
    """POST /v1/webhooks/:id/ping"""
    parameters.query(request, ())
    webhook_id = id_of(request)
    async with services(request).database.transaction() as connection:
        webhook = found(
            await webhooks.lock(connection, caller.workspace_id, webhook_id), webhook_id
        )
        _check_enabled(webhook)
        response = _queued(await deliveries.insert_ping(connection, webhook))
    services(request).signals.notify(DELIVERIES)
    return response


async def list_all(request: Request, caller: Caller) -> Response:
    """GET /v1/webhooks/:id/deliveries"""
    asked = pagination.read(request, LISTING)
    status = filters.one_of(asked.filters, "status", DeliveryStatus)
    async with snapshot(services(request).database) as connection:
        webhook_id = (await _webhook(connection, request, caller)).id
        source = Source(
            lambda after, count: deliveries.list_page(connection, webhook_id, status, after, count),
            write_delivery,
            lambda delivery: delivery.id,
        )
        page = await pages.fill(source, asked.after, asked.limit)
        total = asked.total
        if total is None:
            total = await deliveries.count(connection, webhook_id, status)
    return pagination.reply(request, asked, page, total)


async def read(request: Request, caller: Caller) -> Response:
    """GET /v1/webhooks/:id/deliveries/:delivery_id"""
    parameters.query(request, ())
    delivery_id = _id(request)
    async with snapshot(services(request).database) as connection:
        webhook_id = (await _webhook(connection, request, caller)).id
        delivery = _found(await deliveries.fetch(connection, webhook_id, delivery_id), delivery_id)
    written = write_delivery(delivery)
    etag = conditions.content_tag(replies.encode(written))
    if conditions.is_known(request, etag):
        return replies.not_modified(etag)
    return replies.reply(written, headers={"ETag": etag})


async def redeliver(request: Request, caller: Caller) -> Response:
    """POST /v1/webhooks/:id/deliveries/:delivery_id/redeliver"""
    parameters.query(request, ())
    delivery_id = _id(request)
    async with services(request).database.transaction() as connection:
        webhook = await _webhook(connection, request, caller)
        _found(await deliveries.fetch(connection, webhook.id, delivery_id), delivery_id)
        _check_enabled(webhook)
        delivery = await deliveries.redeliver(connection, webhook.id, delivery_id)
        if delivery is None:
            raise ConflictError("The event of this delivery was deleted: it cannot be sent again.")
        response = _queued(delivery)
    services(request).signals.notify(DELIVERIES)
    return response


def _queued(delivery: Delivery) -> Response:
    path = f"/v1/webhooks/{delivery.webhook_id}/deliveries/{delivery.id}"
    return commit_with(replies.accepted(write_delivery(delivery), path))


def _check_enabled(webhook: Webhook) -> None:
    if not webhook.enabled:
        raise ConflictError("The webhook is disabled, so that nothing is sent: enable it first.")


async def _webhook(connection: Connection, request: Request, caller: Caller) -> Webhook:
    webhook_id = id_of(request)
    return found(await webhooks.fetch(connection, caller.workspace_id, webhook_id), webhook_id)


def _id(request: Request) -> DeliveryId:
    return DeliveryId(parameters.path_id(request, "delivery_id", "delivery"))


def _found(delivery: Delivery | None, delivery_id: DeliveryId) -> Delivery:
    if delivery is None:
        raise parameters.not_found("delivery", delivery_id)
    return delivery
