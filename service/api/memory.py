"""What was looked up a moment ago and need not be looked up again?"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

MAX_REMEMBERED = 1024

Value = TypeVar("Value")


class Memory(Generic[Value]):
    """Keeps values for some seconds each, and only so many; what came first goes first."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, size: int = MAX_REMEMBERED
    ) -> None:
        """Start empty; `clock` counts seconds."""
        self._clock = clock
        self._size = size
        self._values: OrderedDict[bytes, tuple[float, Value]] = OrderedDict()

    def now(self) -> float:
        """Return the time by this memory's clock."""
        return self._clock()

    def find(self, key: bytes) -> Value | None:
        """Return the value, unless its time is over."""
        ends_at, value = self._values.get(key, (float("-inf"), None))
        return value if self._clock() < ends_at else None

    def keep(self, key: bytes, value: Value, until: float) -> None:
        """Remember a value until this time."""
        self._values.pop(key, None)
        self._values[key] = (until, value)
        if len(self._values) > self._size:
            self._values.popitem(last=False)

    def drop(self, key: bytes) -> None:
        """Forget one value, if it is there."""
        self._values.pop(key, None)

    def forget(self, is_over: Callable[[Value], bool]) -> None:
        """Drop the values of which this is true."""
        for key in [key for key, (_, value) in self._values.items() if is_over(value)]:
            del self._values[key]
