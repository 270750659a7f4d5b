"""What does the child process do that reads an upload off its parent's event loop?

`uploads.py` is the other end. The one argument is the descriptor of the file. Standard output
carries frames: a letter, a length in 4 bytes, big end first, and as many bytes. `R` is a block
of COPY text, `E` the outcome as JSON, which is the last frame. Writing waits while the parent
does not read, so nothing piles up.
"""

import os
import resource
import sys
import threading

from service.domain import traces
from service.domain.errors import Problem
from service.engine.upload_parsing import UploadParser
from service.ingest.instructions import PACKED, Instructions, Outcome, UploadFormat
from service.ingest.limits import MAX_READER_MEMORY_BYTES

ROWS = b"R"
END = b"E"
LENGTH_BYTES = 4
_DAMAGED = "The file cannot be read: it is damaged, or holds what is not read here."


def main() -> None:
    """Read instructions from the first line of standard input, then the file, to the end."""
    instructions = Instructions.from_json(sys.stdin.buffer.readline().decode())
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if instructions.format in PACKED:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_READER_MEMORY_BYTES, MAX_READER_MEMORY_BYTES))
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        _read(UploadParser(file, instructions), instructions.format)


def _read(parser: UploadParser, file_format: UploadFormat) -> None:
    try:
        for block in parser.blocks():
            _write(ROWS, block)
        outcome = parser.outcome
    except (MemoryError, BrokenPipeError):
        # The parent knows what they mean: it sees them as an end without a last frame.
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the edge of one upload: it fails alone
        # Standard error is the service's log, which says nothing of values.
        sys.stderr.write(f"{traces.describe(error)}\n")
        if file_format not in PACKED:
            sys.exit(1)
        # The libraries that read these fail in many ways over a file that is damaged.
        outcome = Outcome(problems=(Problem("bad_file", _DAMAGED),))
    _write(END, outcome.to_json().encode())


def _exit_with_parent() -> None:
    """End when standard input does: the parent holds its other end and never writes again."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def _write(kind: bytes, content: bytes) -> None:
    sys.stdout.buffer.write(kind + len(content).to_bytes(LENGTH_BYTES, "big") + content)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
