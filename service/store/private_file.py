"""How is a secret kept in the data directory? For our user alone, whole or not at all."""

import os
from pathlib import Path

from service.domain.errors import StartupError


def read(path: Path) -> str | None:
    """Return the file's one line, None where there is no file or nothing in it."""
    try:
        return path.read_text(errors="replace").strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartupError(f"The file {path} cannot be read: {error.strerror}.") from error


def write(path: Path, line: str) -> None:
    """Write the line, and be sure that it lies on the disk; raises StartupError."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise StartupError(
            f"The data directory {path.parent} is not writable ({error.strerror}): choose another "
            "with MATCHSTREAM_DATA_DIR."
        ) from error
