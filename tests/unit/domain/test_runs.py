"""Do runs move only along legal transitions, and do their figures add up?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.identifiers import ConfigId, ReferenceDataId, RunId, WorkspaceId, new_id
from service.domain.runs import (
    TERMINAL_STATUSES,
    TRANSITIONS,
    Phase,
    Run,
    RunStatus,
    TriggeredBy,
    sources_of,
)

NOW = datetime(2024, 10, 2, 14, 0, 0, 123456, tzinfo=UTC)


def make_run() -> Run:
    """Make a run in the middle of matching."""
    return Run(
        id=RunId(new_id()),
        workspace_id=WorkspaceId(new_id()),
        matching_config_id=ConfigId(new_id()),
        reference_data_id=ReferenceDataId(new_id()),
        status=RunStatus.RUNNING,
        phase=Phase.MATCHING,
        triggered_by=TriggeredBy.API,
        dry_run=False,
        collection="default",
        document_ids=None,
        config_version=1,
        reference_data_version=1,
        rows_total=200,
        rows_processed=50,
        rows_matched=40,
        confidence_sum=360_000,
        rows_per_second=25.0,
        warnings=(),
        error=None,
        attempts_without_progress=0,
        version=2,
        last_event_id=4,
        created_at=NOW,
        started_at=NOW,
        completed_at=None,
        updated_at=NOW,
    )


def test_every_status_has_a_row_in_the_table_of_transitions() -> None:
    assert set(TRANSITIONS) == set(RunStatus)


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED])
def test_nothing_follows_a_failed_or_cancelled_run(status: RunStatus) -> None:
    assert not TRANSITIONS[status]


@given(st.sampled_from(RunStatus))
def test_sources_are_the_transitions_read_backwards(status: RunStatus) -> None:
    assert set(sources_of(status)) == {
        source for source in RunStatus if status in TRANSITIONS[source]
    }


def test_a_run_may_be_cancelled_only_while_it_is_alive() -> None:
    alive = {status for status in RunStatus if not status.is_terminal}
    assert set(sources_of(RunStatus.CANCELLED)) == alive
    assert alive.isdisjoint(TERMINAL_STATUSES)


def test_the_mean_confidence_is_over_the_matched_results() -> None:
    assert make_run().avg_confidence == 0.9


@pytest.mark.parametrize("matched", [None, 0])
def test_there_is_no_mean_without_a_match(matched: int | None) -> None:
    assert replace(make_run(), rows_matched=matched).avg_confidence is None


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=300))
def test_the_mean_of_stored_confidences_is_exact_to_four_digits(units: list[int]) -> None:
    run = replace(make_run(), rows_matched=len(units), confidence_sum=sum(units))
    assert run.avg_confidence is not None
    assert abs(run.avg_confidence - sum(units) / len(units) / 10_000) <= 0.5001e-4


def test_the_time_that_a_run_lay_completed_is_not_worked() -> None:
    run = replace(make_run(), completed_at=NOW + timedelta(seconds=2.5))
    assert run.seconds_worked == 2.5
    opened = replace(
        run,
        resumed_at=NOW + timedelta(minutes=13),
        completed_at=NOW + timedelta(minutes=14),
        seconds_worked_before=2.5,
    )
    assert opened.seconds_worked == 62.5
    assert make_run().seconds_worked is None
    assert replace(run, started_at=None).seconds_worked is None


@pytest.mark.parametrize(
    ("phase", "total", "share"),
    [
        (Phase.QUEUED, None, 0.0),
        (Phase.LOADING, 200, 0.0),
        (Phase.MATCHING, 200, 0.25),
        (Phase.MATCHING, 0, 0.0),
        (Phase.DONE, 200, 0.25),
    ],
)
def test_phase_progress_is_the_share_of_the_phase_done(
    phase: Phase, total: int | None, share: float
) -> None:
    assert replace(make_run(), phase=phase, rows_total=total).phase_progress == share


def test_a_completed_run_is_done_whatever_its_size() -> None:
    run = replace(make_run(), status=RunStatus.COMPLETED, phase=Phase.DONE, rows_total=0)
    assert run.phase_progress == 1.0


def test_remaining_time_is_what_is_left_at_the_rate_so_far() -> None:
    assert make_run().estimated_seconds_remaining == 6.0


def test_remaining_time_is_unknown_without_a_rate() -> None:
    assert replace(make_run(), rows_per_second=None).estimated_seconds_remaining is None
    assert replace(make_run(), rows_total=None).estimated_seconds_remaining is None


def test_nothing_remains_of_a_run_that_has_ended() -> None:
    ended = replace(make_run(), status=RunStatus.CANCELLED)
    assert ended.estimated_seconds_remaining == 0.0
