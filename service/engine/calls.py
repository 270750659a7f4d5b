"""What passes between a pool and its processes, and how is it framed?

A frame is a length (8 bytes, big endian) and that many bytes of pickle: over private pipes, from
and to our own processes alone.
"""

import struct
from dataclasses import dataclass

LENGTH = struct.Struct(">Q")
# What a process sends once, when it has started.
READY = b""


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer to a call that raised: the error's type and where it was raised.

    Without the error's text, which may hold a document's values.
    """

    error: str
    trace: str
