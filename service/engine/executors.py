"""Where is matching computed? In a pool of processes beside the event loop, never on it.

run() ─► queue ─► keeper ⇄ child process      one keeper task owns one child: it starts it,
     ◄─ outcomes ─┘                           feeds it, and replaces it when it dies
"""

import asyncio
import pickle
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import structlog

from service.domain.errors import MatchingFailedError
from service.engine import pool_process
from service.engine.calls import Failure

log = structlog.get_logger()

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

# Calls submitted ahead per process: enough that none idles while results are written.
WINDOW_PER_PROCESS = 3
CALL_LIMIT_SECONDS = 300.0
# A call that nobody waits for any more may end by itself for so long; then its process is killed.
ABANDONED_SECONDS = 1.0
SPAWN_RETRY_SECONDS = 1.0
# As often a process may fail to start, one try after the other, while calls wait for it.
START_TRIES = 30

NO_PROCESS = (
    "No process could be started to match documents: look at the service's log, start the service "
    "again, then run again."
)


class LossReason(StrEnum):
    """Why a job has no outcome."""

    DIED = "died"
    TOOK_TOO_LONG = "took too long"
    RAISED = "raised"


@dataclass(frozen=True, slots=True)
class Lost(Generic[Job]):
    """What stands in the place of an outcome when there is none.

    `error` is the type of what was raised, `trace` is where; both are empty for other reasons.
    """

    job: Job
    reason: LossReason
    error: str = ""
    trace: str = ""


class Executor(Protocol):
    """Something that computes jobs elsewhere."""

    @property
    def size(self) -> int:
        """How many jobs are computed at once."""

    def run(
        self,
        function: Callable[[Job], Outcome],
        jobs: AsyncIterator[Job],
        limit_seconds: float = CALL_LIMIT_SECONDS,
    ) -> AsyncGenerator[Outcome | Lost[Job], None]:
        """Compute the jobs, yielding outcomes in the order of the jobs.

        Jobs are drawn a bounded window ahead. One that raises, takes longer than the limit or
        loses its process is `Lost`: the caller decides whether to try it again. Other jobs, and
        other runs on the executor, go on undisturbed. Close the generator to give up what is left.
        """


async def compute(
    executor: Executor,
    function: Callable[[Job], Outcome],
    job: Job,
    limit_seconds: float,
    tries: int,
) -> Outcome | Lost[Job]:
    """Compute one job; when its process dies, again, until that was so `tries` times."""
    while True:
        async with aclosing(executor.run(function, _one(job), limit_seconds)) as outcomes:
            outcome = await anext(outcomes)
        tries -= 1
        has_died = isinstance(outcome, Lost) and outcome.reason is LossReason.DIED
        if not has_died or tries <= 0:
            return outcome


async def _one(job: Job) -> AsyncGenerator[Job, None]:
    yield job


class _ChildDiedError(Exception):
    """The process that computed a call ended before it answered."""


class _LimitPassedError(_ChildDiedError):
    """The process that computed a call was ended, since it took too long."""


@dataclass(frozen=True, slots=True)
class _Call:
    body: bytes
    limit_seconds: float
    answer: asyncio.Future[bytes]


