"""What does Ctrl-C do? It ends a command at once and without a word, until it has begun something.

What has begun is interrupted by an exception, or cancelled, so that it can tidy up. Who starts us
may want interrupts ignored; that stays so.
"""

# Until this is imported Python shows an interrupt in its own way: no more imports than these.
import os
import signal

# What a shell says of a program that an interrupt has ended.
EXIT_CODE = 128 + signal.SIGINT


def end_at_once() -> None:
    """Let an interrupt end the process here and now: an exception would show where it was."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def are_raised() -> None:
    """Let an interrupt be an exception again, as it is where Python starts."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_: int, __: object) -> None:
    os._exit(EXIT_CODE)
