"""How does the database keep secrets that must be read back? Encrypted, each for its row.

AES-256-GCM with a random nonce; the id of the row is authenticated with it, so that a secret copied
into another row opens nothing.
"""

import os
import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12
_KEY_BYTES = 32
_FINGERPRINT_BYTES = 16


def new_key() -> str:
    """Return a new key: 256 random bits."""
    return secrets.token_urlsafe(_KEY_BYTES)


class UndecipherableError(Exception):
    """What is stored was encrypted by another key, or for another row."""


class SecretBox:
    """Encrypts and decrypts by one key."""

    def __init__(self, key: str) -> None:
        """Derive what is needed from a text that nobody can guess."""
        self._cipher = AESGCM(_derive(key, b"matchstream secrets", _KEY_BYTES))
        # Tells this key from others, and nothing about it.
        self.fingerprint = _derive(key, b"matchstream key fingerprint", _FINGERPRINT_BYTES)

    @classmethod
    def with_new_key(cls) -> "SecretBox":
        """Make one whose key is written down nowhere."""
        return cls(new_key())

    def encrypt(self, secret: str, owner: UUID) -> bytes:
        """Encrypt a secret of the row with the id `owner`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), owner.bytes)

    def decrypt(self, stored: bytes, owner: UUID) -> str:
        """Return the secret; raises UndecipherableError."""
        nonce, text = stored[:_NONCE_BYTES], stored[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, text, owner.bytes).decode()
        except (InvalidTag, ValueError) as error:
            raise UndecipherableError("The secret was encrypted by another key.") from error


def _derive(key: str, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(key.encode())
