"""How do many who ask for runs at the same time get the newest state at the cost of one query?

    ask ─┐
    ask ─┼─► what is asked for while a query is under way is the next query: one at a time
    ask ─┘

Nothing is remembered: an answer is read after its question came, so that it is never stale.
"""

import asyncio

from service.domain.errors import UnavailableError
from service.domain.identifiers import RunId, WorkspaceId
from service.domain.runs import Run
from service.store import runs
from service.store.database import Database

_STOPPING = "The service is stopping: try again in a moment."


class RunStates:
    """Reads runs by id, for all askers of the process together; `serve` must be running."""

    def __init__(self, database: Database) -> None:
        """Read from the database."""
        self._database = database
        self._asked: dict[RunId, asyncio.Future[Run | None]] = {}
        self._unread = asyncio.Event()
        self._has_ended = False

    async def read(self, workspace_id: WorkspaceId, run_id: RunId) -> Run | None:
        """Return the run as it is now; None when the workspace has no such run.

        Raises UnavailableError when the database is away, or the service stops.
        """
        if self._has_ended:
            raise UnavailableError(_STOPPING)
        if run_id not in self._asked:
            self._asked[run_id] = asyncio.get_running_loop().create_future()
            self._unread.set()
        # Others wait for it too: one who leaves does not cancel it.
        run = await asyncio.shield(self._asked[run_id])
        return run if run is not None and run.workspace_id == workspace_id else None

    async def serve(self) -> None:
        """Answer until cancelled."""
        asked: dict[RunId, asyncio.Future[Run | None]] = {}
        try:
            while True:
                await self._unread.wait()
                self._unread.clear()
                asked, self._asked = self._asked, {}
                try:
                    await self._answer(asked)
                except Exception as error:  # noqa: BLE001 - the edge of these questions: they fail
                    _refuse(asked, error)
        finally:
            self._has_ended = True
            _refuse(asked, UnavailableError(_STOPPING))
            _refuse(self._asked, UnavailableError(_STOPPING))

    async def _answer(self, asked: dict[RunId, asyncio.Future[Run | None]]) -> None:
        async with self._database.connection() as connection:
            found = await runs.fetch_all(connection, list(asked))
        by_id = {run.id: run for run in found}
        for run_id, answer in asked.items():
            answer.set_result(by_id.get(run_id))


def _refuse(asked: dict[RunId, asyncio.Future[Run | None]], error: Exception) -> None:
    for answer in asked.values():
        if not answer.done():
            answer.set_exception(error)
            # Whoever asked may have left.
            answer.exception()
