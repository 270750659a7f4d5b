"""What does the service answer: an event, a refusal, something that is no answer of ours at all?"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import httpx2

from service.domain.errors import MatchstreamError

JsonObject: TypeAlias = dict[str, Any]

# Of these the detail says in how many rows they are.
_SUMMED_UP = frozenset({"repeated_id"})
# What the detail says to programs, which find the rest there.
_POINTER_TO_MORE = re.compile(r" \([0-9]+ more under `errors`\)")
_SHOWN_PLACES = 4

# Said by the service, or by a proxy before it, while it cannot.
_BUSY = frozenset({429, 502, 503, 504})
_BROKEN = 500
_OK = 200


class ClientError(MatchstreamError):
    """The service refused a request, or could not be reached; `code` is the problem's own."""

    code: ClassVar[str] = "client_error"

    def __init__(
        self,
        detail: str,
        status: int | None = None,
        problem: str = "",
        *,
        is_retryable: bool = False,
    ) -> None:
        """Keep the HTTP status (None: no answer came), and of the problem code and kind."""
        super().__init__(detail)
        self.status = status
        self.problem = problem
        # The service says that it cannot now, and may in a moment.
        self.is_busy = is_retryable or status in _BUSY

    @property
    def is_passing(self) -> bool:
        """Whether the same may succeed in a while: no answer came, or none that is final."""
        return self.status is None or self.is_busy or self.status == _BROKEN


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """One event as the stream tells it; the snapshot of a fresh stream is one too."""

    number: str
    type: str
    data: JsonObject


async def events(parts: AsyncIterator[bytes]) -> AsyncIterator[StreamedEvent]:
    """Read server-sent events; what a cut leaves unfinished is none."""
    fields: dict[str, str] = {}
    async for line in lines(parts):
        name, _, value = line.decode().partition(":")
        if name or value:
            fields[name] = value.removeprefix(" ")
            continue
        if "data" in fields:
            number, kind = fields.get("id", "0"), fields.get("event", "")
            yield StreamedEvent(number, kind, json.loads(fields["data"]))
        fields = {}


async def lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    r"""Yield the lines that end in these parts, without their "\n".

    No other sign ends a line: texts inside may have those that Unicode counts as line breaks.
    """
    rest = b""
    async for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line


def content(url: str, reply: httpx2.Response) -> JsonObject:
    """Return the JSON of a reply; raises ClientError where it is a refusal, or none of ours."""
    if not reply.is_success:
        raise refusal(url, reply)
    try:
        found = reply.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _stranger(url, reply.status_code)
    return found


def page(url: str, found: JsonObject) -> tuple[list[JsonObject], str | None]:
    """Return the items of a page of a list, and the cursor of the next one, None after the last."""
    try:
        pagination = found["pagination"]
        return found["data"], pagination["next_cursor"] if pagination["has_more"] else None
    except (KeyError, TypeError) as error:
        raise _stranger(url) from error


def _stranger(url: str, status: int = _OK) -> ClientError:
    return ClientError(f"What answers at {url} is no Matchstream service.", status)


def refusal(url: str, reply: httpx2.Response) -> ClientError:
    """Read the problem that the service answered with."""
    try:
        problem = reply.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    detail = str(problem.get("detail") or _bare(url, reply))
    sentence = " ".join([_POINTER_TO_MORE.sub("", detail), *_places(detail, problem)])
    return ClientError(
        sentence,
        reply.status_code,
        str(problem.get("code", "")),
        is_retryable=problem.get("retryable") is True,
    )


def no_answer(url: str, error: httpx2.HTTPError) -> ClientError:
    """Say that no answer came, or none that was whole."""
    reason = ": ".join(filter(None, (type(error).__name__, str(error))))
    question = ": does it run there?" if isinstance(error, httpx2.ConnectError) else "."
    return ClientError(f"The service at {url} did not answer ({reason}){question}")


def _bare(url: str, reply: httpx2.Response) -> str:
    """Say what came where no service of ours has spoken."""
    elsewhere = reply.headers.get("location")
    pointing = f" and points to {elsewhere}" if elsewhere else ""
    return f"What answers at {url} said {reply.status_code}{pointing}: is it a Matchstream service?"


def _places(detail: str, problem: Mapping[str, Any]) -> list[str]:
    """Say what else is wrong: what the detail does not say or sum up, as far as one may read it."""
    errors = problem.get("errors", ())
    others = [
        _place(each)
        for each in errors
        if each.get("code") not in _SUMMED_UP and not detail.startswith(each["message"])
    ]
    more = len(others) - _SHOWN_PLACES
    return [*others[:_SHOWN_PLACES], *([f"And {more} more like these."] if more > 0 else [])]


def _place(error: Mapping[str, object]) -> str:
    """Say where one part of the input is wrong."""
    where = [f"{name} {error[name]}" for name in ("row", "column") if error.get(name) is not None]
    message, pointer = str(error.get("message")), error.get("pointer")
    if message.startswith(f"Row {error.get('row')}"):
        return message
    if pointer:
        where.insert(0, str(pointer))
    return f"{', '.join(where)}: {message}" if where else message
