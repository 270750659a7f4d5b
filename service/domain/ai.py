"""What is the AI pass of a run: how far is it, what did it cost, and what did it decide?"""

import math
from dataclasses import dataclass, field
from enum import StrEnum

from service.domain.identifiers import DocumentId, ReferenceRowId

# Money is counted in whole thousand-millionths of a dollar: a token costs hundreds of them.
NANODOLLARS = 1_000_000_000
COST_DIGITS = 6
TOKENS_OF_PRICE = 1_000_000


class AiStatus(StrEnum):
    """What became of a run's AI pass.

    `partial`: some documents keep the rules' answer although they were to be resolved; `failed`:
    all of them do.
    """

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"


class AiVerdict(StrEnum):
    """What the AI pass says of a document; `unresolved`: the rules' answer stays."""

    MATCH = "match"
    NONE = "none"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class AiFigures:
    """How far a run's AI pass is and what it took; over all passes, where there were several.

    `to_resolve` is None until the documents are chosen. `unresolved` keep the rules' answer,
    `cached` of the `resolved` were decided by an earlier equal question and cost nothing.
    `is_estimate`: nothing was asked, the figures say what asking would take.
    """

    status: AiStatus
    to_resolve: int | None = None
    resolved: int = 0
    unresolved: int = 0
    cached: int = 0
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanodollars: int = 0
    documents_per_second: float | None = None
    is_estimate: bool = False
    error: str | None = None

    @property
    def cost_usd(self) -> float:
        """The cost in US dollars, to the millionth."""
        return round(self.cost_nanodollars / NANODOLLARS, COST_DIGITS)

    @property
    def share_done(self) -> float:
        """The share of the documents that are settled, in [0, 1]."""
        if not self.to_resolve:
            return 0.0
        return round((self.resolved + self.unresolved) / self.to_resolve, 4)

    @property
    def seconds_remaining(self) -> float | None:
        """Documents left over the rate so far, in seconds; None as long as there is no rate."""
        if self.to_resolve is None or not self.documents_per_second:
            return None
        left = self.to_resolve - self.resolved - self.unresolved
        return round(left / self.documents_per_second, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AiDecision:
    """What the AI pass decided of one document, as it is stored.

    `row_id` is None unless the verdict is a match. `confidence` in [0, 1] and `rule_confidence`
    are those of the result from now on; `evidence` is its JSON text.
    """

    document_id: DocumentId
    verdict: AiVerdict
    row_id: ReferenceRowId | None
    confidence: float
    rule_confidence: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answered request took: tokens as the vendor counts them.

    `input_tokens` leaves out what was read from (`cache_read`) and written to (`cache_written`)
    the vendor's prompt cache.
    """

    input_tokens: int
    output_tokens: int
    cache_read: int = 0
    cache_written: int = 0

    @property
    def all_input(self) -> int:
        """Every token that was sent."""
        return self.input_tokens + self.cache_read + self.cache_written

    @property
    def limited_input(self) -> int:
        """The tokens that count towards the limit of input tokens."""
        return self.input_tokens + self.cache_written


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens; by default those of the default model."""

    input: float = 0.10
    output: float = 0.50
    cache_read: float = 0.01
    cache_write: float = 0.125

    def cost(self, usage: Usage) -> int:
        """Return the cost in nanodollars, a part of one counted whole."""
        per_million = (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_read * self.cache_read
            + usage.cache_written * self.cache_write
        )
        # Rounded first, since 0.1 is not a tenth to a machine.
        return math.ceil(round(per_million * NANODOLLARS / TOKENS_OF_PRICE, 3))


@dataclass(frozen=True, slots=True)
class Plan:
    """How the pass asks, and what that costs."""

    prices: Prices = Prices()
    documents_per_request: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How the vendor is reached, and how much may be asked; `key` is a secret.

    The limits per minute hold until the vendor tells its own. A pass gives up when nothing was
    answered for `give_up_seconds`.
    """

    key: str = field(repr=False)
    model: str
    base_url: str
    requests_per_minute: float
    input_tokens_per_minute: float
    output_tokens_per_minute: float
    max_in_flight: int
    timeout_seconds: float
    give_up_seconds: float
