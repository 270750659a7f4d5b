"""Which state of a run answers a poll: the present one, or the next one that comes in time?

    Prefer: wait=N ─► subscribe ─► read: another tag than the client's? ─► answer
                                    ▲ no: wait for a notice              (200)
                                    └──────────────┘
                      N seconds over, or the service stops: read once more, and answer as it is

A poll that waits asks the database nothing meanwhile. A notice that was lost costs it time, never
a wrong answer.
"""

import asyncio
import re

from starlette.requests import Request
from starlette.responses import Response

from service.api import conditions, parameters, replies
from service.api.context import Caller, services
from service.api.lookup import read_run
from service.domain.identifiers import RunId
from service.domain.runs import Run
from service.engine.signals import Wake, run_topic

MAX_WAIT_SECONDS = 60
# How soon it is worth asking again about a run that is alive, and after a poll that waited.
POLL_SECONDS = "1"
POLL_AGAIN = "0"
_WAIT = re.compile(r'wait\s*=\s*"?([0-9]{1,9})"?\s*(;.*)?', re.IGNORECASE)


async def state_of(request: Request, caller: Caller) -> Run:
    """Return the run named in the path, once it is another than the client has, if it wants so.

    Raises NotFoundError, also for another workspace's run.
    """
    seconds = wait_seconds(request)
    if seconds is None:
        return await read_run(request, caller)
    run_id = RunId(parameters.path_id(request, "run_id", "run"))
    hub = services(request).hub
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    with (
        services(request).signals.subscribe(run_topic(run_id)) as wake,
        hub.told_of_the_end(wake.set),
    ):
        is_last = False
        while True:
            run = await read_run(request, caller)
            if is_last or not conditions.is_known(request, tag(run)):
                return run
            has_left = await _pause(request, wake, end - clock())
            is_last = has_left or hub.is_closing or clock() >= end


async def _pause(request: Request, wake: Wake, seconds: float) -> bool:
    """Wait for a notice, but only so long; return whether the client has left meanwhile."""
    async with asyncio.TaskGroup() as tasks:
        leaving = tasks.create_task(_wake_when_gone(request, wake))
        await wake.wait(seconds)
        has_left = leaving.done()
        leaving.cancel()
    return has_left


async def _wake_when_gone(request: Request, wake: Wake) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    wake.set()


def wait_seconds(request: Request) -> int | None:
    """Return how long the client would wait for a change; None when it would not.

    That takes `Prefer: wait=N` (RFC 7240) together with `If-None-Match`.
    """
    lines = request.headers.getlist("prefer")
    if not lines or "if-none-match" not in request.headers:
        return None
    for line in lines:
        for preference in line.split(","):
            found = _WAIT.fullmatch(preference.strip())
            if found:
                return min(int(found[1]), MAX_WAIT_SECONDS) or None
    return None


def tag(run: Run) -> str:
    """Return the ETag of a run and of its progress."""
    return conditions.version_tag(run.version, run.last_event_id)


def not_modified(request: Request, run: Run) -> Response:
    """Say that the client has the run's state already."""
    return replies.not_modified(tag(run), headers(request, run))


def headers(request: Request, run: Run) -> dict[str, str]:
    """Return what a client needs for its next poll."""
    found = {"ETag": tag(run)}
    seconds = wait_seconds(request)
    if seconds is not None:
        found["Preference-Applied"] = f"wait={seconds}"
    if not run.status.is_terminal:
        found["Retry-After"] = POLL_SECONDS if seconds is None else POLL_AGAIN
    return found
