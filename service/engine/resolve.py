"""How is a run's AI pass carried out? Borderline documents are asked about, decisions written.

batches ─► affordable? ─► admission ─► model ─► decisions ─► outbox ─► results, counters, event
   ▲                                     │
   └── again, in parts, as often as it ──┘
       makes sense; then the rules' answer stays

Whatever fails, the rules' answers stay, and `PassEnd` says what became of the pass.
"""

import asyncio
import math
import time
from dataclasses import dataclass

import structlog

from service.ai import prompt
from service.ai.buckets import Load, ToldLimits
from service.ai.failures import (
    AiError,
    PassFailedError,
    ThrottledError,
    UnansweredError,
    UnusableError,
)
from service.ai.pacing import Ticket
from service.ai.prompt import Prompt, UnreadableAnswerError
from service.ai.resolver import Answer
from service.domain.ai import NANODOLLARS, AiFigures, AiStatus, Usage
from service.domain.configs import MatchingRules
from service.engine import questions
from service.engine.ai_tools import AiTools
from service.engine.batches import Batch, Batches
from service.engine.outbox import Outbox
from service.engine.progress import Progress
from service.engine.questions import Case
from service.store.database import Database

log = structlog.get_logger()

# How often a batch may find no answer while others do, and at all, before it is split.
MAX_FAILED_ALONE = 3
MAX_SENT = 5
# In how many answers a document may stand without being decided.
MAX_ASKED = 2
# So many answers of no use, one after the other, are about the model rather than the documents.
MAX_UNUSABLE_IN_A_ROW = 20


@dataclass(frozen=True, slots=True)
class PassEnd:
    """What became of a pass; `error` is a sentence that a user can act on."""

    status: AiStatus
    error: str | None


async def resolve(
    database: Database, tools: AiTools, progress: Progress, rules: MatchingRules
) -> PassEnd:
    """Ask about the run's open documents and write what is decided.

    Raises (in a group) LeaseLostError when the run is no longer ours, UnavailableError when the
    database is away.
    """
    running = _Pass(database, tools, progress, rules)
    async with tools.admission.place(progress.run.id):
        await running.carry_out()
    return _end(progress.run.ai, running.failure)


def _end(figures: AiFigures | None, failure: str | None) -> PassEnd:
    resolved, wanted = (figures.resolved, figures.to_resolve) if figures else (0, 0)
    if resolved == wanted:
        return PassEnd(AiStatus.DONE, None)
    status = AiStatus.PARTIAL if resolved else AiStatus.FAILED
    return PassEnd(status, failure or _SOME_UNRESOLVED)


_SOME_UNRESOLVED = (
    "Some documents could not be resolved and keep the rules' answers; each says why in its "
    "evidence. Ask for `ai-resolve` to try them again."
)


