"""What is wrong with the service that commands talk to: does it answer, is it ready, is it ours?"""

import asyncio
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx2

from service.cli import findings
from service.cli.answers import ClientError
from service.cli.client import RUNS, Client, checked_url
from service.cli.findings import Clock, Finding
from service.domain.errors import InvalidInputError

SUBJECT = "service"
ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What there is to say, and whether the service answers as one of ours."""

    findings: tuple[Finding, ...]
    is_ours: bool = False


def look(url: str, clock: Clock) -> Answered:
    """Ask the service whether it is ready, and what time it is there."""
    try:
        place = checked_url(url)
    except InvalidInputError as error:
        # Not shown: it may hold a password.
        return Answered((Finding(SUBJECT, "MATCHSTREAM_URL cannot be used", str(error)),))
    try:
        with closing(httpx2.Client(timeout=ANSWER_SECONDS, trust_env=False)) as client:
            asked = clock()
            reply = client.get(f"{place}/readyz")
            ahead = _time_of(reply) - (asked + (clock() - asked) / 2)
        told = reply.json()
        checks = dict(told["checks"])
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        advice = f"Start it, or change MATCHSTREAM_URL ({reason.rstrip('.')})."
        return Answered((Finding(SUBJECT, f"{place} does not answer", advice),))
    except (ValueError, KeyError, TypeError):
        advice = "Change MATCHSTREAM_URL, or the names in MATCHSTREAM_ALLOWED_HOSTS there."
        return Answered((Finding(SUBJECT, f"{place} does not answer as Matchstream does", advice),))
    of_clock = findings.of_clock(ahead, "service")
    if reply.is_success:
        return Answered((Finding(SUBJECT, f"{place} is ready"), of_clock), is_ours=True)
    wrong = " ".join(f"{part}: {said}" for part, said in checks.items() if said != "ok")
    return Answered((Finding(SUBJECT, f"{place} cannot work now", wrong), of_clock), is_ours=True)


def _time_of(reply: httpx2.Response) -> datetime:
    """Return the time of the reply, which is told in whole seconds."""
    return parsedate_to_datetime(reply.headers["Date"]) + timedelta(seconds=0.5)


def refusal(url: str, key: str) -> ClientError | InvalidInputError | None:
    """Return what the service has against the key; None where it opens something."""

    async def ask() -> None:
        async with asyncio.timeout(ANSWER_SECONDS), Client(url, key) as client:
            await client.ask("GET", RUNS, params={"limit": "1"})

    try:
        asyncio.run(ask())
    except TimeoutError:
        return ClientError(f"It gave no answer in {ANSWER_SECONDS:.0f} seconds.")
    except (ClientError, InvalidInputError) as error:
        return error
    return None
