"""How does a test have jobs computed by an executor, or others than those asked for?"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

from service.engine import executors
from service.engine.executors import Executor, Lost

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


async def each(items: Iterable[Job]) -> AsyncIterator[Job]:
    """Yield the items."""
    for item in items:
        yield item


async def compute(
    executor: Executor, function: Callable[[Job], Outcome], items: Iterable[Job]
) -> list[Outcome]:
    """Return the outcomes of all jobs, none of which may be lost."""
    done: list[Outcome] = []
    async for outcome in executor.run(function, each(items)):
        assert not isinstance(outcome, Lost), outcome
        done.append(outcome)
    return done


async def call(executor: Executor, function: Callable[[Job], Outcome], job: Job) -> Outcome:
    """Return the outcome of one job, which may lose two processes."""
    outcome = await executors.compute(executor, function, job, 30.0, tries=3)
    assert not isinstance(outcome, Lost), outcome
    return outcome


async def lose(
    executor: Executor, function: Callable[[Job], Outcome], job: Job, limit_seconds: float = 30.0
) -> Lost[Job]:
    """Return how one job is lost."""
    async with aclosing(executor.run(function, each([job]), limit_seconds)) as outcomes:
        outcome = await anext(outcomes)
    assert isinstance(outcome, Lost)
    return outcome


class Instead:
    """An executor that computes other functions than those it is asked for."""

    size = 1

    def __init__(self, executor: Executor, functions: dict[object, Callable[..., Any]]) -> None:
        """Compute by `executor` what `functions` maps a function to."""
        self._executor = executor
        self._functions = functions

    def run(
        self,
        function: Callable[[Job], Outcome],
        jobs: AsyncIterator[Job],
        limit_seconds: float = 30.0,
    ) -> AsyncGenerator[Outcome | Lost[Job], None]:
        """Compute the jobs; see `Executor.run`."""
        return self._executor.run(self._functions.get(function, function), jobs, limit_seconds)
