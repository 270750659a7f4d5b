"""How does what the AI pass did look in replies? For their documentation."""

from pydantic import BaseModel, Field

from service.api.contract.models import Count, Share
from service.domain.ai import AiStatus, AiVerdict


class AiPass(BaseModel):
    """How far a run's AI pass is, and what it took."""

    status: AiStatus = Field(
        description="`partial`: some of the documents keep the rules' answers; `failed`: all do."
    )
    to_resolve: Count | None = Field(description="Documents to decide; null until it begins.")
    resolved: Count
    unresolved: Count = Field(description="Those that keep the rules' answers.")
    cached: Count = Field(description="Of the resolved: decided by an earlier equal question.")
    requests: Count
    input_tokens: Count
    output_tokens: Count
    cost_usd: float
    estimated: bool = Field(description="Nothing was asked: the figures say what it would take.")
    error: str | None = Field(description="Why some keep the rules' answers, and what to do.")


class AiEvidence(BaseModel):
    """What the AI said of a document."""

    model: str
    decision: AiVerdict
    confidence: Share | None
    rationale: str | None
