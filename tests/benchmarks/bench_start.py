"""How long from the command to the first answer, and what of it is PostgreSQL's?"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import httpx2

from service.store import embedded
from tests.service_process import running

WARM_STARTS = 5


def main() -> None:
    """Print the first (cold) start and the median of the later (warm) ones, in seconds."""
    print("start, in seconds            cold    warm   stop")
    for name, measure in (("embedded PostgreSQL", postgres), ("serve to first answer", service)):
        with tempfile.TemporaryDirectory() as folder:
            (cold, _), *warm = [measure(Path(folder) / "data") for _ in range(1 + WARM_STARTS)]
        starts = statistics.median(start for start, _ in warm)
        stops = statistics.median(stop for _, stop in warm)
        print(f"{name:<26} {cold:6.2f}  {starts:6.2f} {stops:6.2f}")


def postgres(data_dir: Path) -> tuple[float, float]:
    """Start and stop the server, ready for connections in between."""

    async def work() -> tuple[float, float]:
        begun = time.perf_counter()
        async with embedded.start(data_dir):
            ready = time.perf_counter()
        return ready - begun, time.perf_counter() - ready

    return asyncio.run(work())


def service(data_dir: Path) -> tuple[float, float]:
    """Start the service, get an answer from its database, and stop it."""
    begun = time.perf_counter()
    with running(data_dir) as process:
        runs = httpx2.get(f"{process.url}/v1/matching/runs", headers=process.headers)
        runs.raise_for_status()
        answered = time.perf_counter()
        process.stop()
        return answered - begun, time.perf_counter() - answered


if __name__ == "__main__":
    main()
