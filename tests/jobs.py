"""Jobs for the processes of a pool: what they compute is what a test asks them to do."""

import os
import signal
from pathlib import Path


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
