"""How do a webhook and its deliveries look as JSON, coming in and going out?"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, ClassVar

from pydantic import Field

from service.api.wire import WireModel, invalid, parse
from service.domain import representation
from service.domain.addresses import is_reachable
from service.domain.errors import InvalidInputError, Problem
from service.domain.events import EventType
from service.domain.representation import Json
from service.domain.webhook_urls import BadUrlError, Target, read_url
from service.domain.webhooks import DEFAULT_TYPES, Attempt, Delivery, Webhook
from service.engine.webhook_posts import Access

LONGEST_DESCRIPTION = 500

_SET_BY_THE_SERVICE = ("id", "disabled_reason", "created_at", "links", "secret")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a client says about a webhook; `types` None means the default."""

    url: str
    types: tuple[EventType, ...] | None
    description: str | None
    enabled: bool


class WebhookBody(WireModel):
    """The body of a new webhook, and of a changed one together with what it had before."""

    url: str
    types: (
        Annotated[
            list[Annotated[EventType, Field(strict=False)]],
            Field(min_length=1, max_length=len(EventType)),
        ]
        | None
    ) = None
    description: Annotated[str, Field(max_length=LONGEST_DESCRIPTION)] | None = None
    enabled: bool = True

    key_hints: ClassVar[Mapping[str, str]] = dict.fromkeys(
        _SET_BY_THE_SERVICE, "It is set by the service: leave it out."
    )


def read_new(body: Json, access: Access) -> Contents:
    """Read the body of a new webhook; raises InvalidInputError."""
    contents = _contents(parse(WebhookBody, body))
    _check_url(contents.url, access)
    return contents


def read_change(stored: Webhook, body: Json, access: Access) -> Contents:
    """Read a partial body: what it does not say stays; raises InvalidInputError."""
    if not isinstance(body, dict):
        raise invalid((Problem("wrong_type", "The body must be an object.", ""),))
    before: dict[str, Json] = {
        "url": stored.url,
        "types": None if stored.types is None else [each.value for each in stored.types],
        "description": stored.description,
        "enabled": stored.enabled,
    }
    contents = _contents(parse(WebhookBody, {**before, **body}))
    # A URL that was let in once may be paused or described, whatever is allowed today.
    if contents.url != stored.url:
        _check_url(contents.url, access)
    return contents


def write(webhook: Webhook) -> dict[str, Json]:
    """Write a webhook as a resource, without its secret."""
    path = f"/v1/webhooks/{webhook.id}"
    types = DEFAULT_TYPES if webhook.types is None else webhook.types
    return {
        "id": str(webhook.id),
        "url": webhook.url,
        "types": [each.value for each in types],
        "description": webhook.description,
        "enabled": webhook.enabled,
        "disabled_reason": webhook.disabled_reason,
        "created_at": representation.timestamp(webhook.created_at),
        "links": {"self": path, "deliveries": f"{path}/deliveries"},
    }


def write_delivery(delivery: Delivery) -> dict[str, Json]:
    """Write a delivery with its attempts."""
    path = f"/v1/webhooks/{delivery.webhook_id}/deliveries/{delivery.id}"
    return {
        "id": str(delivery.id),
        "webhook_id": str(delivery.webhook_id),
        "event_id": str(delivery.event_id),
        "type": delivery.type,
        "run_id": str(delivery.run_id) if delivery.run_id else None,
        "status": delivery.status.value,
        "attempt_count": delivery.attempt_count,
        "attempts": [_write_attempt(attempt) for attempt in delivery.attempts],
        "next_attempt_at": representation.timestamp(delivery.next_attempt_at),
        "created_at": representation.timestamp(delivery.created_at),
        "finished_at": representation.timestamp(delivery.finished_at),
        "links": {"self": path, "redeliver": f"{path}/redeliver"},
    }


def _write_attempt(attempt: Attempt) -> dict[str, Json]:
    return {
        "started_at": representation.timestamp(attempt.started_at),
        "duration_ms": attempt.duration_ms,
        "status_code": attempt.status_code,
        "error": attempt.error,
        "reply": attempt.reply,
    }


def _contents(body: WebhookBody) -> Contents:
    # In the order of the vocabulary, each once, so that the same wish reads the same.
    types = None if body.types is None else tuple(each for each in EventType if each in body.types)
    return Contents(body.url, types, body.description, body.enabled)


def _check_url(url: str, access: Access) -> None:
    """Refuse what could never be delivered to; a name is looked up when something is sent."""
    try:
        target = read_url(url, allow_http=access.allow_http)
    except BadUrlError as error:
        raise _bad_url(str(error)) from error
    if _is_forbidden_address(target, access):
        raise _bad_url(
            "must not lead to an address that is not public, unless the operator names its "
            "network in MATCHSTREAM_WEBHOOK_NETWORKS."
        )


def _is_forbidden_address(target: Target, access: Access) -> bool:
    try:
        address = str(ip_address(target.host))
    except ValueError:
        return False
    return not is_reachable(address, access.allowed_networks)


def _bad_url(rule: str) -> InvalidInputError:
    message = f"The `url` {rule}"
    return invalid((Problem("invalid_value", message, "/url"),))
