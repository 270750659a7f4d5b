"""What did the AI pass decide of which document, and what has it decided before?"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.ai import AiDecision
from service.domain.identifiers import DocumentId, RunId, WorkspaceId
from service.domain.runs import CONFIDENCE_UNITS
from service.store.database import Connection, Record


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """A document that waits for a decision; `candidates` is the JSON text of its result."""

    position: int
    document_id: DocumentId
    candidates: str


# Two statements, not a join: for tables that were just filled and have no statistics yet, the
# planner joins by reading one of them whole.
_OPEN = """
SELECT position, document_id FROM ai_documents
WHERE run_id = $1 AND position > $2 AND verdict IS NULL
ORDER BY position
LIMIT $3
"""
_CANDIDATES = """
SELECT document_id, candidates FROM results WHERE run_id = $1 AND document_id = ANY($2::text[])
"""


async def fetch_open(
    connection: Connection, run_id: RunId, after: int, limit: int
) -> list[OpenDocument]:
    """Return up to `limit` undecided documents behind the position `after`, in order."""
    return await _read(connection, run_id, await connection.fetch(_OPEN, run_id, after, limit))


_SAMPLE = """
SELECT position, document_id FROM ai_documents
WHERE run_id = $1 AND position % $2 = 0
ORDER BY position
"""


async def fetch_sample(connection: Connection, run_id: RunId, step: int) -> list[OpenDocument]:
    """Return every `step`-th of the documents that the pass looks at."""
    return await _read(connection, run_id, await connection.fetch(_SAMPLE, run_id, step))


async def _read(
    connection: Connection, run_id: RunId, records: Sequence[Record]
) -> list[OpenDocument]:
    ids = [record["document_id"] for record in records]
    found = {
        record["document_id"]: record["candidates"]
        for record in await connection.fetch(_CANDIDATES, run_id, ids)
    }
    return [
        OpenDocument(record["position"], DocumentId(record["document_id"]), found[each])
        for record, each in zip(records, ids, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Change:
    """What decisions change in the counters of the run; `confidence_sum` in ten-thousandths."""

    matched: int
    confidence_sum: int


# The proposal of the AI replaces that of the rules; what a person reviewed stays.
_DECIDE = """
WITH decided AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::text[])
        AS of_ai (document_id, verdict, row_id, confidence, rule_confidence, evidence)
), settled AS (
    UPDATE ai_documents SET verdict = decided.verdict
    FROM decided
    WHERE ai_documents.run_id = $1 AND ai_documents.document_id = decided.document_id
      AND ai_documents.verdict IS NULL
    RETURNING decided.*
), before AS (
    SELECT settled.*, matched_reference_row_id AS row_id_before,
           results.confidence AS confidence_before
    FROM results JOIN settled USING (document_id)
    WHERE results.run_id = $1 AND status = 'pending' AND resolved_by = 'rules'
    FOR UPDATE OF results
)
UPDATE results
SET evidence = before.evidence::json,
    confidence = before.confidence, rule_confidence = before.rule_confidence,
    proposed_reference_row_id = before.row_id, matched_reference_row_id = before.row_id,
    proposed_by = CASE WHEN before.verdict = 'unresolved' THEN 'rules' ELSE 'ai' END,
    resolved_by = CASE WHEN before.verdict = 'unresolved' THEN 'rules' ELSE 'ai' END,
    uncertain = uncertain AND before.verdict = 'unresolved',
    version = results.version + 1
FROM before
WHERE results.run_id = $1 AND results.document_id = before.document_id
RETURNING before.row_id_before, before.confidence_before,
          results.matched_reference_row_id AS row_id, results.confidence
"""


async def decide(connection: Connection, run_id: RunId, decisions: Sequence[AiDecision]) -> Change:
    """Write decisions into the results; a document that was settled before is left alone.

    Of an unresolved document `row_id` and the confidences are those of the rules.
    """
    records = await connection.fetch(
        _DECIDE,
        run_id,
        [each.document_id for each in decisions],
        [each.verdict for each in decisions],
        [each.row_id for each in decisions],
        [each.confidence for each in decisions],
        [each.rule_confidence for each in decisions],
        [each.evidence for each in decisions],
    )
    before = [r["confidence_before"] for r in records if r["row_id_before"] is not None]
    after = [r["confidence"] for r in records if r["row_id"] is not None]
    return Change(len(after) - len(before), _units(after) - _units(before))


def _units(confidences: Sequence[float]) -> int:
    return sum(round(each * CONFIDENCE_UNITS) for each in confidences)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was decided of a question before: the place of the chosen candidate, or None."""

    question: bytes
    document_id: DocumentId
    choice: int | None
    confidence: float
    rationale: str


_REMEMBER = """
INSERT INTO ai_answers (workspace_id, run_id, question, document_id, choice, confidence, rationale)
SELECT $1, $2, * FROM unnest($3::bytea[], $4::text[], $5::int[], $6::float8[], $7::text[])
ON CONFLICT (workspace_id, question) DO NOTHING
"""


async def remember(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId, answers: Sequence[Answer]
) -> None:
    """Keep answers, so that an equal question is not asked again."""
    # Always in one order, so that two runs that keep the same answers cannot wait for each other.
    ordered = sorted(answers, key=lambda each: each.question)
    await connection.execute(
        _REMEMBER,
        workspace_id,
        run_id,
        [each.question for each in ordered],
        [each.document_id for each in ordered],
        [each.choice for each in ordered],
        [each.confidence for each in ordered],
        [each.rationale for each in ordered],
    )


_RECALL = """
SELECT question, document_id, choice, confidence, rationale FROM ai_answers
WHERE workspace_id = $1 AND question = ANY($2::bytea[])
"""


async def recall(
    connection: Connection, workspace_id: WorkspaceId, questions: Sequence[bytes]
) -> dict[bytes, Answer]:
    """Return the answers that the workspace has for the questions, by question."""
    records = await connection.fetch(_RECALL, workspace_id, questions)
    return {
        record["question"]: Answer(
            question=record["question"],
            document_id=DocumentId(record["document_id"]),
            choice=record["choice"],
            confidence=record["confidence"],
            rationale=record["rationale"],
        )
        for record in records
    }
