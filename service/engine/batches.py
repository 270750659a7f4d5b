"""Which documents go into the next request of an AI pass? The most uncertain ones that are left.

What was decided before of an equal question is not asked again; what found no usable answer comes
again, alone or in smaller batches.
"""

from collections import deque
from dataclasses import dataclass

from service.ai import prompt
from service.ai.prompt import Prompt
from service.domain.configs import MatchingRules
from service.domain.runs import Run
from service.engine import questions
from service.engine.outbox import Outbox
from service.engine.questions import Case
from service.store import ai_decisions
from service.store.database import Database

# Read ahead at a time.
PAGE_LIMIT = 40
# A request holds no more than this, unless one document alone does: some thousand tokens.
REQUEST_BYTES = 24_000
# So many batches may wait for others to go first.
MAX_PUT_OFF = 50


@dataclass(frozen=True, slots=True)
class Batch:
    """The documents of one request.

    `sent` counts how often it found no answer, `failed_alone` how often others found one then.
    """

    cases: tuple[Case, ...]
    sent: int = 0
    failed_alone: int = 0

    @property
    def prompt(self) -> Prompt:
        """The request."""
        return prompt.build([case.question for case in self.cases])

    @property
    def size(self) -> int:
        """The bytes of its documents."""
        return sum(case.size for case in self.cases)

    def halves(self) -> "tuple[Batch, Batch]":
        """Return the two halves of a batch of several documents."""
        middle = len(self.cases) // 2
        return Batch(self.cases[:middle]), Batch(self.cases[middle:])


class Batches:
    """The requests of a pass that are still to be sent."""

    def __init__(self, database: Database, run: Run, model: str, most_documents: int) -> None:
        """Take up to `most_documents` together; the documents of the run are chosen already."""
        self._database = database
        self._run = run
        self._model = model
        self._most_documents = most_documents
        self._again: deque[Batch] = deque()
        self._later: deque[Batch] = deque()
        self._read: deque[Case] = deque()
        self._position = -1
        self._is_read = False

    def put_back(self, *batches: Batch) -> None:
        """Let batches be sent again, before those that were never sent."""
        self._again.extendleft(reversed(batches))

    def put_off(self, batch: Batch) -> None:
        """Let a batch be sent again after others: it may be why there was no answer."""
        self._later.append(batch)

    async def next(self, outbox: Outbox, rules: MatchingRules) -> Batch | None:
        """Return the next batch; None when there is none now.

        Documents that need no asking go to the outbox on the way.
        """
        while not self._again and len(self._read) < self._most_documents and not self._is_read:
            await self._read_on(outbox, rules)
        # No waiting from here on: None means that there is none at the moment of the return.
        if self._again:
            return self._again.popleft()
        if len(self._later) >= MAX_PUT_OFF:
            return self._later.popleft()
        cases: list[Case] = []
        size = 0
        while self._read and len(cases) < self._most_documents:
            size += self._read[0].size
            if cases and size > REQUEST_BYTES:
                break
            cases.append(self._read.popleft())
        if cases:
            return Batch(tuple(cases))
        return self._later.popleft() if self._later else None

    async def _read_on(self, outbox: Outbox, rules: MatchingRules) -> None:
        await outbox.wait_for_room()
        async with self._database.connection() as connection:
            page = await ai_decisions.fetch_open(
                connection, self._run.id, self._position, PAGE_LIMIT
            )
            cases = await questions.read_cases(page, self._model)
            known = await ai_decisions.recall(
                connection, self._run.workspace_id, [case.identity for case in cases]
            )
        self._is_read = len(page) < PAGE_LIMIT
        self._position = page[-1].position if page else self._position
        for case in cases:
            answer = known.get(case.identity)
            if case.is_empty:
                kept = questions.keep_rules(case, rules, questions.DELETED, self._model)
                outbox.add_unresolved(kept, questions.DELETED)
            elif answer is not None:
                outbox.add_recalled(case, answer, self._model)
            else:
                self._read.append(case)
