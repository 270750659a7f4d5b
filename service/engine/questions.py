"""How does a stored result become a question to the model, and its answer a decision to store?"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from service.ai import prompt
from service.ai.prompt import Decision, Option, Question
from service.domain.ai import AiDecision, AiVerdict
from service.domain.configs import AI_EVIDENCE, MatchingRules
from service.domain.documents import FieldValue
from service.domain.identifiers import DocumentId, ReferenceRowId
from service.store.ai_decisions import OpenDocument

DELETED = "the document was deleted before it was asked about"


class _StoredEvidence(msgspec.Struct):
    document_value: FieldValue
    reference_value: str | None


class _StoredCandidate(msgspec.Struct):
    reference_row_id: str
    confidence: float
    evidence: msgspec.Raw


_candidates = msgspec.json.Decoder(list[_StoredCandidate])
_evidence = msgspec.json.Decoder(dict[str, _StoredEvidence])
_raw_evidence = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class Case:
    """A document that is asked about; `asked` counts answers that did not decide it.

    `question` is what the model sees, `identity` equal for equal questions, `size` its bytes.
    """

    document_id: DocumentId
    question: Question
    identity: bytes
    size: int
    candidates: str
    asked: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of the document: it was deleted meanwhile."""
        return all(value is None for value in self.question.fields.values())


async def read_cases(documents: Sequence[OpenDocument], model: str) -> list[Case]:
    """Make the questions of documents, letting others in between: one may take a millisecond."""
    cases = []
    for document in documents:
        cases.append(_read_case(document, model))
        await asyncio.sleep(0)
    return cases


def _read_case(document: OpenDocument, model: str) -> Case:
    """Make the question of a document from what the rules stored: mapped fields alone."""
    stored = _candidates.decode(document.candidates)
    evidence = [_evidence.decode(each.evidence) for each in stored]
    question = prompt.shorten(
        Question(
            {name: each.document_value for name, each in evidence[0].items()},
            tuple(
                Option(candidate.confidence, _reference_values(fields))
                for candidate, fields in zip(stored, evidence, strict=True)
            ),
        )
    )
    return Case(
        document_id=document.document_id,
        question=question,
        identity=prompt.identify(question, model),
        size=prompt.size(question),
        candidates=document.candidates,
    )


def _reference_values(evidence: Mapping[str, _StoredEvidence]) -> dict[str, FieldValue]:
    return {name: each.reference_value for name, each in evidence.items()}


def decide(case: Case, decision: Decision, model: str) -> AiDecision:
    """Turn the model's answer into the result: the chosen row, or none and the best candidate."""
    stored = _candidates.decode(case.candidates)
    chosen = stored[decision.choice or 0]
    is_match = decision.choice is not None
    verdict = AiVerdict.MATCH if is_match else AiVerdict.NONE
    said = _said(model, verdict, decision.confidence, decision.rationale)
    return AiDecision(
        document_id=case.document_id,
        verdict=verdict,
        row_id=ReferenceRowId(chosen.reference_row_id) if is_match else None,
        confidence=decision.confidence if is_match else chosen.confidence,
        rule_confidence=chosen.confidence,
        evidence=_with_ai(chosen.evidence, said),
    )


def keep_rules(case: Case, rules: MatchingRules, reason: str, model: str) -> AiDecision:
    """Leave the rules' answer as it is, and say why the model did not decide."""
    best = _candidates.decode(case.candidates)[0]
    is_match = best.confidence >= rules.threshold
    return AiDecision(
        document_id=case.document_id,
        verdict=AiVerdict.UNRESOLVED,
        row_id=ReferenceRowId(best.reference_row_id) if is_match else None,
        confidence=best.confidence,
        rule_confidence=best.confidence,
        evidence=_with_ai(best.evidence, _said(model, AiVerdict.UNRESOLVED, None, reason)),
    )


def _said(
    model: str, verdict: AiVerdict, confidence: float | None, rationale: str
) -> dict[str, str | float | None]:
    return {
        "model": model,
        "decision": verdict.value,
        "confidence": confidence,
        "rationale": rationale,
    }


def _with_ai(evidence: msgspec.Raw, said: Mapping[str, object]) -> str:
    fields: dict[str, object] = {**_raw_evidence.decode(evidence), AI_EVIDENCE: said}
    return _encoder.encode(fields).decode()
