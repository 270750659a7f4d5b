"""Do runs and their parts look in JSON as the contract says?"""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.domain import representation
from service.domain.runs import RunWarning
from tests.unit.domain.test_runs import make_run


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2024, 10, 2, 14, 0, 5, tzinfo=UTC), "2024-10-02T14:00:05.000Z"),
        (datetime(2024, 10, 2, 14, 0, 5, 999_999, tzinfo=UTC), "2024-10-02T14:00:05.999Z"),
        (
            datetime(2024, 10, 2, 16, 0, tzinfo=timezone(timedelta(hours=2))),
            "2024-10-02T14:00:00.000Z",
        ),
    ],
)
def test_times_are_utc_with_milliseconds(moment: datetime, text: str) -> None:
    assert representation.timestamp(moment) == text


def test_a_time_that_has_not_come_is_null() -> None:
    assert representation.timestamp(None) is None


def test_a_run_links_to_what_belongs_to_it() -> None:
    run = make_run()
    links = representation.run(run)["links"]
    assert isinstance(links, dict)
    assert links["self"] == f"/v1/matching/runs/{run.id}"
    assert links["config"] == f"/v1/matching/configs/{run.matching_config_id}"
    assert set(links) == {"self", "config", "progress", "events", "results"}


def test_warnings_carry_code_count_and_sample() -> None:
    warning = RunWarning("unreadable_document_value", 3, "amount: plenty (a)")
    written = representation.warnings((warning,))
    assert written == [
        {"code": "unreadable_document_value", "count": 3, "sample": "amount: plenty (a)"}
    ]


def test_progress_is_of_the_state_after_the_last_event() -> None:
    progress = representation.progress(make_run())
    assert progress["last_event_id"] == 4
    assert (progress["rows_processed"], progress["rows_total"]) == (50, 200)
    assert progress["phase_progress"] == 0.25
