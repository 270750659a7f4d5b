"""What do the benchmarks of speed and memory measure? Long ones have their own commands."""

import importlib
from pathlib import Path

LONG = frozenset({"bench_ai", "bench_api", "bench_quality"})


def main() -> None:
    """Run `main` of each `bench_*.py` in order of name; each prints its own table."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        if path.stem not in LONG:
            importlib.import_module(f"tests.benchmarks.{path.stem}").main()


if __name__ == "__main__":
    main()
