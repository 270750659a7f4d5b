"""What does a process of the pool do? It answers one call after another, until its parent is gone.

Run as `python -m service.engine.child PARENT_PID MODULE …`. Calls come on standard input and
answers go to standard output, framed as in `calls.py`. The modules named are imported at once, so
that the first call does not wait for them; then an empty answer says that calls may come.
"""

import ctypes
import importlib
import os
import pickle
import signal
import sys
import traceback
from typing import BinaryIO

from service.engine.calls import LENGTH, READY, Failure

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Answer calls until standard input ends."""
    die_with(int(arguments[0]))
    calls, answers = _claim_streams()
    for module in arguments[1:]:
        importlib.import_module(module)
    _send(answers, READY)
    while (header := calls.read(LENGTH.size)) and len(header) == LENGTH.size:
        call = calls.read(LENGTH.unpack(header)[0])
        try:
            # Written by our own parent over a private pipe.
            function, job = pickle.loads(call)  # noqa: S301
            answer = function(job)
        except Exception as error:  # noqa: BLE001 - the edge of one call: the parent gets to know
            trace = "".join(traceback.format_tb(error.__traceback__))
            answer = Failure(type(error).__name__, trace)
        _send(answers, pickle.dumps(answer, protocol=5))


def _send(answers: BinaryIO, body: bytes) -> None:
    answers.write(LENGTH.pack(len(body)))
    answers.write(body)
    answers.flush()


def die_with(parent_pid: int) -> None:
    """Ask the kernel to kill this process when its parent ends; elsewhere the input's end does."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:
            sys.exit(0)


def _claim_streams() -> tuple[BinaryIO, BinaryIO]:
    # A stray print of a library must not land between two answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, answers


if __name__ == "__main__":
    main(sys.argv[1:])
