"""How is a process of the pool started, asked and ended? Frames are as in `calls.py`."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from service.engine.calls import LENGTH
from service.engine.see_through import see_through

# A process that has not read its modules by then will not.
START_LIMIT_SECONDS = 120.0
STOP_LIMIT_SECONDS = 2.0
PIPE_BUFFER_BYTES = 1 << 20


@asynccontextmanager
async def started(preload: tuple[str, ...]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Lend a process that takes calls and has imported the modules; it ends with the block.

    Raises OSError or EOFError when it does not start.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        # Without the folder we were started in, which may have a `service` of its own.
        "-P",
        "-m",
        "service.engine.child",
        str(os.getpid()),
        *preload,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=PIPE_BUFFER_BYTES,
        # Ctrl-C in a terminal is for the parent alone, which decides what it means.
        start_new_session=True,
    )
    try:
        # What it takes to start is no part of a call's time.
        async with asyncio.timeout(START_LIMIT_SECONDS):
            await _receive(child)
        yield child
    finally:
        await see_through(_stop(child))


def has_ended(child: asyncio.subprocess.Process) -> bool:
    """Whether the process is gone, by the kernel: the loop may not have heard of it yet."""
    try:
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        # Its end has been taken note of already.
        return True


async def exchange(child: asyncio.subprocess.Process, body: bytes) -> bytes:
    """Send a call and return its answer; raises EOFError or OSError when the process is gone."""
    assert child.stdin is not None
    child.stdin.writelines((LENGTH.pack(len(body)), body))
    await child.stdin.drain()
    return await _receive(child)


async def _receive(child: asyncio.subprocess.Process) -> bytes:
    assert child.stdout is not None
    header = await child.stdout.readexactly(LENGTH.size)
    return await child.stdout.readexactly(LENGTH.unpack(header)[0])


async def _stop(child: asyncio.subprocess.Process) -> None:
    """End the child: idle ones leave at the end of their input, others are killed."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        async with asyncio.timeout(STOP_LIMIT_SECONDS):
            await child.wait()
    except TimeoutError:
        kill(child)
        await child.wait()


def kill(child: asyncio.subprocess.Process) -> None:
    """End the process at once, unless it is gone already."""
    with suppress(ProcessLookupError):
        child.kill()
