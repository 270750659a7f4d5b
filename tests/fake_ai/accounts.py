"""What does a test set the service's account of the stand-in to?"""

from service.domain.ai import Account
from tests.fake_ai.vendor import GOOD_KEY, MODEL


def account(url: str, **changes: object) -> Account:
    """An account of the stand-in with wide limits, as changed."""
    settings: dict[str, object] = {
        "key": GOOD_KEY,
        "model": MODEL,
        "base_url": url,
        "requests_per_minute": 6_000,
        "input_tokens_per_minute": 6_000_000,
        "output_tokens_per_minute": 2_000_000,
        "max_in_flight": 64,
        "timeout_seconds": 10.0,
        "give_up_seconds": 30.0,
        **changes,
    }
    return Account(**settings)  # type: ignore[arg-type]
