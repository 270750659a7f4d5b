"""How does a test hold the engine at a chosen moment? With an executor that waits at a gate."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

from service.engine.chunks import match_chunk

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


class GatedExecutor:
    """Computes jobs in this process, one after another, and stops before it draws a `gated` one.

    `open_after` of them are computed at once (all of them if it is negative); `reached` is set
    when it waits before the next one. Other jobs pass.
    """

    size = 1

    def __init__(self, open_after: int, gated: Callable[..., object] = match_chunk) -> None:
        """Let `open_after` jobs of the function `gated` pass."""
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()
        self._passes = open_after
        self._gated = gated

    def open(self) -> None:
        """Let everything pass from now on."""
        self._opened.set()

    async def run(
        self,
        function: Callable[[Job], Outcome],
        jobs: AsyncIterator[Job],
        limit_seconds: float = 0.0,
    ) -> AsyncGenerator[Outcome, None]:
        """Compute the jobs here, in order."""
        while True:
            if function is not self._gated:
                pass
            elif self._passes == 0:
                self.reached.set()
                await self._opened.wait()
            else:
                self._passes -= 1
            try:
                job = await anext(jobs)
            except StopAsyncIteration:
                return
            yield function(job)
