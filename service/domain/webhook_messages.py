"""What is sent to a webhook, and how does the receiver know that it is from us?

The form is that of Standard Webhooks 1.0: three headers, and a signature over id, time and body.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from datetime import datetime

from service.domain import representation
from service.domain.identifiers import EventId
from service.domain.representation import Json

# A body stays below this.
MAX_BODY_BYTES = 20_000
SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with
_SECRET_BYTES = 24


def new_secret() -> str:
    """Return a new secret: `whsec_` and 192 random bits in base64. It is shown once."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def headers(
    event_id: EventId, moment: datetime, body: bytes, signing: Sequence[str]
) -> dict[str, str]:
    """Return the headers of one attempt at `moment`, signed with each of the secrets."""
    timestamp = str(int(moment.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": str(event_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in signing),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def body(event_type: str, created_at: datetime, data: str) -> bytes:
    """Write the body `{type, timestamp, data}` in fewer than MAX_BODY_BYTES.

    `data` is the JSON text that a stream tells of the event, and goes out as it is. Where it is
    too long, the largest members of the thing it is about (`run`, `result`, …) become null, and
    `omitted` names them by JSON pointers into `data`: whoever needs them asks the API.
    """
    start = f'{{"type":"{event_type}","timestamp":"{representation.timestamp(created_at)}","data":'
    text = f"{start}{data}}}".encode()
    if len(text) < MAX_BODY_BYTES:
        return text
    whole: dict[str, Json] = json.loads(data)
    omitted: list[Json] = []
    while len(text) >= MAX_BODY_BYTES:
        omitted.append(_leave_out_largest(whole))
        text = f"{start}{_encode({**whole, 'omitted': omitted})}}}".encode()
    return text


def _leave_out_largest(data: dict[str, Json]) -> str:
    """Make null what takes most room in the thing that the event is about; return the pointer."""
    about, thing = next((name, value) for name, value in data.items() if isinstance(value, dict))
    largest = max(thing, key=lambda name: len(_encode(thing[name]).encode()))
    data[about] = {**thing, largest: None}
    return f"/{about}/{largest}"


def _encode(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
