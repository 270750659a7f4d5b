"""What do the benchmarks of speed and memory measure? Quality and the API have their own."""

import importlib
from pathlib import Path


def main() -> None:
    """Run `main` of each `bench_*.py` in order of name; each prints its own table."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        if path.stem not in ("bench_api", "bench_quality"):
            importlib.import_module(f"tests.benchmarks.{path.stem}").main()


if __name__ == "__main__":
    main()
