"""What are things called: our own ids, the ids that clients bring, and how they are made."""

from typing import NewType
from uuid import UUID

from uuid_utils.compat import uuid7

WorkspaceId = NewType("WorkspaceId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
SessionId = NewType("SessionId", UUID)
ReferenceDataId = NewType("ReferenceDataId", UUID)
ConfigId = NewType("ConfigId", UUID)
RunId = NewType("RunId", UUID)
ResultId = NewType("ResultId", UUID)
EventId = NewType("EventId", UUID)
WorkerId = NewType("WorkerId", UUID)
WebhookId = NewType("WebhookId", UUID)
DeliveryId = NewType("DeliveryId", UUID)

# Brought by clients: 1 to 200 characters, kept as they are, ordered by code point.
DocumentId = NewType("DocumentId", str)
ReferenceRowId = NewType("ReferenceRowId", str)

CLIENT_ID_MAX_LENGTH = 200
DEFAULT_COLLECTION = "default"


def new_id() -> UUID:
    """Return a new UUIDv7: ids made later sort later (RFC 9562)."""
    return uuid7()
