"""What does every benchmark of this folder measure today?"""

import importlib
from pathlib import Path


def main() -> None:
    """Run `main` of each `bench_*.py` in order of name; each prints its own table."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        importlib.import_module(f"tests.benchmarks.{path.stem}").main()


if __name__ == "__main__":
    main()
