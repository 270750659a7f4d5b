"""In which encodings may a text file be written, by which names?"""

from enum import StrEnum


class Encoding(StrEnum):
    """How characters are written as bytes."""

    UTF_8 = "utf-8"
    UTF_16 = "utf-16"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    WINDOWS_1252 = "windows-1252"
