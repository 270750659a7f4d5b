"""What do the benchmarks of speed and memory measure? Without a name: all but the longest."""

import argparse
import importlib
from pathlib import Path

OF_THEIR_OWN = frozenset({"ai", "api", "quality"})


def main() -> None:
    """Run `main` of each `bench_*.py` in order of name, or of those named; each prints a table."""
    known = sorted(
        path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py")
    )
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", choices=[[], *known], metavar="NAME")
    names = parser.parse_args().names or [name for name in known if name not in OF_THEIR_OWN]
    for name in names:
        importlib.import_module(f"tests.benchmarks.bench_{name}").main()


if __name__ == "__main__":
    main()
