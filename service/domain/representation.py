"""How do runs, progress and reference data look as JSON, in replies and in events alike?"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from service.domain.ai import AiFigures
from service.domain.reference import ReferenceData
from service.domain.results import MatchResult
from service.domain.runs import Run, RunWarning

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


# What was stored together has one moment, and stands on one page.
@lru_cache(maxsize=256)
def timestamp(moment: datetime | None) -> str | None:
    """Write a moment as ISO 8601 in UTC with milliseconds and `Z`."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run(value: Run) -> dict[str, Json]:
    """A run without its results."""
    path = f"/v1/matching/runs/{value.id}"
    return {
        "id": str(value.id),
        "matching_config_id": str(value.matching_config_id),
        "status": value.status.value,
        "triggered_by": value.triggered_by.value,
        "rows_total": value.rows_total,
        "rows_processed": value.rows_processed,
        "rows_matched": value.rows_matched,
        "avg_confidence": value.avg_confidence,
        "dry_run": value.dry_run,
        "reference_data_version": value.reference_data_version,
        "config_version": value.config_version,
        "warnings": warnings(value.warnings),
        "ai": ai(value.ai),
        "error": value.error,
        "created_at": timestamp(value.created_at),
        "started_at": timestamp(value.started_at),
        "resumed_at": timestamp(value.resumed_at),
        "completed_at": timestamp(value.completed_at),
        "seconds_worked": value.seconds_worked,
        "version": value.version,
        "last_event_id": value.last_event_id,
        "links": {
            "self": path,
            "config": f"/v1/matching/configs/{value.matching_config_id}",
            "progress": f"{path}/progress",
            "events": f"{path}/events",
            "results": f"{path}/results",
        },
    }


def warnings(values: Sequence[RunWarning]) -> list[Json]:
    """What did not stop a run: the same form in replies and in the database."""
    return [{"code": each.code, "count": each.count, "sample": each.sample} for each in values]


def progress(value: Run) -> dict[str, Json]:
    """How far a run is, as of its event `last_event_id`."""
    return {
        "run_id": str(value.id),
        "status": value.status.value,
        "phase": value.phase.value,
        "phase_progress": value.phase_progress,
        "rows_total": value.rows_total,
        "rows_processed": value.rows_processed,
        "rows_matched": value.rows_matched,
        "avg_confidence": value.avg_confidence,
        "rows_per_second": value.rows_per_second,
        "estimated_seconds_remaining": value.estimated_seconds_remaining,
        "ai": ai(value.ai),
        "started_at": timestamp(value.started_at),
        "updated_at": timestamp(value.updated_at),
        "last_event_id": value.last_event_id,
    }


def ai(value: AiFigures | None) -> dict[str, Json] | None:
    """The AI pass of a run; None where it has none."""
    if value is None:
        return None
    return {
        "status": value.status.value,
        "to_resolve": value.to_resolve,
        "resolved": value.resolved,
        "unresolved": value.unresolved,
        "cached": value.cached,
        "requests": value.requests,
        "input_tokens": value.input_tokens,
        "output_tokens": value.output_tokens,
        "cost_usd": value.cost_usd,
        "estimated": value.is_estimate,
        "error": value.error,
    }


def result(value: MatchResult) -> dict[str, Json]:
    """A result without its evidence and candidates, whose JSON texts are stored as they go out."""
    return {
        "id": str(value.id),
        "document_id": value.document_id,
        "document_filename": value.document_filename,
        "matched_reference_row_id": value.matched_reference_row_id,
        "confidence": value.confidence,
        "rule_confidence": value.rule_confidence,
        "status": value.status.value,
        "notes": value.notes,
        "resolved_by": value.resolved_by.value,
        "uncertain": value.uncertain,
        "error": value.error,
        "created_at": timestamp(value.created_at),
        "reviewed_at": timestamp(value.reviewed_at),
        "reviewed_by": value.reviewed_by,
        "version": value.version,
    }


def reference_data(value: ReferenceData) -> dict[str, Json]:
    """Reference data as a resource."""
    path = f"/v1/reference-data/{value.id}"
    return {
        "id": str(value.id),
        "name": value.name,
        "source_type": value.source_type.value,
        "status": value.status.value,
        "error": value.error,
        "row_count": value.current.row_count,
        "version": value.current.version,
        "columns": [
            {"name": column.name, "type": column.type.value} for column in value.current.columns
        ],
        "created_at": timestamp(value.created_at),
        "updated_at": timestamp(value.updated_at),
        "links": {"self": path, "rows": f"{path}/rows", "export": f"{path}/export"},
    }
