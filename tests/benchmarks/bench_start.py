"""How long from the command of `make run` to the first answer, and what of it is PostgreSQL's?"""

import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table

from service.store import embedded
from tests.service_process import spawned

WARM_STARTS = 5
START_SECONDS = 30.0
ASK_AGAIN_SECONDS = 0.005


def main() -> None:
    """Print the first (cold) start and the median of later (warm) ones, in seconds.

    Baseline: an interpreter that only imports the service.
    """
    table = Table(title="Start to the first answered request")
    for heading in ("case", "cold s", "warm s", "stop s", "warm ÷ import alone"):
        table.add_column(heading, justify="right")
    imports = statistics.median(import_alone() for _ in range(WARM_STARTS))
    table.add_row("import alone", "", f"{imports:.2f}", "", "1.0x")
    for name, measure in (("embedded PostgreSQL", postgres), ("the service with its sample", demo)):
        cold, warm, stop = starts_of(measure)
        ratio = f"{warm / imports:.1f}x"
        table.add_row(name, f"{cold:.2f}", f"{warm:.2f}", f"{stop:.2f}", ratio)
    Console().print(table)


def starts_of(measure: Callable[[Path], tuple[float, float]]) -> tuple[float, float, float]:
    """Start several times on one data directory; return cold start, warm start and stop."""
    with tempfile.TemporaryDirectory() as folder:
        (cold, _), *warm = [measure(Path(folder) / "data") for _ in range(1 + WARM_STARTS)]
    starts, stops = zip(*warm, strict=True)
    return cold, statistics.median(starts), statistics.median(stops)


def import_alone() -> float:
    """Import what the command imports, and nothing else."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import service.serving"], check=True)
    return time.perf_counter() - begun


def postgres(data_dir: Path) -> tuple[float, float]:
    """Start and stop the server, ready for connections in between."""

    async def work() -> tuple[float, float]:
        begun = time.perf_counter()
        async with embedded.start(data_dir):
            ready = time.perf_counter()
        return ready - begun, time.perf_counter() - ready

    return asyncio.run(work())


def demo(data_dir: Path) -> tuple[float, float]:
    """Start the service, ask until it can work, and stop it once it has shown its sample."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    begun = time.perf_counter()
    with spawned(data_dir, "demo", {"MATCHSTREAM_PORT": str(port)}) as service:
        while not is_ready(f"http://127.0.0.1:{port}/readyz"):
            if time.perf_counter() - begun > START_SECONDS:
                raise TimeoutError("the service is not ready")
            time.sleep(ASK_AGAIN_SECONDS)
        answered = time.perf_counter()
        service.wait_for("Ctrl-C")
        shown = time.perf_counter()
        service.stop()
        return answered - begun, time.perf_counter() - shown


def is_ready(url: str) -> bool:
    """Whether the service answers that it can work."""
    try:
        return httpx2.get(url, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False