class LocalPool:
    """A fixed number of processes on this machine; use `local_pool`."""

    def __init__(self, size: int, preload: tuple[str, ...], start_tries: int) -> None:
        """Prepare for `size` processes that import the modules `preload` when they start."""
        self.size = size
        self._preload = preload
        self._calls: asyncio.Queue[_Call] = asyncio.Queue()
        self._running = 0
        self._failed_starts = 0
        self._most_failed_starts = start_tries * size

    async def run(
        self,
        function: Callable[[Job], Outcome],
        jobs: AsyncIterator[Job],
        limit_seconds: float = CALL_LIMIT_SECONDS,
    ) -> AsyncGenerator[Outcome | Lost[Job], None]:
        """Compute the jobs here; see `Executor.run`."""
        window: deque[_Call] = deque()
        try:
            more = True
            while more or window:
                while more and len(window) < self.size * WINDOW_PER_PROCESS:
                    try:
                        job = await anext(jobs)
                    except StopAsyncIteration:
                        more = False
                    else:
                        body = pickle.dumps((function, job), protocol=5)
                        window.append(self._submit(body, limit_seconds))
                if window:
                    outcome: Outcome | Lost[Job] = await _outcome(window.popleft())  # type: ignore[assignment]
                    yield outcome
        finally:
            for call in window:
                if not call.answer.cancel() and not call.answer.cancelled():
                    # Nobody asks any more how it went: that is no error to be reported.
                    call.answer.exception()

    def _submit(self, body: bytes, limit_seconds: float) -> _Call:
        call = _Call(body, limit_seconds, asyncio.get_running_loop().create_future())
        self._calls.put_nowait(call)
        return call

    async def keep(self) -> None:
        """Own one child process: start it, feed it calls, replace it when it dies."""
        while True:
            try:
                async with pool_process.started(self._preload) as child:
                    with self._counted():
                        while True:
                            await self._feed(child)
            except _ChildDiedError as error:
                log.warning("pool_process_died", action="replace", reason=str(error))
            except (OSError, EOFError) as error:
                # Too many processes or too little memory now: the calls wait.
                log.warning("pool_process_not_started", action="retry", reason=str(error))
                self._failed_starts += 1
                if not self._running and self._failed_starts >= self._most_failed_starts:
                    self._refuse_calls()
                await asyncio.sleep(SPAWN_RETRY_SECONDS)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._running += 1
        self._failed_starts = 0
        try:
            yield
        finally:
            self._running -= 1

    def _refuse_calls(self) -> None:
        """Let no run wait for ever for processes that do not start."""
        while not self._calls.empty():
            call = self._calls.get_nowait()
            if not call.answer.done():
                call.answer.set_exception(MatchingFailedError(NO_PROCESS))

    async def _feed(self, child: asyncio.subprocess.Process) -> None:
        call = await self._calls.get()
        if call.answer.cancelled():
            return
        if pool_process.has_ended(child):
            # It died idle: the call had no part in that, and goes to another process.
            self._calls.put_nowait(call)
            raise _ChildDiedError(f"process {child.pid} ended while it was idle")
        try:
            async with asyncio.timeout(call.limit_seconds) as limit, _hurried(limit, call):
                answer = await pool_process.exchange(child, call.body)
        except (EOFError, OSError, TimeoutError) as error:
            died = _ChildDiedError(f"process {child.pid}: {type(error).__name__}")
            if isinstance(error, TimeoutError):
                died = _LimitPassedError(f"process {child.pid} took too long")
                pool_process.kill(child)
            if not call.answer.done():
                call.answer.set_exception(died)
            raise died from error
        if not call.answer.done():
            call.answer.set_result(answer)


@asynccontextmanager
async def local_pool(
    size: int, preload: tuple[str, ...] = (), start_tries: int = START_TRIES
) -> AsyncIterator[LocalPool]:
    """Run a pool of `size` processes as long as the block lasts.

    Calls raise MatchingFailedError when none starts in so many tries of each.
    """
    pool = LocalPool(size, preload, start_tries)
    async with asyncio.TaskGroup() as tasks:
        keepers = [tasks.create_task(pool.keep()) for _ in range(size)]
        try:
            yield pool
        finally:
            for keeper in keepers:
                keeper.cancel()


async def _outcome(call: _Call) -> object:
    try:
        answer = await call.answer
    except _LimitPassedError:
        return _lose(call, LossReason.TOOK_TOO_LONG)
    except _ChildDiedError:
        return _lose(call, LossReason.DIED)
    # Written by our own child over a private pipe.
    outcome = pickle.loads(answer)  # noqa: S301
    return _lose(call, LossReason.RAISED, outcome) if isinstance(outcome, Failure) else outcome


def _lose(call: _Call, reason: LossReason, failure: Failure | None = None) -> Lost[object]:
    # Written by ourselves.
    _, job = pickle.loads(call.body)  # noqa: S301
    return Lost(job, reason, *((failure.error, failure.trace) if failure else ()))


@asynccontextmanager
async def _hurried(limit: asyncio.Timeout, call: _Call) -> AsyncIterator[None]:
    """Bring the limit near as soon as nobody waits for the call's answer."""
    is_over = False

    def hurry(_answer: asyncio.Future[bytes]) -> None:
        if not (is_over or limit.expired()):
            limit.reschedule(asyncio.get_running_loop().time() + ABANDONED_SECONDS)

    call.answer.add_done_callback(hurry)
    try:
        yield
    finally:
        is_over = True
        call.answer.remove_done_callback(hurry)
