"""Do the figures of an AI pass add up, and are prices exact to the thousand-millionth?"""

from dataclasses import replace

import pytest

from service.domain.ai import Account, AiFigures, AiStatus, Prices, Usage
from service.domain.runs import Phase, RunStatus
from tests.unit.domain.test_runs import make_run

FIGURES = AiFigures(
    status=AiStatus.RUNNING,
    to_resolve=200,
    resolved=90,
    unresolved=10,
    cost_nanodollars=1_234_567,
    documents_per_second=4.0,
)


def test_cost_is_shown_to_the_millionth() -> None:
    assert FIGURES.cost_usd == 0.001235


def test_settled_documents_are_done_whether_resolved_or_not() -> None:
    assert FIGURES.share_done == 0.5
    assert FIGURES.seconds_remaining == 25.0


@pytest.mark.parametrize("to_resolve", [None, 0])
def test_nothing_is_done_of_nothing(to_resolve: int | None) -> None:
    assert replace(FIGURES, to_resolve=to_resolve).share_done == 0.0


def test_remaining_time_is_unknown_before_the_start_and_without_a_rate() -> None:
    assert replace(FIGURES, to_resolve=None).seconds_remaining is None
    assert replace(FIGURES, documents_per_second=None).seconds_remaining is None


def test_a_run_in_the_ai_pass_tells_how_far_that_is() -> None:
    run = replace(make_run(), status=RunStatus.AI_RESOLVING, phase=Phase.AI_RESOLVING, ai=FIGURES)
    assert (run.phase_progress, run.estimated_seconds_remaining) == (0.5, 25.0)


def test_a_run_without_figures_is_at_the_beginning_of_the_pass() -> None:
    run = replace(make_run(), status=RunStatus.AI_RESOLVING, phase=Phase.AI_RESOLVING)
    assert (run.phase_progress, run.estimated_seconds_remaining) == (0.0, None)


@pytest.mark.parametrize(
    ("usage", "nanodollars"),
    [
        (Usage(0, 0), 0),
        (Usage(1, 0), 100),
        (Usage(0, 1), 500),
        (Usage(0, 0, cache_read=1), 10),
        (Usage(0, 0, cache_written=1), 125),
        (Usage(1_000_000, 1_000_000), 600_000_000),
        (Usage(5_000, 1_600, cache_read=940), 1_309_400),
    ],
)
def test_prices_are_per_million_tokens(usage: Usage, nanodollars: int) -> None:
    assert Prices().cost(usage) == nanodollars


def test_a_part_of_a_nanodollar_counts_whole() -> None:
    assert Prices(input=0.0015).cost(Usage(1, 0)) == 2


def test_what_was_read_from_the_cache_is_sent_but_not_limited() -> None:
    usage = Usage(10, 5, cache_read=100, cache_written=1_000)
    assert (usage.all_input, usage.limited_input) == (1_110, 1_010)


def test_the_key_is_not_written_where_an_account_is() -> None:
    account = Account(
        key="sk-secret",
        model="m",
        base_url="https://here",
        requests_per_minute=1,
        input_tokens_per_minute=1,
        output_tokens_per_minute=1,
        max_in_flight=1,
        timeout_seconds=1,
        give_up_seconds=1,
    )
    assert "secret" not in repr(account)
