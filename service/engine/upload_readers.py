"""Who reads a spooled upload? A child process, or this one where the upload is small.

    spool ─► child: parse, check, encode ─► frames in a pipe ─► blocks() ─► COPY

Nothing runs ahead: the child waits while the pipe is full, and the pipe is read as COPY takes it.
The child ends with this process, because its standard input does.
"""

import asyncio
import sys
from asyncio import StreamReader
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import BinaryIO, Protocol

from service.domain.errors import InvalidInputError, MatchstreamError, PayloadTooLargeError
from service.engine.see_through import see_through
from service.engine.spool import Spool
from service.engine.upload_child import END, LENGTH_BYTES, ROWS
from service.engine.upload_parsing import UploadParser
from service.ingest.instructions import PACKED, Instructions, Outcome

# An upload up to this size costs the loop a few milliseconds even in rows of one character; a
# child process costs 100 of another core.
MAX_BYTES_READ_HERE = 4_096
PIPE_BUFFER_BYTES = 1_048_576
EXIT_SECONDS = 5.0


class UploadReader(Protocol):
    """Reads one upload; `outcome` is there when `blocks` ends."""

    outcome: Outcome

    def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield COPY text; raises InvalidInputError at the end when something is wrong."""
        ...


@asynccontextmanager
async def started(spool: Spool, instructions: Instructions) -> AsyncIterator[UploadReader]:
    """Lend a reader of the spool; no process is left of it at the end, come what may."""
    if is_read_here(spool, instructions):
        yield _ReaderHere(spool.file, instructions)
        return
    descriptor = spool.file.fileno()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        # Without the folder we were started in, which may have a `service` of its own.
        "-P",
        "-m",
        "service.engine.upload_child",
        str(descriptor),
        stdin=PIPE,
        stdout=PIPE,
        pass_fds=(descriptor,),
        limit=PIPE_BUFFER_BYTES,
        # Ctrl-C in a terminal is for the parent alone, which decides what it means.
        start_new_session=True,
    )
    reader = _ReaderInChild(process, instructions)
    try:
        yield reader
    finally:
        await see_through(_end(process, is_done=reader.is_done))


def is_read_here(spool: Spool, instructions: Instructions) -> bool:
    """Whether the upload is so small that this process reads it, also once it is unpacked."""
    return spool.size <= MAX_BYTES_READ_HERE and instructions.format not in PACKED


class _ReaderHere:
    """Reads in this process."""

    def __init__(self, file: BinaryIO, instructions: Instructions) -> None:
        self._parser = UploadParser(file, instructions)
        self._instructions = instructions
        self.outcome = Outcome()

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        for block in self._parser.blocks():
            yield block
        self.outcome = self._parser.outcome
        refuse_problems(self.outcome, self._instructions)


class _ReaderInChild:
    """Passes on what a child process reads."""

    def __init__(self, process: Process, instructions: Instructions) -> None:
        self._process = process
        self._instructions = instructions
        self.outcome = Outcome()
        self.is_done = False

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        source, instructions = self._process.stdout, self._process.stdin
        if source is None or instructions is None:
            raise RuntimeError("The reader of an upload was started without pipes.")
        instructions.write(self._instructions.to_json().encode() + b"\n")
        while True:
            try:
                kind, content = await _read_frame(source)
            except asyncio.IncompleteReadError as error:
                if self._instructions.format in PACKED:
                    raise PayloadTooLargeError(
                        "The file takes more memory than reading it may: save it as CSV."
                    ) from error
                raise MatchstreamError("The reader of the upload ended unexpectedly.") from error
            if kind != ROWS:
                break
            yield content
        self.is_done = True
        self.outcome = Outcome.from_json(content)
        refuse_problems(self.outcome, self._instructions)


async def _read_frame(source: StreamReader) -> tuple[bytes, bytes]:
    kind = await source.readexactly(len(END))
    length = int.from_bytes(await source.readexactly(LENGTH_BYTES), "big")
    return kind, await source.readexactly(length)


def refuse_problems(outcome: Outcome, instructions: Instructions) -> None:
    """Raise InvalidInputError when the outcome has problems; it says how rows are counted."""
    if not outcome.problems:
        return
    first, *others = outcome.problems
    more = f" ({len(others)} more under `errors`)" if others else ""
    sentence = outcome.summary or first.message + more
    if instructions.has_header and first.row is not None:
        sentence += " Rows count from 1 below the header."
    raise InvalidInputError(sentence, outcome.problems)


async def _end(process: Process, *, is_done: bool) -> None:
    """Wait for the child where it has said all, kill it where it has not."""
    try:
        if not is_done:
            _kill(process)
        async with asyncio.timeout(EXIT_SECONDS):
            await _drain_and_wait(process)
    except TimeoutError:
        _kill(process)
        await _drain_and_wait(process)
    finally:
        _kill(process)


def _kill(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()


async def _drain_and_wait(process: Process) -> None:
    # A pipe that nobody reads would keep the transport from noticing the end.
    if process.stdout is not None:
        while await process.stdout.read(PIPE_BUFFER_BYTES):
            pass
    await process.wait()