class _Pass:
    """The pass of one run, from where it stands to its end."""

    def __init__(
        self, database: Database, tools: AiTools, progress: Progress, rules: MatchingRules
    ) -> None:
        self.failure: str | None = None
        self._tools = tools
        self._rules = rules
        self._run_id = progress.run.id
        self._model = tools.resolver.model
        self._outbox = Outbox(progress, tools.admission.divide)
        self._batches = Batches(
            database, progress.run, self._model, tools.plan.documents_per_request
        )
        self._in_flight = 0
        self._reserved = 0
        self._trouble = ""
        self._unusable_in_a_row = 0
        # When the first request was to be sent: what failed before is not about this pass.
        self._asking_since = math.inf
        self._one_ended = asyncio.Event()

    async def carry_out(self) -> None:
        """Settle all open documents that can be settled."""
        async with asyncio.TaskGroup() as writing:
            writing.create_task(self._outbox.keep_writing())
            async with asyncio.TaskGroup() as asking:
                while not self._has_failed():
                    batch = await self._batches.next(self._outbox, self._rules)
                    if batch is not None:
                        await self._send(batch, asking)
                    elif self._in_flight:
                        await self._wait_until_one_ended()
                    else:
                        break
            self._outbox.close()

    def _has_failed(self) -> bool:
        return self.failure is not None

    async def _send(self, batch: Batch, asking: asyncio.TaskGroup) -> None:
        """Send a batch when its turn has come, unless the pass has to end before."""
        admission = self._tools.admission
        load = self._tools.expectation.of(batch.size, len(batch.cases))
        request = batch.prompt
        cost = self._most(request)
        await self._afford(cost)
        if self._has_failed():
            return
        self._asking_since = min(self._asking_since, time.monotonic())
        ticket = await admission.enter(self._run_id, load)
        self._give_up_after_silence()
        if self._has_failed():
            admission.drop()
            return
        self._in_flight += 1
        self._reserved += cost
        asking.create_task(self._ask(batch, request, ticket, cost))

    def _most(self, request: Prompt) -> int:
        """Return what a request may cost at most, in nanodollars."""
        most = Usage(
            input_tokens=prompt.most_input(request),
            output_tokens=request.max_tokens,
            cache_written=prompt.MOST_SYSTEM_TOKENS,
        )
        return self._tools.plan.prices.cost(most)

    async def _afford(self, cost: int) -> None:
        """Wait until the request fits below `ai.max_cost_usd` whatever those before it cost."""
        limit = self._rules.ai.max_cost_usd
        if limit is None:
            return
        while self._outbox.spent + self._reserved + cost > limit * NANODOLLARS:
            if not self._in_flight:
                self.failure = self.failure or _LIMIT_REACHED.format(limit=limit)
                return
            await self._wait_until_one_ended()

    def _give_up_after_silence(self) -> None:
        silent = min(self._tools.admission.failing_for(), time.monotonic() - self._asking_since)
        if self.failure is None and silent > self._tools.give_up_seconds:
            self.failure = (
                f"{self._trouble} Nothing was answered for {silent:.0f} seconds: ask for "
                "`ai-resolve` when it works again."
            )

    async def _ask(self, batch: Batch, request: Prompt, ticket: Ticket, reserved: int) -> None:
        """Ask about a batch; whatever comes of it is settled or sent again."""
        admission = self._tools.admission
        try:
            answer = await self._tools.resolver.ask(request)
        except ThrottledError as error:
            admission.refuse(ticket, error.advice_seconds, error.told)
            self._note_trouble(error)
            self._batches.put_back(batch)
        except UnansweredError as error:
            admission.fail(ticket)
            if error.may_have_cost:
                # It stays reserved: the bound holds whatever the vendor counts.
                reserved = 0
            self._note_trouble(error)
            self._try_again(batch, ticket, error)
        except PassFailedError as error:
            admission.fail(ticket)
            self.failure = self.failure or str(error)
        except UnusableError as error:
            self._settle(ticket, error.usage or Usage(0, 0), error.told)
            self._split(batch, str(error))
        except BaseException:
            # Cancelled, or a fault of ours: the others must not wait for this ticket.
            admission.drop()
            raise
        else:
            self._settle(ticket, answer.usage, answer.told)
            # Without what the shared beginning took, which the first request pays alone.
            real = Load(answer.usage.input_tokens, answer.usage.output_tokens)
            self._tools.expectation.learn(batch.size, len(batch.cases), real)
            self._read(batch, answer)
        finally:
            self._in_flight -= 1
            self._reserved -= reserved
            self._one_ended.set()

    def _settle(self, ticket: Ticket, usage: Usage, told: ToldLimits) -> None:
        self._tools.admission.settle(ticket, _load(usage), told)
        self._outbox.spend(usage, self._tools.plan.prices.cost(usage))

    def _read(self, batch: Batch, answer: Answer) -> None:
        """Keep what the answer decides, and ask again about what it leaves open."""
        try:
            reading = prompt.read_answer(answer.text, [case.question for case in batch.cases])
        except UnreadableAnswerError as error:
            self._split(batch, str(error))
            return
        left: list[Case] = []
        for place, case in enumerate(batch.cases):
            decision = reading.decisions.get(place)
            if decision is not None:
                self._outbox.add(case, decision, self._model)
                continue
            case.asked += 1
            if case.asked < MAX_ASKED:
                left.append(case)
            else:
                self._keep_rules(case, reading.refused.get(place, prompt.NOT_ANSWERED))
        self._unusable_in_a_row = 0 if reading.decisions else self._unusable_in_a_row + 1
        self._check_usefulness("it decided nothing")
        if left:
            self._batches.put_back(Batch(tuple(left)))

    def _try_again(self, batch: Batch, ticket: Ticket, error: UnansweredError) -> None:
        """Send a batch again that found no answer; in parts when only it finds none."""
        # Where the vendor answers nobody, that is hardly about this batch.
        is_alone = self._tools.admission.has_answered_since(ticket)
        again = Batch(batch.cases, batch.sent + 1, batch.failed_alone + is_alone)
        if again.failed_alone < MAX_FAILED_ALONE and again.sent < MAX_SENT:
            self._batches.put_off(again)
        else:
            self._divide(batch, str(error))

    def _split(self, batch: Batch, reason: str) -> None:
        """Ask in parts about documents whose answer was of no use."""
        self._unusable_in_a_row += 1
        self._check_usefulness(reason)
        self._divide(batch, reason)

    def _divide(self, batch: Batch, reason: str) -> None:
        if len(batch.cases) > 1:
            self._batches.put_back(*batch.halves())
            return
        (case,) = batch.cases
        case.asked += 1
        if case.asked < MAX_ASKED:
            self._batches.put_back(batch)
        else:
            self._keep_rules(case, reason)

    def _keep_rules(self, case: Case, reason: str) -> None:
        kept = questions.keep_rules(case, self._rules, reason, self._model)
        self._outbox.add_unresolved(kept, reason)

    def _check_usefulness(self, reason: str) -> None:
        if self.failure is None and self._unusable_in_a_row >= MAX_UNUSABLE_IN_A_ROW:
            self.failure = _USELESS.format(
                count=MAX_UNUSABLE_IN_A_ROW, model=self._model, reason=reason
            )

    def _note_trouble(self, error: AiError) -> None:
        log.info("ai_trouble", action="wait", run_id=str(self._run_id), reason=str(error))
        self._trouble = str(error)

    async def _wait_until_one_ended(self) -> None:
        self._one_ended.clear()
        await self._one_ended.wait()


_LIMIT_REACHED = (
    "The AI pass stopped before it could cost more than `ai.max_cost_usd`, which is {limit:g}: "
    "raise it in the config and run again; what was decided is not paid again."
)
_USELESS = (
    "The last {count} answers of the model {model} were of no use ({reason}): set "
    "MATCHSTREAM_AI_MODEL to another model, start the service again, then ask for `ai-resolve`."
)


def _load(usage: Usage) -> Load:
    return Load(usage.limited_input, usage.output_tokens)
