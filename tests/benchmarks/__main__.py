"""What does every benchmark of speed and memory measure today? Quality has a command of its own."""

import importlib
from pathlib import Path


def main() -> None:
    """Run `main` of each `bench_*.py` in order of name; each prints its own table."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        if path.stem != "bench_quality":
            importlib.import_module(f"tests.benchmarks.{path.stem}").main()


if __name__ == "__main__":
    main()
