"""What does the child process do that reads an upload off its parent's event loop?

`uploads.py` is the other end. The one argument is the descriptor of the file. Standard output
carries frames: a letter, a length in 4 bytes, big end first, and as many bytes. `R` is a block
of COPY text, `E` the outcome as JSON, which is the last frame. Writing waits while the parent
does not read, so nothing piles up.
"""

import os
import resource
import signal
import sys
import threading

from service.engine.upload_parsing import UploadParser
from service.ingest.instructions import PACKED, Instructions
from service.ingest.limits import MAX_READER_MEMORY_BYTES

ROWS = b"R"
END = b"E"
LENGTH_BYTES = 4


def main() -> None:
    """Read instructions from the first line of standard input, then the file, to the end."""
    # A Ctrl-C in the terminal reaches the whole group: the parent decides what it means here.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    instructions = Instructions.from_json(sys.stdin.buffer.readline().decode())
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if instructions.format in PACKED:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_READER_MEMORY_BYTES, MAX_READER_MEMORY_BYTES))
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        parser = UploadParser(file, instructions)
        for block in parser.blocks():
            _write(ROWS, block)
        _write(END, parser.outcome.to_json().encode())


def _exit_with_parent() -> None:
    """End when standard input does: the parent holds its other end and never writes again."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def _write(kind: bytes, content: bytes) -> None:
    sys.stdout.buffer.write(kind + len(content).to_bytes(LENGTH_BYTES, "big") + content)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
