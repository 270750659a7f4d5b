"""How is the index of a reference version made from its rows, and saved for all who search it?

Runs in the processes of the pool. What a large index takes to be built would stay with a process
for ever: it is built by another one, which ends with it.
"""

import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from service.domain.configs import FieldMapping
from service.domain.errors import MatchingFailedError
from service.engine import index_cache
from service.engine.calls import LENGTH, READY, Failure
from service.matching.index import ReferenceIndex, build_from_rows
from service.matching.rows_file import RowsFile, UnreadableRowsError

# Files of rows from this size on are read by a process of their own.
LARGE_BYTES = 16 * 2**20
# How many processes it may cost: the death of one or two may be no fault of the index.
MAKE_TRIES = 3

DIED = (
    "The process that made the index of the reference data died: give the machine more memory, "
    "then run again."
)
TOO_LITTLE_MEMORY = (
    "There was too little memory to make the index of the reference data: give the machine more "
    "memory, then run again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexJob:
    """Which index to make: where it goes, of which rows, and for which mappings."""

    path: Path
    rows: RowsFile
    mappings: tuple[FieldMapping, ...]


@dataclass(frozen=True, slots=True)
class IndexOutcome:
    """An index that was saved, or the sentence that says why there is none.

    Unless the error `is_final`, the index may be there after another try.
    """

    error: str | None = None
    is_final: bool = True


def make_index(job: IndexJob) -> IndexOutcome:
    """Save the index unless it is there by now."""
    if job.rows.path.stat().st_size < LARGE_BYTES:
        return make_index_here(job)
    try:
        return _make_apart(job)
    except MemoryError:
        return IndexOutcome(TOO_LITTLE_MEMORY)


def make_index_here(job: IndexJob) -> IndexOutcome:
    """Save the index, built by this process."""
    try:
        index_cache.ensure(job.path, lambda: _build(job))
    except MatchingFailedError as error:
        return IndexOutcome(str(error))
    except MemoryError:
        return IndexOutcome(TOO_LITTLE_MEMORY)
    except UnreadableRowsError as error:
        # Whoever tries again writes it anew.
        job.rows.path.unlink(missing_ok=True)
        return IndexOutcome(
            f"The saved rows of the reference data were damaged: look at the disk of the data "
            f"directory, then run again. {error}",
            is_final=False,
        )
    return IndexOutcome()


def _build(job: IndexJob) -> ReferenceIndex:
    wanted = frozenset(mapping.target for mapping in job.mappings)
    return build_from_rows(job.mappings, job.rows.read(wanted))


def _make_apart(job: IndexJob) -> IndexOutcome:
    command = [sys.executable, "-P", "-m", "service.engine.child", str(os.getpid())]
    body = pickle.dumps((make_index_here, job), protocol=5)
    call = LENGTH.pack(len(body)) + body
    answer = b""
    for _ in range(MAKE_TRIES):
        child = subprocess.run(  # noqa: S603 - our own module
            command, input=call, stdout=subprocess.PIPE, check=False
        )
        # Behind two lengths: that of READY, and its own.
        answer = child.stdout[2 * LENGTH.size + len(READY) :]
        if answer:
            break
    else:
        return IndexOutcome(DIED)
    # Written by our own child over a private pipe.
    outcome = pickle.loads(answer)  # noqa: S301
    if isinstance(outcome, Failure):
        raise RuntimeError(f"{outcome.error} in the process that made the index:\n{outcome.trace}")
    assert isinstance(outcome, IndexOutcome)
    return outcome
