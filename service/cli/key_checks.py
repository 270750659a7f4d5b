"""Does the API key that commands use open anything, and if not, why?"""

from datetime import datetime

from service.cli import address
from service.cli.answers import ClientError
from service.cli.findings import Finding
from service.domain.api_keys import ApiKeyStatus
from service.domain.errors import MatchstreamError
from service.domain.representation import timestamp
from service.settings import Settings
from service.store import first_key
from service.store.inspection import Seen

SUBJECT = "API key"
ADVICE = "Make one with 'matchstream keys create --name NAME', and put it into MATCHSTREAM_API_KEY."
_UNAUTHORIZED, _FORBIDDEN = 401, 403


def known(settings: Settings) -> str | None:
    """Return the key that commands would use; None where there is none."""
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    if settings.url is None or address.is_own(settings, settings.url):
        return first_key.read(settings.data_dir)
    return None


def missing(*, is_needed: bool) -> Finding:
    """Say that there is none."""
    if is_needed:
        return Finding(SUBJECT, "none is known", ADVICE)
    return Finding(SUBJECT, "none is kept here; the first start makes one")


def asked(refusal: MatchstreamError | None, seen: Seen | None, now: datetime) -> Finding:
    """Say what the service said to the key, and what the database knows about it, if it does."""
    if refusal is None:
        return Finding(SUBJECT, "opens the service")
    status = refusal.status if isinstance(refusal, ClientError) else _UNAUTHORIZED
    if status == _FORBIDDEN:
        return Finding(SUBJECT, f"does not reach far enough: {refusal}", ADVICE)
    if status != _UNAUTHORIZED:
        return Finding(SUBJECT, "could not be tried", str(refusal))
    why = _end(seen, now) or str(refusal).rstrip(".")
    return Finding(SUBJECT, f"is refused: {why}", ADVICE)


def unasked(seen: Seen | None, now: datetime, *, is_given: bool) -> Finding:
    """Say what the database knows about the key, where no service can be asked."""
    why = _end(seen, now)
    if why is not None:
        return Finding(SUBJECT, why, ADVICE)
    if seen is not None and seen.key is not None:
        return Finding(SUBJECT, "is good")
    if seen is not None and seen.migration and is_given:
        return Finding(SUBJECT, "the database knows none like it", ADVICE)
    return Finding(SUBJECT, "was not tried: no service answers")


def _end(seen: Seen | None, now: datetime) -> str | None:
    """Say when the key ended; None where it did not, as far as is known."""
    if seen is None or seen.key is None:
        return None
    match seen.key.status(now):
        case ApiKeyStatus.REVOKED:
            return f"it was revoked at {timestamp(seen.key.revoked_at)}"
        case ApiKeyStatus.EXPIRED:
            return f"it expired at {timestamp(seen.key.expires_at)}"
        case ApiKeyStatus.ACTIVE:
            return None
