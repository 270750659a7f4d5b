"""Which addresses does a name have? Asked of the system, without blocking whoever else asks.

A name server that does not answer holds up the thread that asked it, and cannot be called off. So
each question has a thread of its own, which does not keep the process from ending, and their number
is bounded.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

# Returns the addresses of a name, in the order in which they are to be tried.
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

MAX_QUESTIONS = 100


class UnknownNameError(OSError):
    """The name has no address, or nobody could say which."""


class SystemResolver:
    """Asks as every program on this machine does."""

    def __init__(self, max_questions: int = MAX_QUESTIONS) -> None:
        """Ask up to so many questions at once."""
        self._max_questions = max_questions
        self._under_way = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of the host; raises UnknownNameError."""
        if self._under_way >= self._max_questions:
            raise UnknownNameError("too many names are being looked up already")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()

        def ask() -> None:
            addresses, error = _look_up(host, port)
            # The loop may have ended meanwhile: then nobody waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._finish, answer, addresses, error)

        try:
            threading.Thread(target=ask, name="name-resolution", daemon=True).start()
        except RuntimeError as error:
            raise UnknownNameError("the system has no thread left to ask it with") from error
        self._under_way += 1
        return await answer

    def _finish(
        self,
        answer: "asyncio.Future[Sequence[str]]",
        addresses: Sequence[str],
        error: UnknownNameError | None,
    ) -> None:
        self._under_way -= 1
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(addresses)


def _look_up(host: str, port: int) -> tuple[Sequence[str], UnknownNameError | None]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return (), UnknownNameError(str(error))
    return list(dict.fromkeys(str(each[4][0]) for each in found)), None
