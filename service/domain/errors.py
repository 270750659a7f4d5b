"""Which failures does Matchstream name, and what does each tell the person who caused it?

Every error carries a stable `code`; `service/api/errors.py` holds the table code -> HTTP status.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: where it is, a stable code, and a sentence.

    `pointer` is a JSON pointer (RFC 6901) into the request body or, for a query parameter, its
    name; `row` and `column` place a problem in an uploaded file or list (rows count from 1, the
    header line of a CSV file is not counted).
    """

    code: str
    message: str
    pointer: str | None = None
    row: int | None = None
    column: str | None = None


class MatchstreamError(Exception):
    """Base of every error of ours; `str(error)` is a sentence a user can act on."""

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False
    # How long a client should wait before it tries again, where that is known.
    retry_after_seconds: int | None = None


class InvalidInputError(MatchstreamError):
    """The request cannot be accepted as it is; `problems` says why, place by place."""

    code = "validation_error"

    def __init__(self, detail: str, problems: tuple[Problem, ...] = ()) -> None:
        """Keep the sentence and the list of single problems behind it."""
        super().__init__(detail)
        self.problems = problems


class UnauthorizedError(MatchstreamError):
    """No API key came with the request, or none that is valid."""

    code = "unauthorized"


class InsufficientScopeError(MatchstreamError):
    """The key is valid but lacks the scope that the route asks for."""

    code = "insufficient_scope"


class CrossSiteRequestError(MatchstreamError):
    """A change came with a browser's cookie, but not from a page of this service."""

    code = "cross_site_request"


class NotFoundError(MatchstreamError):
    """There is no such thing in the caller's workspace."""

    code = "not_found"


class ConflictError(MatchstreamError):
    """The request is well formed, but the thing is in a state that does not allow it."""

    code = "conflict"


class AiNotConfiguredError(MatchstreamError):
    """The AI pass was asked for and no key for it is set."""

    code = "ai_not_configured"


class PreconditionFailedError(MatchstreamError):
    """`If-Match` names an older version than the stored one."""

    code = "precondition_failed"


class PayloadTooLargeError(MatchstreamError):
    """The body is larger than this route takes."""

    code = "payload_too_large"


class UnsupportedMediaTypeError(MatchstreamError):
    """The body's content type is not one this route reads."""

    code = "unsupported_media_type"


class IdempotencyKeyInUseError(ConflictError):
    """The first request with the same `Idempotency-Key` has not ended yet."""

    retryable = True
    retry_after_seconds = 1

    def __init__(self) -> None:
        """Say so."""
        super().__init__("The first request with this Idempotency-Key is still being answered.")


class IdempotencyMismatchError(MatchstreamError):
    """The same `Idempotency-Key` came with another content before."""

    code = "idempotency_mismatch"


class RateLimitedError(MatchstreamError):
    """The key has used up what it may ask for in a minute."""

    code = "rate_limited"
    retryable = True

    def __init__(self, detail: str, retry_after_seconds: int) -> None:
        """Keep the sentence, and when the next request is taken."""
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(MatchstreamError):
    """A part that the request needs, the database for one, does not answer now."""

    code = "unavailable"
    retryable = True


class TookTooLongError(UnavailableError):
    """The database worked on one statement for longer than it may."""


class LeaseLostError(MatchstreamError):
    """Another worker owns the run now: the old owner must stop and write nothing more."""

    code = "lease_lost"


class MatchingFailedError(MatchstreamError):
    """A run cannot go on; the sentence becomes the run's `error`."""

    code = "matching_failed"


class StartupError(MatchstreamError):
    """The service cannot start here; the sentence says why and what to do."""

    code = "startup_failed"
