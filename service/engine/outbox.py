"""How do the decisions of an AI pass reach the results? Collected, and written a few at a time.

One transaction holds the decisions, the counters, what they cost, and the event that tells them.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from service.ai.prompt import Decision
from service.domain.ai import AiDecision, AiVerdict, Usage
from service.domain.errors import LeaseLostError, UnavailableError
from service.domain.runs import Lease, Run, RunWarning
from service.engine import questions
from service.engine.chunks import MAX_SAMPLE_LENGTH
from service.engine.progress import COMMIT_INTERVAL_SECONDS, Progress, merge_warnings
from service.engine.questions import Case
from service.store import ai_decisions, ai_passes
from service.store.ai_decisions import Answer
from service.store.database import Connection

# Of what needs no answer of the model, no more is taken as long as so many decisions wait.
MAX_UNWRITTEN = 1_000
LAST_WRITE_SECONDS = 1.0
# How often the workers of all processes are counted, which share the limits.
COUNT_SECONDS = 2.0


class Outbox:
    """What a pass has decided and spent but not written yet."""

    def __init__(self, progress: Progress, share_with: Callable[[int], None]) -> None:
        """Write through `progress`, and tell `share_with` how many workers there are."""
        self._progress = progress
        self._share_with = share_with
        self._decisions: list[AiDecision] = []
        self._answers: list[Answer] = []
        self._warnings: list[RunWarning] = []
        self._cached = self._requests = self._cost = 0
        self._usage = Usage(0, 0)
        self._settled_here = 0
        self._began = time.monotonic()
        self._counted_at = -COUNT_SECONDS
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._is_closed = False

    @property
    def spent(self) -> int:
        """What the run has cost so far in nanodollars, written or not."""
        written = self._progress.run.ai.cost_nanodollars if self._progress.run.ai else 0
        return written + self._cost

    async def wait_for_room(self) -> None:
        """Return once there is room for more: not before what waits is being written."""
        while len(self._decisions) >= MAX_UNWRITTEN:
            self._emptied.clear()
            await self._emptied.wait()

    def add(self, case: Case, decision: Decision, model: str) -> None:
        """Take a decision of the model."""
        self._decisions.append(questions.decide(case, decision, model))
        self._answers.append(
            Answer(
                case.identity,
                case.document_id,
                decision.choice,
                decision.confidence,
                decision.rationale,
            )
        )
        self._filled.set()

    def add_recalled(self, case: Case, answer: Answer, model: str) -> None:
        """Take a decision that was made before of an equal question."""
        decision = Decision(answer.choice, answer.confidence, answer.rationale)
        self._decisions.append(questions.decide(case, decision, model))
        self._cached += 1
        self._filled.set()

    def add_unresolved(self, decision: AiDecision, reason: str) -> None:
        """Take a document that keeps the rules' answer."""
        self._decisions.append(decision)
        sample = f"{reason} ({decision.document_id})"[:MAX_SAMPLE_LENGTH]
        self._warnings.append(RunWarning(ai_passes.UNRESOLVED, 1, sample))
        self._filled.set()

    def spend(self, usage: Usage, cost: int) -> None:
        """Take what an answered request took."""
        before = self._usage
        self._requests += 1
        self._cost += cost
        self._usage = Usage(
            before.input_tokens + usage.all_input, before.output_tokens + usage.output_tokens
        )
        self._filled.set()

    async def keep_writing(self) -> None:
        """Write what comes in until `close`; what came before that is written when it returns.

        Raises LeaseLostError, with nothing written, when the run is no longer ours.
        """
        try:
            while not self._is_closed:
                await self._filled.wait()
                self._filled.clear()
                await self._write()
                await asyncio.sleep(COMMIT_INTERVAL_SECONDS)
        except asyncio.CancelledError:
            # Where the service stops the run is still ours, and what waits is paid already.
            with suppress(LeaseLostError, UnavailableError, TimeoutError):
                async with asyncio.timeout(LAST_WRITE_SECONDS):
                    await self._write()
            raise
        await self._write()

    def close(self) -> None:
        """Let the writing come to its end."""
        self._is_closed = True
        self._filled.set()

    async def _write(self) -> None:
        if not (self._decisions or self._requests):
            return
        decisions, answers, warnings = self._decisions, self._answers, self._warnings
        taken = (self._cached, self._requests, self._usage, self._cost)
        self._decisions, self._answers, self._warnings = [], [], []
        self._emptied.set()
        self._cached = self._requests = 0
        self._usage = Usage(0, 0)
        unresolved = sum(each.verdict is AiVerdict.UNRESOLVED for each in decisions)
        self._settled_here += len(decisions)
        rate = self._settled_here / max(time.monotonic() - self._began, 0.001)

        async def change(connection: Connection, lease: Lease) -> Run:
            run = self._progress.run
            changed = await ai_decisions.decide(connection, run.id, decisions)
            await ai_decisions.remember(connection, run.workspace_id, run.id, answers)
            cached, requests, usage, cost = taken
            step = ai_passes.Step(
                documents=[each.document_id for each in decisions],
                matched=changed.matched,
                confidence_sum=changed.confidence_sum,
                resolved=len(decisions) - unresolved,
                unresolved=unresolved,
                cached=cached,
                requests=requests,
                usage=usage,
                cost_nanodollars=cost,
                documents_per_second=round(rate, 3),
                warnings=merge_warnings([*run.warnings, *warnings]),
            )
            advanced = await ai_passes.advance(connection, lease, step)
            await self._count_workers(connection)
            return advanced

        await self._progress.write(change)
        # Only now is it part of what the run's row says.
        self._cost -= taken[3]

    async def _count_workers(self, connection: Connection) -> None:
        now = time.monotonic()
        if now - self._counted_at >= COUNT_SECONDS:
            self._counted_at = now
            self._share_with(await ai_passes.count_workers(connection))
