"""What does a look at a part of the installation show, and what is to be done about it?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from service.cli.display import duration

# Clocks that differ by less harm nothing: leases, signatures and the ends of keys allow for it.
CLOCK_SECONDS = 30.0

Clock: TypeAlias = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look showed; `advice` is what to do, None where all is well."""

    subject: str
    state: str
    advice: str | None = None


def of_clock(ahead: timedelta, whose: str) -> Finding:
    """Say how far another clock is from ours; `ahead` is below zero where it is behind."""
    seconds = ahead.total_seconds()
    if abs(seconds) <= CLOCK_SECONDS:
        return Finding("clock", f"agrees with that of the {whose}")
    way = "behind" if seconds > 0 else "ahead of"
    return Finding(
        "clock",
        f"this machine's is {duration(abs(seconds))} {way} that of the {whose}",
        "Set both by a time server ('timedatectl set-ntp true'): keys end and signatures hold by "
        "the clock.",
    )
