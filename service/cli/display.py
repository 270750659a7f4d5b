"""How does a run's progress look to the one who waits for it?"""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from service.cli.client import JsonObject, StreamedEvent

_PHASES = {
    "queued": "Waiting",
    "loading": "Loading",
    "matching": "Matching",
    "ai_resolving": "Asking the AI",
    "finishing": "Finishing",
    "done": "Done",
}
_MINUTE, _HOUR = 60, 3600


class Display(Protocol):
    """Something that shows how far a run is, for as long as its block lasts."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the last state standing."""

    def show(self, progress: JsonObject) -> None:
        """Show a state, as API replies and events give it under `progress`."""


def progress_of(event: StreamedEvent) -> JsonObject:
    """Return the progress that an event tells; events of a status tell it by the run."""
    found: JsonObject = event.data.get("progress") or event.data.get("run") or {}
    return found


class Bar:
    """A bar that moves, on a terminal."""

    def __init__(self, console: Console, noun: str) -> None:
        """Draw on the console; `noun` is what is counted."""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(noun),
            TextColumn("{task.fields[pace]}", style="dim"),
            console=console,
        )
        self._task = self._progress.add_task(_PHASES["queued"], total=None, pace="")

    def show(self, progress: JsonObject) -> None:
        """Move on; the bar is drawn as soon as it is known how much there is to do."""
        total = progress.get("rows_total")
        if total is None:
            return
        self._progress.update(
            self._task,
            completed=progress.get("rows_processed") or 0,
            total=total,
            pace=pace(progress),
        )
        phase = progress.get("phase")
        if phase in _PHASES:
            self._progress.update(self._task, description=_PHASES[phase])
        self._progress.start()

    def __enter__(self) -> Self:
        """Draw nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the last state standing."""
        self._progress.stop()


class Lines:
    """A line for every change, where a bar cannot be drawn."""

    def __init__(self, console: Console, noun: str) -> None:
        """Write to the console; `noun` is what is counted."""
        self._console = console
        self._noun = noun
        self._last: tuple[int, int] | None = None

    def show(self, progress: JsonObject) -> None:
        """Write how far the run is, unless the last line says so already."""
        total = progress.get("rows_total")
        if total is None:
            return
        now = (progress.get("rows_processed") or 0, total)
        if now != self._last:
            self._last = now
            line = f"{_PHASES['matching']}: {now[0]} of {now[1]} {self._noun}"
            self._console.print(line, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to close."""


class Silence:
    """Nothing: for output that another program reads."""

    def show(self, progress: JsonObject) -> None:
        """Show nothing."""

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to close."""


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
