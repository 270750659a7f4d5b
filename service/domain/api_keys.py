"""What is an API key: a secret that opens one workspace, as far as its scopes reach?"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.domain.identifiers import ApiKeyId, WorkspaceId

KEY_PREFIX = "ms_"
NAME_MAX_LENGTH = 200
_SECRET_BYTES = 32


class Scope(StrEnum):
    """What a key may do; none of them implies another."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class ApiKeyStatus(StrEnum):
    """Whether a key opens anything, and why not."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A stored key, without its secret; a revoked or expired one opens nothing."""

    id: ApiKeyId
    workspace_id: WorkspaceId
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None

    def status(self, now: datetime) -> ApiKeyStatus:
        """Tell what the key is at this time."""
        if self.revoked_at is not None:
            return ApiKeyStatus.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return ApiKeyStatus.EXPIRED
        return ApiKeyStatus.ACTIVE


def new_key() -> str:
    """Return a new plain key: `ms_` and 256 random bits. It is shown once and never stored."""
    return KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def hash_key(key: str) -> bytes:
    """Return the SHA-256 of a plain key: the only form in which it is kept.

    A plain digest is enough, because the key is random and too long to be guessed.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
