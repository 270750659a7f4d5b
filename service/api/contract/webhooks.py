"""What do the routes of webhooks and their deliveries promise?"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from service.api import deliveries, webhooks
from service.api.contract.models import Count, Deleted, Page, example
from service.api.contract.operation import (
    JSON,
    Body,
    Operation,
    Query,
    json_reply,
    list_query,
    one_of,
)
from service.api.routes import Handler
from service.api.webhook_body import WebhookBody
from service.domain.events import EventType
from service.domain.webhooks import DEFAULT_TYPES, DeliveryStatus

TAG = "Webhooks"
_ID = "01934f33-5b0c-7d21-8a4e-7c2f9b1e6a35"
_DELIVERY_ID = "01934f34-0a1b-7c2d-9e3f-1a2b3c4d5e6f"
_EVENT_ID = "01934f34-0a1a-7f00-8c1d-2e3f4a5b6c7d"
_RUN_ID = "01934f33-ff00-7a00-9b00-0c0d0e0f1a2b"
_WEBHOOK = {
    "id": _ID,
    "url": "https://hooks.example/matchstream",
    "types": [each.value for each in DEFAULT_TYPES],
    "description": "Tells the ledger which invoices are matched",
    "enabled": True,
    "disabled_reason": None,
    "created_at": "2026-03-02T09:17:00.000Z",
    "links": {
        "self": f"/v1/webhooks/{_ID}",
        "deliveries": f"/v1/webhooks/{_ID}/deliveries",
    },
}


class WebhookLinks(BaseModel):
    """Where more is."""

    self: str
    deliveries: str


class Webhook(BaseModel):
    """An endpoint of yours that hears of what happens."""

    model_config = example(_WEBHOOK)

    id: UUID
    url: str
    types: list[EventType] = Field(description="The events that it hears of.")
    description: str | None
    enabled: bool = Field(description="Nothing is sent to a disabled one; what waits stays.")
    disabled_reason: str | None = Field(
        description="Why the service disabled it; null where you did."
    )
    created_at: datetime
    links: WebhookLinks


class WebhookWithSecret(Webhook):
    """A webhook with the secret that its messages are signed by, shown this once."""

    model_config = example({**_WEBHOOK, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})

    secret: str = Field(description="Standard Webhooks: `whsec_` and the key in base64.")


class WebhookPage(Page[Webhook]):
    """A part of the list of webhooks."""


class Attempt(BaseModel):
    """One try."""

    started_at: datetime
    duration_ms: Count
    status_code: int | None = Field(description="What was answered; 2xx is success.")
    error: str | None = Field(description="Why there was no answer.")
    reply: str | None = Field(description="The first 1,024 bytes of the answer's body.")


class DeliveryLinks(BaseModel):
    """Where more is."""

    self: str
    redeliver: str


class Delivery(BaseModel):
    """One event on its way to one webhook."""

    model_config = example(
        {
            "id": _DELIVERY_ID,
            "webhook_id": _ID,
            "event_id": _EVENT_ID,
            "type": "run.completed",
            "run_id": _RUN_ID,
            "status": "delivered",
            "attempt_count": 1,
            "attempts": [
                {
                    "started_at": "2026-03-02T09:20:00.100Z",
                    "duration_ms": 84,
                    "status_code": 204,
                    "error": None,
                    "reply": "",
                }
            ],
            "next_attempt_at": None,
            "created_at": "2026-03-02T09:20:00.000Z",
            "finished_at": "2026-03-02T09:20:00.184Z",
            "links": {
                "self": f"/v1/webhooks/{_ID}/deliveries/{_DELIVERY_ID}",
                "redeliver": f"/v1/webhooks/{_ID}/deliveries/{_DELIVERY_ID}/redeliver",
            },
        }
    )

    id: UUID
    webhook_id: UUID
    event_id: UUID = Field(description="The event's id: the header `webhook-id`.")
    type: str
    run_id: UUID | None
    status: DeliveryStatus = Field(
        description="`exhausted`: the last attempt failed. `dropped`: the event was deleted before."
    )
    attempt_count: Count
    attempts: list[Attempt] = Field(description="The latest 20, oldest first.")
    next_attempt_at: datetime | None = Field(
        description="When it is tried again; null before the first attempt, too."
    )
    created_at: datetime
    finished_at: datetime | None
    links: DeliveryLinks


class DeliveryPage(Page[Delivery]):
    """A part of the list of deliveries."""


OPERATIONS: Mapping[Handler, Operation] = {
    webhooks.create: Operation(
        id="create_webhook",
        tag=TAG,
        summary="Make a webhook",
        description="From now on events are sent to it as Standard Webhooks 1.0 says: a POST with "
        "`{type, timestamp, data}`, where `data` is what a stream tells of the event, and the "
        "headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. The events of a run "
        "arrive in order, each at least once, with the same `webhook-id` when it comes again; "
        "those of dry runs are not sent. "
        "`types` left out or null means all but `run.progress`. The URL must begin with https:// "
        "and lead to a public address, unless the operator allows others. A body that would have "
        "20,000 bytes or more leaves out the largest members of what it is about: they are null, "
        "and `data.omitted` names them by JSON pointers into `data`.",
        body=Body(
            {JSON: WebhookBody},
            example={"url": "https://hooks.example.com/matches", "types": ["run.completed"]},
        ),
        replies={201: json_reply("The webhook, with its secret.", WebhookWithSecret, "Location")},
        errors=("conflict",),
    ),
    webhooks.list_all: Operation(
        id="list_webhooks",
        tag=TAG,
        summary="List webhooks",
        query=list_query(webhooks.LISTING),
        headers=("If-None-Match",),
        replies={200: json_reply("A page, newest first.", WebhookPage, "ETag", "Link")},
    ),
    webhooks.read: Operation(
        id="get_webhook",
        tag=TAG,
        summary="Show a webhook",
        headers=("If-None-Match",),
        replies={200: json_reply("The webhook.", Webhook, "ETag")},
    ),
    webhooks.change: Operation(
        id="update_webhook",
        tag=TAG,
        summary="Change a webhook",
        description="What the body does not say stays. Enabled again, or at another URL, it gets "
        "at once what waits; what happened while it was disabled it does not hear of.",
        body=Body({JSON: WebhookBody}, is_partial=True, example={"enabled": False}),
        headers=("If-Match",),
        replies={200: json_reply("The webhook as it is now.", Webhook, "ETag")},
    ),
    webhooks.delete: Operation(
        id="delete_webhook",
        tag=TAG,
        summary="Delete a webhook",
        description="Nothing more is sent, and its deliveries go too.",
        headers=("If-Match",),
        replies={200: json_reply("It is gone.", Deleted)},
    ),
    webhooks.rotate_secret: Operation(
        id="rotate_webhook_secret",
        tag=TAG,
        summary="Give a webhook a new secret",
        description="For 24 hours messages carry two signatures, by the new secret and by the one "
        "before.",
        replies={200: json_reply("The webhook, with its new secret.", WebhookWithSecret)},
        errors=("conflict",),
    ),
    deliveries.ping: Operation(
        id="ping_webhook",
        tag=TAG,
        summary="Send a webhook a message that says nothing",
        description="Its type is `webhook.ping`. It is tried once; the delivery tells how it went.",
        replies={202: json_reply("The delivery.", Delivery, "Location")},
        errors=("conflict",),
    ),
    deliveries.list_all: Operation(
        id="list_deliveries",
        tag=TAG,
        summary="List what was sent to a webhook",
        description="Of each webhook the newest 10,000 are kept, for 30 days; what still has to be "
        "sent stays.",
        query=list_query(
            deliveries.LISTING, Query("status", one_of(DeliveryStatus), "Only those.")
        ),
        headers=("If-None-Match",),
        replies={200: json_reply("A page, newest first.", DeliveryPage, "ETag", "Link")},
    ),
    deliveries.read: Operation(
        id="get_delivery",
        tag=TAG,
        summary="Show a delivery",
        headers=("If-None-Match",),
        replies={200: json_reply("The delivery.", Delivery, "ETag")},
    ),
    deliveries.redeliver: Operation(
        id="redeliver",
        tag=TAG,
        summary="Send a delivery again",
        description="One that has ended is sent once more, behind what waits, and climbs the whole "
        "ladder if it has to. One that waits for its next attempt goes on at once.",
        replies={202: json_reply("The delivery.", Delivery, "Location")},
        errors=("conflict",),
    ),
}
