"""How many rows a second does an upload bring in, and how much memory do its processes take?

Compared with `psql \\copy` of the same file, in the same run: into a table with its six columns
and the keys that rows have here (a position, and an id that is unique), and into one without any
key. Where there is no psql, the driver sends the file to the same COPY. The third baseline parses
in the service's own process with the csv module and hands the rows to the driver's
`copy_records_to_table`: no checks, no types, and the event loop stands still meanwhile.
"""

import asyncio
import csv
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from service.domain.identifiers import ReferenceDataId, new_id
from service.domain.reference import SourceType
from service.ingest.instructions import Instructions, UploadFormat, UploadTarget
from service.store import embedded, reference, schema
from service.store.database import Database
from tests.benchmarks import report
from tests.integration.upload_files import Desk, open_desk

# About 80 bytes a row. UPLOAD_ROWS=1000000 takes minutes.
ROWS = int(os.environ.get("UPLOAD_ROWS", "120000"))
SIZES = (ROWS // 8, ROWS)
COLUMNS = ("po_number", "vendor_name", "vendor_city", "order_date", "amount", "currency")
WRITE_ROWS = 10_000
TICK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Figures:
    """One way to bring in one file; the reader's memory is that of a child, where there is one."""

    rows: int
    megabytes: float
    seconds: float
    worst_stall_seconds: float
    service_peak_megabytes: float
    reader_peak_megabytes: float

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def main() -> None:
    """Print one row per file size and way; each is measured in a process of its own."""
    table = Table(title="Uploads of CSV against psql \\copy into a table with the same keys")
    headings = ("rows", "MB", "way", "rows/s", "ratio", "stall ms", "service MB", "child MB")
    for heading in headings:
        table.add_column(heading, justify="right")
    written = []
    with tempfile.TemporaryDirectory() as directory:
        for size in SIZES:
            path = Path(directory) / f"{size}.csv"
            with path.open("wb") as file:
                file.writelines(generate(size))
            found = {way: _measure_apart(way, path) for way in WAYS}
            base = found["psql keyed"].rate
            for way, figures in found.items():
                table.add_row(
                    f"{figures.rows:,}",
                    f"{figures.megabytes:.0f}",
                    way,
                    f"{figures.rate:,.0f}",
                    f"{figures.rate / base:.2f}x",
                    f"{figures.worst_stall_seconds * 1000:,.0f}",
                    f"{figures.service_peak_megabytes:.0f}",
                    f"{figures.reader_peak_megabytes:.0f}",
                )
                ratio = round(figures.rate / base, 3)
                written.append({"way": way, "ratio": ratio, **asdict(figures)})
    Console().print(table)
    report.write("uploads", {"baseline": "psql keyed", "figures": written})


def generate(rows: int) -> Iterator[bytes]:
    """Yield a CSV file of purchase orders, block by block."""
    yield (",".join(COLUMNS) + "\n").encode()
    for start in range(0, rows, WRITE_ROWS):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            (
                f"PO-{number:08}",
                f"Vendor {number % 9973} Söhne & Co, Ltd",
                ("Berlin", "Lyon", "São Paulo")[number % 3],
                f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}",
                f"{number % 100_000}.{number % 100:02}",
                "EUR",
            )
            for number in range(start, min(start + WRITE_ROWS, rows))
        )
        yield text.getvalue().encode()


