"""What follows the matching of a run: is an AI pass carried out, estimated, or left out?

A run whose pass fails completes all the same, with the rules' answers.
"""

import math

import structlog

from service.ai import prompt
from service.ai.expectation import Expectation
from service.domain.ai import AiFigures, AiStatus, Plan, Usage
from service.domain.configs import MatchingRules
from service.domain.errors import LeaseLostError, UnavailableError
from service.domain.runs import MAX_ATTEMPTS_WITHOUT_PROGRESS, Lease, Run, RunStatus
from service.engine import questions
from service.engine.ai_tools import AiTools
from service.engine.batches import REQUEST_BYTES
from service.engine.progress import Progress
from service.engine.resolve import PassEnd, resolve
from service.store import ai_decisions, ai_passes
from service.store.database import Connection, Database

log = structlog.get_logger()

# So many documents are prepared to estimate what all of them take.
SAMPLE_DOCUMENTS = 400

NO_KEY = "The AI pass needs a key for the Anthropic API: set ANTHROPIC_API_KEY"
_NO_KEY_ANY_MORE = f"{NO_KEY}, start the service again, then ask for `ai-resolve`."
_DIED_TOO_OFTEN = (
    f"The AI pass was begun {MAX_ATTEMPTS_WITHOUT_PROGRESS} times and each time its worker died "
    "before anything was decided: look at the service's log, then ask for `ai-resolve`."
)
_UNEXPECTED = (
    "The AI pass failed on an unexpected error: please report it; the log has the details."
)


async def carry_out(
    database: Database,
    tools: AiTools | None,
    plan: Plan,
    progress: Progress,
    rules: MatchingRules,
) -> PassEnd | AiFigures | None:
    """Carry out the AI pass that the run wants, or estimate it for a dry run; None: it wants none.

    Raises (maybe in a group) LeaseLostError when the run is no longer ours, UnavailableError when
    the database is away.
    """
    if progress.run.dry_run:
        return await _estimate(database, tools, plan, progress, rules)
    if progress.run.ai is None:
        return None
    if tools is None:
        return PassEnd(AiStatus.FAILED, _NO_KEY_ANY_MORE)
    if progress.run.attempts_without_progress > MAX_ATTEMPTS_WITHOUT_PROGRESS:
        return _failed(progress.run, _DIED_TOO_OFTEN)
    try:
        await _begin(progress, rules)
        return await resolve(database, tools, progress, rules)
    except Exception as error:
        # A fault of the pass must not cost a run that is matched already its results.
        if _is_about_the_run(error):
            raise
        log.exception("ai_pass_failed", action="complete", run_id=str(progress.run.id))
        return _failed(progress.run, _UNEXPECTED)


async def record(connection: Connection, lease: Lease, outcome: PassEnd | AiFigures | None) -> None:
    """Keep what became of the pass; the caller completes the run in the same transaction."""
    if isinstance(outcome, PassEnd):
        await ai_passes.finish(connection, lease, outcome.status, outcome.error)
    elif outcome is not None:
        await ai_passes.estimate(connection, lease, outcome)


async def _begin(progress: Progress, rules: MatchingRules) -> None:
    if progress.run.status is RunStatus.RUNNING:
        await progress.write(ai_passes.begin)
    if progress.run.ai is None or progress.run.ai.to_resolve is None:
        await _choose(progress, rules)


async def _choose(progress: Progress, rules: MatchingRules) -> None:
    async def choose(connection: Connection, lease: Lease) -> Run:
        return await ai_passes.choose(connection, lease, progress.run, rules)

    await progress.write_at_length(choose)


def _failed(run: Run, error: str) -> PassEnd:
    has_decided = run.ai is not None and run.ai.resolved > 0
    return PassEnd(AiStatus.PARTIAL if has_decided else AiStatus.FAILED, error)


def _is_about_the_run(error: Exception) -> bool:
    ours = (LeaseLostError, UnavailableError)
    if isinstance(error, ExceptionGroup):
        return error.subgroup(ours) is not None
    return isinstance(error, ours)


async def _estimate(
    database: Database,
    tools: AiTools | None,
    plan: Plan,
    progress: Progress,
    rules: MatchingRules,
) -> AiFigures:
    """Say what the pass would take, from a sample of its documents.

    What is answered already costs nothing; what requests took before tells what they will take.
    """
    await _choose(progress, rules)
    documents = (progress.run.ai.to_resolve or 0) if progress.run.ai else 0
    step = math.ceil(max(documents, 1) / SAMPLE_DOCUMENTS)
    model = tools.resolver.model if tools else ""
    async with database.connection() as connection:
        sample = await ai_decisions.fetch_sample(connection, progress.run.id, step)
        cases = await questions.read_cases(sample, model)
        known = await ai_decisions.recall(
            connection, progress.run.workspace_id, [case.identity for case in cases]
        )
    open_cases = [case for case in cases if case.identity not in known and not case.is_empty]
    if not open_cases:
        return AiFigures(status=AiStatus.PENDING, to_resolve=documents, is_estimate=True)
    asked = math.ceil(documents * len(open_cases) / len(cases))
    size = sum(case.size for case in open_cases) / len(open_cases)
    together = max(1, min(plan.documents_per_request, int(REQUEST_BYTES / size)))
    requests = math.ceil(asked / together)
    expectation = tools.expectation if tools else Expectation()
    load = expectation.of(round(size * asked), asked)
    usage = Usage(
        input_tokens=round(load.input_tokens),
        output_tokens=round(load.output_tokens),
        cache_read=prompt.SYSTEM_TOKENS * (requests - 1),
        cache_written=prompt.SYSTEM_TOKENS,
    )
    return AiFigures(
        status=AiStatus.PENDING,
        to_resolve=documents,
        requests=requests,
        input_tokens=usage.all_input,
        output_tokens=usage.output_tokens,
        cost_nanodollars=plan.prices.cost(usage),
        is_estimate=True,
    )
