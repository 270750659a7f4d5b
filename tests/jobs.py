"""Jobs for the processes of a pool: what they compute is what a test asks them to do."""

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.domain.configs import FuzzyMapping, MatchingRules
from service.domain.identifiers import ReferenceRowId
from service.engine import chunks, index_cache
from service.engine.chunks import ChunkJob, ChunkOutcome, IndexMissing, match_chunk
from service.engine.index_building import IndexJob, IndexOutcome, make_index, make_index_here
from service.matching.compiled import load_kernel
from service.matching.index import ReferenceIndex, build


def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


def shout(number: int) -> int:
    """Print before answering, as a careless library does."""
    print("noise on standard output", flush=True)  # noqa: T201 - that is the point
    return number


def fail_on_three(number: int) -> int:
    """Raise for the number 3."""
    if number == 3:
        raise ValueError("three is not welcome")
    return number


def die_once(mark: str) -> str:
    """Kill the process that works on it, the first time only; `mark` is a file's path."""
    path = Path(mark)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mark


def die_always(_job: int) -> int:
    """Kill the process that works on it."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def wait_for_ever(_job: int) -> int:
    """Answer never."""
    signal.pause()
    return 0


def own_pid(_job: int) -> int:
    """Return the id of the process that works on it."""
    return os.getpid()


def tiny_index() -> ReferenceIndex:
    """Build an index of two rows."""
    rules = MatchingRules(field_mappings=(FuzzyMapping(source="n", target="name", weight=1),))
    row_ids = [ReferenceRowId("a"), ReferenceRowId("b")]
    return build(rules, row_ids, {"name": ["Vega", "Omni"]})


@dataclass(frozen=True, slots=True)
class SlowBuild:
    """An index to build in a folder with the pipes `began` and `go_on`."""

    folder: Path

    @property
    def path(self) -> Path:
        """Where the index goes."""
        return self.folder / "slow.index"


def build_slowly(job: SlowBuild) -> bool:
    """Say that the build began, and finish it when told; return whether it was done here."""

    def build_when_told() -> ReferenceIndex:
        (job.folder / "began").write_text(str(os.getpid()))
        (job.folder / "go_on").read_text()
        return tiny_index()

    return index_cache.ensure(job.path, build_when_told)


def make_index_after_a_death(job: IndexJob) -> IndexOutcome:
    """Make an index, but kill the first process that is about to."""
    mark = job.path.with_suffix(".mark")
    if not mark.exists():
        mark.touch()
        index_cache.ensure(job.path, lambda: build_and_die(job.path))
    return make_index(job)


def build_and_die(path: Path) -> ReferenceIndex:
    """Leave a part of an index behind."""
    path.with_suffix(index_cache.UNFINISHED_SUFFIX).write_text("a beginning")
    os.kill(os.getpid(), signal.SIGKILL)
    return tiny_index()


def make_no_index(_job: IndexJob) -> IndexOutcome:
    """Say that an index was made."""
    return IndexOutcome()


def lose_the_first_index(job: IndexJob) -> IndexOutcome:
    """Make an index, but let the first one be removed at once, as who makes room does."""
    outcome = make_index(job)
    mark = job.path.with_suffix(".mark")
    if not mark.exists():
        mark.touch()
        job.path.unlink()
    return outcome


def find_damaged_rows(_job: IndexJob) -> IndexOutcome:
    """Say that the rows are damaged."""
    return IndexOutcome("The saved rows are damaged.", is_final=False)


def fail_to_make(_job: IndexJob) -> IndexOutcome:
    """Raise."""
    raise ArithmeticError("a value that nobody may see")


def find_no_index(_job: ChunkJob) -> IndexMissing:
    """Say that there is no index."""
    return IndexMissing()


# The documents that `match_or_…` does not bear.
POISONED = frozenset({"doc_000000", "doc_000041", "doc_000042"})


def is_poisoned(job: ChunkJob) -> bool:
    """Whether one of the poisoned documents is in the chunk."""
    return any(document.id in POISONED for document in job.documents)


def match_or_die(job: ChunkJob) -> ChunkOutcome | IndexMissing:
    """Match a chunk, but kill the process on a poisoned document."""
    if is_poisoned(job):
        os.kill(os.getpid(), signal.SIGKILL)
    return match_chunk(job)


def match_or_hang(job: ChunkJob) -> ChunkOutcome | IndexMissing:
    """Match a chunk, but never end on a poisoned document."""
    if is_poisoned(job):
        signal.pause()
    return match_chunk(job)


def match_or_raise(job: ChunkJob) -> ChunkOutcome | IndexMissing:
    """Match a chunk, but raise on a poisoned document."""
    if is_poisoned(job):
        raise ArithmeticError("a value that nobody may see")
    return match_chunk(job)


def match_nothing(job: ChunkJob) -> ChunkOutcome:
    """Raise on every document."""
    raise ArithmeticError(job.documents[0].id)


def limit_file_size(size: int) -> int:
    """Let this process write files up to a size only."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    return size


def make_index_with_little_memory(job: IndexJob) -> IndexOutcome:
    """Make an index while a process that is started gets half of what this one has.

    This one may be short of memory too before the other is started.
    """
    with limited_memory(of_own=0.5):
        return make_index(job)


def make_index_here_with_little_memory(job: IndexJob) -> IndexOutcome:
    """Make an index in this process, which gets nothing beyond what it has."""
    load_kernel()
    with limited_memory(of_own=1.0):
        return make_index_here(job)


@contextmanager
def limited_memory(of_own: float) -> Iterator[None]:
    """Limit the address space, also of processes that are started, to a share of this one's."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = int(pages * resource.getpagesize() * of_own)
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def time_loading(path: Path) -> float:
    """Map an index and check it whole; return the seconds that took."""
    started = time.perf_counter()
    chunks.load_index(path)
    return time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process has of its own, and that with its share of what it maps with others."""

    pid: int
    own_megabytes: float
    proportional_megabytes: float


def own_memory(_job: int) -> Memory:
    """Read the memory of the process that works on it."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    own = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return Memory(os.getpid(), own * 1024 / 1e6, kilobytes["Pss"] * 1024 / 1e6)
