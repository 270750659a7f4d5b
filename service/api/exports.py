"""How does a file of any length leave, without holding anything for a reader that is slow?

Each part is read with a connection of its own, which is free again before the part is sent. An
export that cannot go on is cut off, so that no reader takes it for whole.
"""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from urllib.parse import quote

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

# A part that nobody takes for so long is the last one.
SEND_TIMEOUT_SECONDS = 60.0

CSV_TYPE = "text/csv; charset=utf-8"
NDJSON_TYPE = "application/x-ndjson"

# Longer ones leave no room for what a browser adds to them.
NAME_CHARACTERS = 100
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')

# What a spreadsheet takes for the begin of a formula.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# Whatever divides cells somewhere does so in the middle of a text, too, where a spreadsheet expects
# another delimiter than ours; amounts such as `12,-` go on.
_INNER_FORMULA = re.compile(
    r"(?<=[,;|\t\r\n])(?=[=+\-@])(?!-[\s\d.€$£%]*(?:[A-Z]{3})?(?:[,;|\t\r\n]|\Z))"
)


class SlowReaderError(Exception):
    """A reader of an export took nothing for too long."""


class ExportCutError(Exception):
    """What is exported went away meanwhile."""


class FileResponse(StreamingResponse):
    """A file to keep under a name, sent part by part."""

    def __init__(
        self,
        parts: AsyncIterator[bytes],
        filename: str,
        media_type: str,
        send_timeout_seconds: float = SEND_TIMEOUT_SECONDS,
    ) -> None:
        """Send `parts`; a reader that takes nothing for `send_timeout_seconds` is cut off."""
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
            "Cache-Control": "no-store",
        }
        super().__init__(parts, headers=headers, media_type=media_type)
        self._send_timeout_seconds = send_timeout_seconds

    async def __call__(  # type: ignore[explicit-override] # from 3.12
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send the file; raises SlowReaderError, and what the parts raise: the reply is cut off."""

        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(self._send_timeout_seconds):
                    await send(message)
            except TimeoutError as error:
                raise SlowReaderError("The reader of an export took nothing for long.") from error

        await super().__call__(scope, receive, send_in_time)


def plain_name(text: str) -> str:
    """Write a text so that every system takes it as the name of a file; it may be left empty."""
    return " ".join(_NOT_IN_NAMES.sub(" ", text).split())[:NAME_CHARACTERS].strip(" .")


def csv_lines(rows: Iterable[Sequence[str | None]], delimiter: str = ",") -> bytes:
    """Write rows as CSV (RFC 4180); a value that is missing is an empty one.

    A line with one empty value has quotation marks, since a blank line is no row.
    """
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode()


def harmless(value: str) -> str:
    """Write a text so that no spreadsheet takes it for a formula; a number stays one."""
    if _NUMBER.fullmatch(value):
        return value
    begin = "'" if _FORMULA.match(value) else ""
    return begin + _INNER_FORMULA.sub("'", value)
