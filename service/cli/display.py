"""How does a run's progress look to the one who waits for it?"""

from typing import Protocol

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from service.cli.answers import JsonObject, StreamedEvent
from service.cli.tables import printable

_PHASES = {
    "queued": "Waiting",
    "loading": "Loading",
    "matching": "Matching",
    "ai_resolving": "Asking the AI",
    "finishing": "Finishing",
    "done": "Done",
    # How the last event of a run tells it.
    "completed": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
_MINUTE, _HOUR = 60, 3600
# A line that is no longer than this stays one line in a terminal that is made narrower meanwhile:
# a longer one would be wrapped, and drawing it anew would leave its first half standing.
WIDEST = 59
_LEAST_BAR, _WIDEST_BAR = 6, 24
_CLEAR = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))
# Where no bar can be drawn, a line is written after each such share.
_STEPS = 20


class Display(Protocol):
    """Something that shows how far a run is, until it is closed."""

    def show(self, progress: JsonObject) -> None:
        """Show a state, as API replies and events give it under `progress`."""

    def note(self, sentence: str) -> None:
        """Show what is done, or waited for, while there is no progress to show."""

    def close(self) -> None:
        """Leave the last state standing."""


def display_on(console: Console, noun: str) -> Display:
    """Choose what fits: a bar on a terminal, lines on one that moves no cursor, else nothing."""
    if not console.is_terminal:
        return Silence()
    return Lines(console, noun) if console.is_dumb_terminal else Bar(console, noun)


def progress_of(event: StreamedEvent) -> JsonObject:
    """Return the progress that an event tells; events of a status tell it by the run."""
    found: JsonObject = event.data.get("progress") or event.data.get("run") or {}
    return found


class Bar:
    """A line that is drawn over itself, on a terminal of any width."""

    def __init__(self, console: Console, noun: str) -> None:
        """Draw on the console; `noun` is what is counted."""
        self._console = console
        self._noun = noun
        self._drawn = ""

    def show(self, progress: JsonObject) -> None:
        """Draw how far it is, as soon as it is known how much there is to do."""
        if progress.get("rows_total") is not None:
            self._draw(bar_line(progress, self._noun, self._width(), is_plain=self._is_plain()))

    def note(self, sentence: str) -> None:
        """Draw the sentence in place of the bar, as far as it fits."""
        shown = printable(sentence)
        self._draw(set_cell_size(shown, min(cell_len(shown), self._width())))

    def close(self) -> None:
        """Go to the next line, unless nothing was drawn."""
        if self._drawn:
            self._console.print()
            self._drawn = ""

    def _draw(self, line: str) -> None:
        text = Text(line, no_wrap=True, overflow="crop")
        text.highlight_regex("[█#]+", "green")
        self._console.control(_CLEAR)
        self._console.print(text, end="")
        self._drawn = line

    def _width(self) -> int:
        """How long a line may be; the last column would move some cursors on."""
        return min(self._console.width - 1, WIDEST)

    def _is_plain(self) -> bool:
        return not self._console.encoding.lower().startswith("utf")


class Lines:
    """A line now and then, where a bar cannot be drawn."""

    def __init__(self, console: Console, noun: str) -> None:
        """Write to the console; `noun` is what is counted."""
        self._console = console
        self._noun = noun
        self._last: tuple[int, int] | None = None

    def show(self, progress: JsonObject) -> None:
        """Write how far it is at the start, at each twentieth, and at the end."""
        total = progress.get("rows_total")
        if total is None:
            return
        done = progress.get("rows_processed") or 0
        step = (done * _STEPS // max(total, 1), total)
        if step != self._last:
            self._last = step
            self.note(f"{_PHASES['matching']}: {done} of {total} {self._noun}")

    def note(self, sentence: str) -> None:
        """Write the sentence."""
        self._console.print(printable(sentence), highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing is open."""


class Silence:
    """Nothing: for output that another program reads."""

    def show(self, progress: JsonObject) -> None:
        """Show nothing."""

    def note(self, sentence: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing is open."""


def waiting(reason: str) -> str:
    """Say that a run is not seen for a while, and why."""
    return f"Waiting for the service: {reason}"


def bar_line(progress: JsonObject, noun: str, width: int, *, is_plain: bool = False) -> str:
    """Write phase, bar, counts, rate and remaining time into `width` characters at most.

    What has no room is left out: first the noun, then the pace, then bar
    and phase.
    """
    total, done = progress["rows_total"], progress.get("rows_processed") or 0
    phase = _PHASES.get(str(progress.get("phase") or progress.get("status")), "")
    counts = f"{done:,}/{total:,}"
    told = pace(progress)
    for ends in ((f"{counts} {noun}", told), (counts, told), (counts,)):
        end = "  ".join(filter(None, ends))
        room = width - len(phase) - len(end) - 2
        if room >= _LEAST_BAR:
            share = done / total if total else 1.0
            bar = drawn(share, min(room, _WIDEST_BAR), is_plain=is_plain)
            return f"{phase} {bar} {end}"
    return counts[:width]


def drawn(share: float, width: int, *, is_plain: bool = False) -> str:
    """Draw a share as a bar; `is_plain`: in ASCII."""
    full, empty = ("#", "-") if is_plain else ("█", "░")
    filled = round(share * width)
    return full * filled + empty * (width - filled)


def pace(progress: JsonObject) -> str:
    """Say how fast it goes and how long it will take, as far as that is known."""
    words = []
    rate, left = progress.get("rows_per_second"), progress.get("estimated_seconds_remaining")
    if rate:
        words.append(f"{rate:,.0f}/s")
    if left:
        words.append(f"{duration(left)} left")
    return ", ".join(words)


def duration(seconds: float) -> str:
    """Write a time as people read it: 45 s, 3 min, 2 h 5 min."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    hours, rest = divmod(round(seconds / _MINUTE), _MINUTE)
    return f"{hours} h {rest} min"
