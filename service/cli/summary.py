"""What came out of a run, in a few lines?"""

import sys
from collections.abc import Callable

from service.cli import warnings
from service.cli.answers import JsonObject
from service.cli.client import RunHandle
from service.cli.display import drawn
from service.cli.tables import printable

BINS = 10
BAR_WIDTH = 30

Say = Callable[[str], None]


async def tell(handle: RunHandle, ended: JsonObject, say: Say) -> None:
    """Say how many have matched, how sure, and which run it was."""
    matched, processed = ended["rows_matched"], ended["rows_processed"]
    if ended["status"] != "completed":
        say(how(ended, "The run"))
    if processed is not None:
        mean = ended["avg_confidence"]
        sure = f" with a mean confidence of {mean:.2f}" if mean is not None else ""
        say(f"{matched:,} of {processed:,} documents matched{sure}.")
    if processed:
        for line in await distribution(handle):
            say(line)
    warn(ended, say)
    say(f"Run {handle.id}")


def how(ended: JsonObject, run: str) -> str:
    """Say in a sentence how a run that did not complete has ended; `run` names it."""
    if ended["status"] == "cancelled":
        return f"{run} has been cancelled."
    return printable(f"{run} has failed: {ended['error']}")


def warn(ended: JsonObject, say: Say) -> None:
    """Say what did not stop the run."""
    for warning in ended["warnings"]:
        say(printable(warnings.worded(warning)))


async def distribution(handle: RunHandle) -> list[str]:
    """Draw how many results lie in each tenth of confidence, from the highest down."""
    counts = []
    for place in reversed(range(BINS)):
        top = 1.0 if place == BINS - 1 else (place + 1) / BINS - 0.0001
        page = await handle.client.ask(
            "GET",
            f"{handle.path}/results",
            params={"min_confidence": place / BINS, "max_confidence": round(top, 4), "limit": 1},
        )
        counts.append((place, page["pagination"]["total"]))
    most = max(count for _, count in counts) or 1
    is_plain = not sys.stderr.encoding.lower().startswith("utf")
    return [
        f"{place / BINS:.1f} {_bar(count / most, is_plain=is_plain)} {count:,}"
        for place, count in counts
    ]


def _bar(share: float, *, is_plain: bool) -> str:
    """Draw a share, never a count as nothing."""
    least = 1 / BAR_WIDTH if share else 0.0
    bar = drawn(max(share, least), BAR_WIDTH, is_plain=is_plain)
    return bar.replace("░", " ").replace("-", " ")
