"""Make the virtual environment, or say in one sentence why that is not possible here."""

import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def main(target):
    """Make a virtual environment with pip at `target`; exit with a sentence when it cannot be."""
    # Read by any Python 3 there is, so that an old one gets as far as this sentence.
    found = "{}.{}".format(*sys.version_info[:2])
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(
            "Matchstream runs on Python {}.{} to {}.{}, and this is {}: name another with "
            "'make PYTHON=python3.12 run'.".format(*OLDEST, *NEWEST, found)
        )
    try:
        import ensurepip  # noqa: F401 - Debian ships venv without it: this is the probe
        import venv
    except ImportError:
        sys.exit(
            "Python's venv module is not installed: install it (on Debian and Ubuntu: "
            f"'apt install python{found}-venv') and run make again."
        )
    try:
        venv.create(target, clear=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(target, ignore_errors=True)
        sys.exit(f"The virtual environment could not be made in {target}: {error}")
    except KeyboardInterrupt:
        shutil.rmtree(target, ignore_errors=True)
        sys.exit(130)


main(sys.argv[1])
