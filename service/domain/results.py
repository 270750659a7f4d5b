"""What is a result: the verdict on one document, with the evidence for it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from service.domain.configs import MatchingRules
from service.domain.identifiers import DocumentId, ReferenceRowId, ResultId, RunId
from service.domain.runs import CONFIDENCE_DIGITS

MAX_CANDIDATES = 5


class ReviewStatus(StrEnum):
    """What a person said about a result."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class ResolvedBy(StrEnum):
    """Who settled the match."""

    RULES = "rules"
    AI = "ai"
    REVIEW = "review"


class Side(StrEnum):
    """Where a value stands, of a document and a reference row."""

    DOCUMENT = "document"
    REFERENCE = "reference"
    BOTH = "both"


class Candidate(msgspec.Struct, frozen=True):
    """A reference row that may be the document's match; `confidence` in [0, 1], 4 digits.

    `evidence` is JSON, ready to go out: by the name of each mapping (`configs.evidence_keys`), in
    their order, its `strategy`, `score` in [0, 1], the `weight` used, `document_value` and
    `reference_value`. Scores times weights add up to the confidence. `unreadable` says on which
    Side a value was there that could not be read as the date or number that the mapping needs, and
    so counts as missing; else it is left out. A structure rather than a dataclass: it is stored as
    it is encoded.
    """

    reference_row_id: ReferenceRowId
    confidence: float
    evidence: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that a mapping could not read as the date or number it needs."""

    source: str
    value: str


@dataclass(frozen=True, slots=True)
class DocumentMatch:
    """What matching found for one document: up to five candidates, best first."""

    candidates: tuple[Candidate, ...]
    unreadable: tuple[Unreadable, ...]

    def is_uncertain(self, rules: MatchingRules) -> bool:
        """Whether somebody should look: no match, but nearly, or a match with a close second."""
        if not self.candidates:
            return False
        best = self.candidates[0].confidence
        if best < rules.threshold:
            return best >= rules.review_threshold
        second = self.candidates[1].confidence if len(self.candidates) > 1 else 0.0
        return round(best - second, CONFIDENCE_DIGITS) < rules.ai.min_margin


class MatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """A stored result; `evidence` and `candidates` are the JSON texts that go out as they are.

    A structure as above: pages and exports make many.
    """

    id: ResultId
    run_id: RunId
    document_id: DocumentId
    document_filename: str | None
    matched_reference_row_id: ReferenceRowId | None
    confidence: float
    rule_confidence: float
    status: ReviewStatus
    notes: str | None
    evidence: str
    candidates: str
    resolved_by: ResolvedBy
    uncertain: bool
    error: str | None
    created_at: datetime
    reviewed_at: datetime | None
    reviewed_by: str | None
    version: int