def _measure_apart(way: str, path: Path) -> Figures:
    command = [sys.executable, "-m", "tests.benchmarks.bench_uploads", way, str(path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return Figures(**json.loads(answer.stdout.splitlines()[-1]))


async def measure(way: str, path: Path) -> Figures:
    """Bring the file in once, over a throwaway server."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        async with embedded.start(root / "server", settings=embedded.THROWAWAY_SETTINGS) as url:
            await schema.migrate(url)
            await _make_tables(url)
            async with open_desk(url, root / "uploads") as desk:
                return await _timed(desk, path, WAYS[way])


async def _timed(desk: Desk, path: Path, way: Callable[[Desk, Path], Awaitable[float]]) -> Figures:
    async with _stalls() as stalls:
        seconds = await way(desk, path)
    # A child's figure begins with what its parent had when it was forked: an upper bound.
    own, children = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    rows = max([await desk.count(table) for table in ("reference_rows", "plain", "keyed")])
    return Figures(rows, path.stat().st_size / 1e6, seconds, max(stalls), own, children)


_TABLES = """
CREATE TABLE plain (
    po_number text, vendor_name text, vendor_city text, order_date text, amount text, currency text
);
CREATE TABLE keyed (
    position bigserial PRIMARY KEY, po_number text COLLATE "C" NOT NULL UNIQUE, vendor_name text,
    vendor_city text, order_date text, amount text, currency text
);
"""


async def _make_tables(url: str) -> None:
    async with Database.open(url) as database, database.connection() as connection:
        await connection.execute(_TABLES)


async def _psql_plain(desk: Desk, path: Path) -> float:
    return await _psql(desk, path, "plain")


async def _psql_keyed(desk: Desk, path: Path) -> float:
    return await _psql(desk, path, "keyed")


async def _psql(desk: Desk, path: Path, table: str) -> float:
    started = time.perf_counter()
    program = shutil.which("psql")
    if program is None:
        async with desk.database.connection() as connection:
            await connection.copy_to_table(
                table, source=path, columns=COLUMNS, format="csv", header=True, timeout=3600
            )
        return time.perf_counter() - started
    command = f"\\copy {table} ({', '.join(COLUMNS)}) from '{path}' csv header"
    process = await asyncio.create_subprocess_exec(program, desk.database.url, "-qXc", command)
    if await process.wait():
        raise RuntimeError("psql failed.")
    return time.perf_counter() - started


async def _in_process(desk: Desk, path: Path) -> float:
    started = time.perf_counter()
    identifier = ReferenceDataId(new_id())
    with path.open(encoding="utf-8", newline="") as file:
        async with desk.database.transaction() as connection:
            generation = await reference.begin(
                connection, desk.workspace_id, identifier, SourceType.CSV
            )
            reader = csv.reader(file)
            next(reader)
            await connection.copy_records_to_table(
                "reference_rows",
                records=(
                    (generation, position, row[0], row) for position, row in enumerate(reader)
                ),
                columns=reference.COPY_COLUMNS,
            )
    return time.perf_counter() - started


async def _upload(desk: Desk, path: Path) -> float:
    return await _spool_and_create(desk, path, UploadFormat.CSV)


async def _upload_ndjson(desk: Desk, path: Path) -> float:
    lines = path.with_suffix(".ndjson")
    with path.open(encoding="utf-8", newline="") as file, lines.open("w") as output:
        output.writelines(json.dumps(row) + "\n" for row in csv.DictReader(file))
    return await _spool_and_create(desk, lines, UploadFormat.NDJSON)


async def _spool_and_create(desk: Desk, path: Path, file_format: UploadFormat) -> float:
    started = time.perf_counter()
    asked = Instructions(
        target=UploadTarget.REFERENCE_DATA, format=file_format, id_column="po_number"
    )
    async with desk.uploads.spool(2**40) as spool:
        with path.open("rb") as file:
            while chunk := file.read(65_536):
                await spool.write(chunk)
        await spool.finish()
        await desk.uploads.create_reference_data(desk.workspace_id, spool, asked, "orders")
    return time.perf_counter() - started


WAYS = {
    "psql plain": _psql_plain,
    "psql keyed": _psql_keyed,
    "in process": _in_process,
    "upload": _upload,
    "ndjson": _upload_ndjson,
}


@asynccontextmanager
async def _stalls() -> AsyncIterator[list[float]]:
    """Note how late the event loop is for a short nap, again and again."""
    stalls = [0.0]

    async def watch() -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            stalls.append(time.perf_counter() - started - TICK_SECONDS)

    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch())
        try:
            yield stalls
        finally:
            watching.cancel()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(asdict(asyncio.run(measure(sys.argv[1], Path(sys.argv[2]))))))
    else:
        main()
