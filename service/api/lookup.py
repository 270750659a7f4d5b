"""Which run does a path name?"""

from starlette.requests import Request

from service.api import parameters
from service.api.context import Caller, services
from service.domain.identifiers import RunId
from service.domain.runs import Run
from service.store import runs
from service.store.database import Connection


async def find_run(request: Request, caller: Caller) -> Run:
    """Return the run named in the path; raises NotFoundError, also for another workspace's."""
    async with services(request).database.connection() as connection:
        return await fetch_run(connection, request, caller)


async def read_run(request: Request, caller: Caller) -> Run:
    """Do what `find_run` does, in one query with all who ask for runs at this moment."""
    run_id = RunId(parameters.path_id(request, "run_id", "run"))
    run = await services(request).hub.runs.read(caller.workspace_id, run_id)
    if run is None:
        raise parameters.not_found("run", run_id)
    return run


async def fetch_run(connection: Connection, request: Request, caller: Caller) -> Run:
    """Do what `find_run` does, on a connection of the caller's."""
    run_id = RunId(parameters.path_id(request, "run_id", "run"))
    run = await runs.fetch(connection, caller.workspace_id, run_id)
    if run is None:
        raise parameters.not_found("run", run_id)
    return run
