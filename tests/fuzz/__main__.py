"""Does the service keep what its description says, whatever it is sent? Asked by schemathesis.

    python -m tests.fuzz --examples 50

starts the service with its sample, sends it requests that fit the description and requests that
do not, and fails when a reply is not as described, or the service logged a fault.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.campaign import run

EXAMPLES = 100
SEED = 20_260_301


def main() -> None:
    """Run the campaign that the command line asks for."""
    reader = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    reader.add_argument("--examples", type=int, default=EXAMPLES, help="requests per operation")
    reader.add_argument("--seed", type=int, default=SEED)
    asked = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults = run(Path(folder), asked.examples, asked.seed, sys.stdout)
    if faults:
        sys.exit("\n".join(faults))


main()
