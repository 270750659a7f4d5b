"""How fast does a run get on now? Over the last seconds, so that a change of pace soon shows."""

from collections import deque

WINDOW_SECONDS = 10.0
SHORTEST_SECONDS = 0.001


class Rate:
    """Documents per second over a window that moves along; times are of one clock, in seconds.

    In silence the window grows from its last commit on: the rate falls, but not to nothing.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._marks: deque[tuple[float, int]] = deque()

    @property
    def has_begun(self) -> bool:
        """Whether the time that counts has begun."""
        return bool(self._marks)

    def begin(self, at: float) -> None:
        """Count from here on."""
        self._marks.append((at, 0))

    def count(self, done: int, at: float) -> None:
        """Add what was done since the last call."""
        self._marks.append((at, self._marks[-1][1] + done))
        while len(self._marks) > 2 and self._marks[1][0] <= at - WINDOW_SECONDS:
            self._marks.popleft()

    def per_second(self, at: float) -> float | None:
        """Return the rate, rounded to a tenth; None before anything was counted."""
        if len(self._marks) < 2:
            return None
        (begun, before), (_, total) = self._marks[0], self._marks[-1]
        return round((total - before) / max(at - begun, SHORTEST_SECONDS), 1)
