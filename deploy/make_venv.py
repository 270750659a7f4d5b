"""Make the virtual environment, or say in one sentence why that is not possible here."""

import shutil
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)


def main(target: str) -> None:
    """Make a virtual environment with pip at `target`; exit with a sentence when it cannot be."""
    found = sys.version_info[:2]
    if not OLDEST <= found <= NEWEST:
        sys.exit(
            f"Matchstream runs on Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}, and "
            f"this is {found[0]}.{found[1]}: name another with 'make PYTHON=python3.12 run'."
        )
    try:
        import ensurepip  # noqa: F401 - Debian ships venv without it: this is the probe
        import venv
    except ImportError:
        sys.exit(
            "Python's venv module is not installed: install it (on Debian and Ubuntu: "
            f"'apt install python{found[0]}.{found[1]}-venv') and run make again."
        )
    try:
        venv.create(target, with_pip=True)
    except (OSError, Exception) as error:  # noqa: BLE001
        shutil.rmtree(Path(target), ignore_errors=True)
        sys.exit(f"The virtual environment could not be made in {target}: {error}")


main(sys.argv[1])
