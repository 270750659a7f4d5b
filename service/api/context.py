"""What does a handler know of the service around it and of who is calling?"""

from dataclasses import dataclass, field

from starlette.requests import Request

from service.api.limits import Limits
from service.api.memory import Memory
from service.api.quotas import Quotas
from service.api.request_leases import RequestLeases
from service.domain.api_keys import Scope
from service.domain.identifiers import ApiKeyId, WorkspaceId
from service.domain.sessions import Session
from service.engine.hub import Hub
from service.engine.signals import Signals
from service.engine.uploads import Uploads
from service.engine.webhook_posts import Access
from service.store.database import Database
from service.store.secret_box import SecretBox


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTimes:
    """How often a silent stream says that it lives, and when a reader that takes nothing goes.

    After `check_seconds` the reader's key or session is looked up again.
    """

    ping_seconds: float = 15.0
    send_timeout_seconds: float = 20.0
    check_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class WebhookDesk:
    """Where webhooks may lead, and what their secrets are encrypted by.

    By default only to public addresses, and by a key that ends with the process.
    """

    access: Access = field(default_factory=Access)
    box: SecretBox = field(default_factory=SecretBox.with_new_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the process owns and handlers use; the lifespan sets it as `app.state.services`."""

    database: Database
    signals: Signals
    hub: Hub
    uploads: Uploads
    # Whether a key for the AI pass is set.
    has_ai: bool = False
    webhooks: WebhookDesk = field(default_factory=WebhookDesk)
    limits: Limits = field(default_factory=Limits)
    callers: "Memory[Caller]" = field(default_factory=lambda: Memory[Caller]())
    # How large the results of a run are, which pages of them were read a while ago.
    result_sizes: Memory[int] = field(default_factory=lambda: Memory[int]())
    quotas: Quotas = field(default_factory=Quotas)
    request_leases: RequestLeases = field(default_factory=RequestLeases)
    stream_times: StreamTimes = field(default_factory=StreamTimes)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key came with the request; every query is about this workspace alone.

    A browser came with a `session` that was begun with the key.
    """

    workspace_id: WorkspaceId
    api_key_id: ApiKeyId
    key_name: str
    scopes: frozenset[Scope]
    session: Session | None = None


def services(request: Request) -> Services:
    """Return the services of the application that received the request."""
    value: Services = request.app.state.services
    return value
