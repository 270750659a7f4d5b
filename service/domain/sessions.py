"""What is a browser's session: a secret that stands for a key for some hours?"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from service.domain.identifiers import SessionId

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """A stored session, without its secret."""

    id: SessionId
    expires_at: datetime


def new_token() -> str:
    """Return a new plain token of 256 random bits."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def hash_token(token: str) -> bytes:
    """Return the SHA-256 in which a token is kept; a key's is never the same."""
    return hashlib.sha256(b"session " + token.encode("utf-8", "surrogatepass")).digest()
