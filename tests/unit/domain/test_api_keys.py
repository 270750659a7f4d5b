"""Are keys unguessable, recognisable, and kept as a digest?"""

import hashlib

from service.domain.api_keys import KEY_PREFIX, hash_key, new_key


def test_a_new_key_is_recognised_and_has_256_random_bits() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {len(KEY_PREFIX) + 43}
    assert all(key.startswith("ms_") and key.isascii() for key in keys)


def test_a_key_is_kept_as_its_sha_256() -> None:
    assert hash_key("ms_abc") == hashlib.sha256(b"ms_abc").digest()


def test_a_key_that_is_no_unicode_has_a_digest_too() -> None:
    assert len(hash_key("ms_\udc80")) == 32
