"""What does `matchstream match` do? Two files in, one table of matches out, through the API.

upload reference ─► upload documents ─► config ─► run, shown live ─► summary and table
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from service.cli import suggest
from service.cli.client import Client, ClientError, JsonObject, RunHandle
from service.cli.display import Display, progress_of
from service.domain.errors import InvalidInputError, MatchstreamError
from service.domain.identifiers import new_id

STANDARD = "-"
SAMPLE_ROWS = 200
BINS = 10
BAR_WIDTH = 30
CANCEL_SECONDS = 5.0
EXIT_FAILED, EXIT_CANCELLED = 3, 130

Say = Callable[[str], None]


class RunEndedError(MatchstreamError):
    """The run did not complete; `exit_code` tells a script how it ended."""

    code = "run_ended"

    def __init__(self, detail: str, exit_code: int) -> None:
        """Keep the exit code of the command."""
        super().__init__(detail)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the command was asked for; `documents` and `out` may be `-`, `out` may be None."""

    documents: str
    against: Path
    document_id: str | None
    reference_id: str | None
    mappings: Sequence[dict[str, object]]
    threshold: float
    review_threshold: float
    uses_ai: bool
    out: str | None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The two tables, as the service has them."""

    reference: JsonObject
    collection: str


async def run(client: Client, job: Job, display: Display) -> JsonObject:
    """Match the files; return the run once it has completed and its table is written.

    A cancellation of the task cancels the run first. Raises ClientError when the service refuses
    something, and RunEndedError when the run does not complete.
    """
    uploaded = await upload(client, job)
    mappings = job.mappings or await proposal(client, job, uploaded)
    config = await client.create_config(
        {
            "name": f"{job.documents} to {job.against.name}",
            "reference_data_id": uploaded.reference["id"],
            "field_mappings": list(mappings),
            "threshold": job.threshold,
            "review_threshold": min(job.review_threshold, job.threshold),
        }
    )
    options: dict[str, object] = {"ai": True} if job.uses_ai else {}
    options = {"collection": uploaded.collection, **options}
    handle = await begin(client, config["id"], options)
    ended = await follow(handle, display)
    if ended["status"] != "completed":
        cancelled = ended["status"] == "cancelled"
        raise RunEndedError(
            f"The run {handle.id} has {ended['status']}: {ended['error'] or 'on request'}",
            EXIT_CANCELLED if cancelled else EXIT_FAILED,
        )
    if job.out is not None:
        await write_table(handle, job.out)
    return ended


async def upload(client: Client, job: Job) -> Uploaded:
    """Send both files; the documents get a collection of their own."""
    reference = await client.upload_reference_data(
        job.against, job.against.name, id_column=job.reference_id
    )
    collection = f"match-{new_id()}"
    name = "documents.csv" if job.documents == STANDARD else Path(job.documents).name
    # Standard input may take its time; the loop, and a service on it, must not wait for it.
    with await asyncio.to_thread(opened, job.documents) as file:
        await client.upload_documents(name, file, collection, job.document_id)
    return Uploaded(reference, collection)


def opened(documents: str) -> IO[bytes]:
    """Open a file; of standard input (`-`) make one first, whose length is known."""
    if documents != STANDARD:
        return Path(documents).open("rb")
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(sys.stdin.buffer, copy)
    copy.seek(0)
    return copy


async def proposal(client: Client, job: Job, uploaded: Uploaded) -> list[dict[str, object]]:
    """Propose mappings from a sample of both tables; raises InvalidInputError without any."""
    limit = str(SAMPLE_ROWS)
    rows = await client.ask("GET", uploaded.reference["links"]["rows"], params={"limit": limit})
    documents = await client.ask(
        "GET", "/v1/documents", params={"collection": uploaded.collection, "limit": limit}
    )
    types = {column["name"]: column["type"] for column in uploaded.reference["columns"]}
    columns = suggest.sides(
        [{name: row.get(name) for name in types} for row in rows["data"]], types
    )
    fields = suggest.sides([document["fields"] for document in documents["data"]], {})
    found = suggest.propose_for(fields, columns, job.document_id, job.reference_id)
    if not found:
        raise InvalidInputError(
            f"No field looks like a column: name the mappings with --map. Fields: "
            f"{', '.join(field.name for field in fields)}. Columns: {', '.join(types)}."
        )
    return found


async def begin(client: Client, config_id: str, options: dict[str, object]) -> RunHandle:
    """Start a run; one that is started while the task is cancelled is cancelled too."""
    # Ours to await, whatever happens: the answer tells which run it is.
    starting = asyncio.get_running_loop().create_task(client.start_run(config_id, **options))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.shield(_cancel(await starting))
        raise


async def follow(handle: RunHandle, display: Display) -> JsonObject:
    """Show the run until it has ended, and return it; a cancelled task cancels the run."""
    try:
        with display:
            async for event in handle.events():
                display.show(progress_of(event))
        return await handle.state()
    except asyncio.CancelledError:
        await asyncio.shield(_cancel(handle))
        raise


async def _cancel(handle: RunHandle) -> None:
    """Cancel the run, unless it has just ended."""
    async with asyncio.timeout(CANCEL_SECONDS):
        try:
            await handle.cancel()
        except ClientError as error:
            if error.problem != "conflict":
                raise


async def write_table(handle: RunHandle, out: str) -> None:
    """Write the results as CSV, to a file that is whole or not there, or to standard output."""
    parts = handle.client.download(f"{handle.path}/results/export", {"format": "csv"})
    if out == STANDARD:
        async for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        return
    path = Path(out)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            async for part in parts:
                file.write(part)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


async def summarize(handle: RunHandle, ended: JsonObject, say: Say) -> None:
    """Say how many have matched, how sure, and where the run is."""
    matched, processed = ended["rows_matched"], ended["rows_processed"]
    mean = ended["avg_confidence"]
    sure = f" with a mean confidence of {mean:.2f}" if mean is not None else ""
    say(f"{matched} of {processed} documents matched{sure}.")
    if processed:
        for line in await distribution(handle):
            say(line)
    warn(ended, say)
    say(f"Run {handle.id}")


def warn(ended: JsonObject, say: Say) -> None:
    """Say what did not stop the run."""
    for warning in ended["warnings"]:
        say(f"{warning['code']} ({warning['count']}): {warning['sample']}")


async def distribution(handle: RunHandle) -> list[str]:
    """Draw how many results lie in each tenth of confidence, from the highest down."""
    counts = []
    for place in reversed(range(BINS)):
        top = 1.0 if place == BINS - 1 else (place + 1) / BINS - 0.0001
        page = await handle.client.ask(
            "GET",
            f"{handle.path}/results",
            params={"min_confidence": place / BINS, "max_confidence": round(top, 4), "limit": 1},
        )
        counts.append((place, page["pagination"]["total"]))
    most = max(count for _, count in counts) or 1
    return [
        f"{place / BINS:.1f} {'█' * -(-count * BAR_WIDTH // most):<{BAR_WIDTH}} {count}"
        for place, count in counts
    ]
