"""Where do worker processes find the index of a reference version? In a file that all of them map.

A version never changes, so its index is made once for the same mappings and found by later runs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

import structlog

from service.domain.configs import FieldMapping, MatchingRules
from service.domain.errors import MatchingFailedError
from service.domain.reference import ReferenceVersion
from service.engine import index_cache
from service.engine.datasets import ReferenceFiles
from service.engine.executors import Executor, LossReason, Lost, compute
from service.engine.index_building import DIED, MAKE_TRIES, IndexJob, make_index
from service.matching.rows_file import RowsFile

log = structlog.get_logger()

# Far above what the largest table takes; a process that stands still is noticed all the same.
MAKE_LIMIT_SECONDS = 3600.0
# How often an index is made that is not there then: another process made room at that moment, or
# the rows it is made of were damaged and are written anew.
MAX_MADE = 3


@dataclass(slots=True)
class _Turn:
    """Who wants an index now: how many, and one of them at a time looks for it or makes it."""

    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Indexes:
    """A bounded directory of saved indexes, one per reference version and mappings."""

    def __init__(self, directory: Path, rows: ReferenceFiles, executor: Executor) -> None:
        """Use `directory`, readable for this user alone; other processes may share it."""
        self._directory = directory
        self._rows = rows
        self._executor = executor
        self._turns: dict[Path, _Turn] = {}

    @asynccontextmanager
    async def lend(self, version: ReferenceVersion, rules: MatchingRules) -> AsyncIterator[Path]:
        """Lend the path of an index, made now from the version's rows if it is not there yet.

        The file stays as long as the block lasts. Raises MatchingFailedError.
        """
        mappings = index_cache.ask(rules)
        path = self._directory / index_cache.name(version, mappings)
        async with self._turn(path):
            pinned, trouble = index_cache.pin(path), ""
            for _ in range(MAX_MADE):
                if pinned is not None:
                    break
                trouble = await self._make(version, mappings, path)
                pinned = index_cache.pin(path)
        if pinned is None:
            raise MatchingFailedError(trouble)
        with pinned:
            yield path

    @asynccontextmanager
    async def _turn(self, path: Path) -> AsyncIterator[None]:
        turn = self._turns.setdefault(path, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[path]

    async def _make(
        self, version: ReferenceVersion, mappings: tuple[FieldMapping, ...], path: Path
    ) -> str:
        """Have the index made; return what to say of it if it is not there all the same.

        Raises MatchingFailedError when it cannot be made.
        """
        async with self._rows.lend(version) as file:
            columns = tuple(column.name for column in version.columns)
            rows = RowsFile(path=file, row_count=version.row_count, columns=columns)
            job = IndexJob(path=path, rows=rows, mappings=mappings)
            outcome = await compute(self._executor, make_index, job, MAKE_LIMIT_SECONDS, MAKE_TRIES)
        if isinstance(outcome, Lost):
            raise _not_made(outcome)
        if outcome.error is None:
            return _REMOVED
        if outcome.is_final:
            raise MatchingFailedError(outcome.error)
        log.warning("index_not_made", action="make_again", reason=outcome.error)
        return outcome.error


_REMOVED = (
    "The index of the reference data was removed right after it was made: leave the files in the "
    "data directory alone, then run again."
)


def _not_made(lost: Lost[IndexJob]) -> MatchingFailedError:
    match lost.reason:
        case LossReason.DIED:
            return MatchingFailedError(DIED)
        case LossReason.TOOK_TOO_LONG:
            return MatchingFailedError(
                f"Making the index of the reference data took more than {MAKE_LIMIT_SECONDS:.0f} "
                "seconds: give the machine more processors or memory, then run again."
            )
        case LossReason.RAISED:
            log.error("index_failed", action="make", error=lost.error, trace=lost.trace)
            return MatchingFailedError(
                f"Making the index of the reference data failed on an unexpected error "
                f"({lost.error}): please report it; the service's log says where."
            )
        case _:
            assert_never(lost.reason)
