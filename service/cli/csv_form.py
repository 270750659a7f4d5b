"""How is a CSV file written? What its first bytes show, and the service has to be told of it."""

import codecs
import re
from typing import IO

PEEK_BYTES = 65536
_DELIMITERS = ",;\t|"
# What stands in quotation marks divides nothing, and ends no line.
_QUOTED = re.compile('"[^"]*"')
_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SUFFIXES = (".csv", ".tsv", ".txt")


def form_of(name: str, file: IO[bytes]) -> dict[str, str]:
    """Return `delimiter` and `encoding` where they are not comma and UTF-8; leaves the file as is.

    A file that is not UTF-8 and has no byte order mark is taken for Windows-1252, in which
    spreadsheets save. Files other than CSV tell these things themselves.
    """
    if not name.lower().endswith(_SUFFIXES):
        return {}
    start = file.read(PEEK_BYTES)
    file.seek(0)
    if start.startswith(_BOMS):
        return _delimiter_of(start.decode("utf-16", errors="ignore"))
    try:
        # A character may be cut at the end, which an incremental decoder forgives.
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        text = start.decode("windows-1252", errors="replace")
        return {"encoding": "windows-1252", **_delimiter_of(text)}
    return _delimiter_of(text)


def _delimiter_of(text: str) -> dict[str, str]:
    """Take the sign that divides the header most often, the comma where none does."""
    head = _QUOTED.sub("", text).partition("\n")[0]
    most = max(_DELIMITERS, key=head.count)
    return {} if most == "," or most not in head else {"delimiter": most}
