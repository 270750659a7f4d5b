"""Does a run's progress fit its line, at any width, and say what matters most?"""

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from service.cli import display

HALF = {
    "rows_total": 12_000,
    "rows_processed": 6_000,
    "phase": "matching",
    "rows_per_second": 1234.5,
    "estimated_seconds_remaining": 95,
}
counts = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (90, "Matching ████████████░░░░░░░░░░░░ 6,000/12,000 docs  1,234/s, 2 min left"),
        (59, "Matching ██████░░░░░ 6,000/12,000 docs  1,234/s, 2 min left"),
        (50, "Matching ████░░░ 6,000/12,000  1,234/s, 2 min left"),
        (45, "Matching ████████████░░░░░░░░░░░ 6,000/12,000"),
        (28, "Matching ███░░░ 6,000/12,000"),
        (20, "6,000/12,000"),
    ],
)
def test_what_has_no_room_is_left_out(width: int, line: str) -> None:
    assert display.bar_line(HALF, "docs", width) == line


@pytest.mark.parametrize(
    ("status", "word"), [("completed", "Done"), ("failed", "Failed"), ("cancelled", "Cancelled")]
)
def test_the_last_event_says_how_the_run_has_ended(status: str, word: str) -> None:
    ended = {"rows_total": 4, "rows_processed": 4, "status": status}
    assert display.bar_line(ended, "docs", 30).startswith(f"{word} █")


@given(width=st.integers(1, 200), done=counts, more=counts, rate=counts, left=counts)
def test_a_line_never_exceeds_its_width(
    width: int, done: int, more: int, rate: int, left: int
) -> None:
    progress = {
        "rows_total": done + more,
        "rows_processed": done,
        "phase": "ai_resolving",
        "rows_per_second": rate,
        "estimated_seconds_remaining": left,
    }
    assert len(display.bar_line(progress, "documents", width)) <= width


def test_without_unicode_it_is_drawn_in_ascii() -> None:
    assert "###---" in display.bar_line(HALF, "docs", 30, is_plain=True)


def test_a_sentence_fits_its_line_and_moves_nothing_whatever_a_file_is_called() -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=True, width=200, _environ={"TERM": "xterm"})
    bar = display.Bar(console, "x")
    bar.note("Sending " + "東京" * 40 + "\x1b[31m.csv")
    bar.note("Sending \x1b[31ma.csv")
    first, second = written.getvalue().split("Sending ")[1:]
    assert cell_len("Sending " + first.partition("\r")[0]) <= display.WIDEST
    assert second == "\ufffd[31ma.csv"


def test_what_shows_progress_depends_on_the_terminal() -> None:
    kinds = [
        type(
            display.display_on(
                Console(file=StringIO(), force_terminal=is_terminal, _environ=env), "x"
            )
        )
        for is_terminal, env in (
            (True, {"TERM": "xterm"}),
            (True, {"TERM": "dumb"}),
            (False, {"TERM": "xterm"}),
        )
    ]
    assert kinds == [display.Bar, display.Lines, display.Silence]


def test_lines_come_for_every_twentieth_and_for_what_is_waited_for() -> None:
    written = StringIO()
    lines = display.Lines(Console(file=written, width=20), "documents")
    lines.show({"rows_total": None})
    for done in range(1001):
        lines.show({"rows_total": 1000, "rows_processed": done})
    lines.note("The service [1] did not answer.")
    shown = written.getvalue().splitlines()
    assert len(shown) == 22
    assert shown[-2:] == ["Matching: 1000 of 1000 documents", "The service [1] did not answer."]
