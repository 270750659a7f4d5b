"""How does a test hold the engine at a chosen moment? With an executor that waits at a gate."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


class GatedExecutor:
    """Computes jobs in this process, one after another, and stops before it draws one of them.

    `open_after` jobs are computed at once (all of them if it is negative); `reached` is set when
    it waits before the next one.
    """

    size = 1

    def __init__(self, open_after: int) -> None:
        """Let `open_after` jobs pass."""
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()
        self._passes = open_after

    def open(self) -> None:
        """Let everything pass from now on."""
        self._opened.set()

    async def run(
        self, function: Callable[[Job], Outcome], jobs: AsyncIterator[Job]
    ) -> AsyncGenerator[Outcome, None]:
        """Compute the jobs here, in order."""
        while True:
            if self._passes == 0:
                self.reached.set()
                await self._opened.wait()
            else:
                self._passes -= 1
            try:
                job = await anext(jobs)
            except StopAsyncIteration:
                return
            yield function(job)
