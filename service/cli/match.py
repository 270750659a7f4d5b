"""What does `matchstream match` do? Two files in, one table of matches out, through the API.

tables, unless they are there ─► config ─► run, shown live ─► table ─► summary
"""

import asyncio
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from service.cli import id_columns, left_behind, result_table, suggest
from service.cli.answers import ClientError, JsonObject
from service.cli.client import DOCUMENTS, Client, RunHandle
from service.cli.display import Display, progress_of, waiting
from service.cli.input_file import InputFile
from service.cli.left_behind import Keep, Traces
from service.domain.errors import InvalidInputError, MatchstreamError

SAMPLE_ROWS = 200
CANCEL_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the command was asked for; `out` may be `-` or None."""

    documents: InputFile
    reference: InputFile
    document_id: str | None
    reference_id: str | None
    mappings: Sequence[dict[str, object]]
    threshold: float
    review_threshold: float
    uses_ai: bool
    out: str | None
    # Rows with `fields` have their ids beside them.
    has_ids: bool = False


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The two tables, as the service has them."""

    reference: JsonObject
    collection: str


async def run(made: Traces, job: Job, display: Display) -> JsonObject:
    """Match the files; return the run once it has ended and, if it completed, its table is written.

    A cancellation of the task cancels the run first. Raises ClientError when the service refuses
    something, or is gone; a run that it has begun stays then.
    """
    with closing(display):
        uploaded = await upload(made, job, display)
        config_id = await left_behind.config(made, config_body(job, uploaded))
        options: dict[str, object] = {"ai": True} if job.uses_ai else {}
        handle = await begin(made, config_id, options)
        ended = await _followed(made, handle, display)
    made.has_ended = True
    if job.out is not None and ended["status"] == "completed":
        try:
            await result_table.write(handle, job.out)
        except (MatchstreamError, OSError):
            # Nobody has the results yet.
            made.keep = Keep.ALWAYS
            raise
    return ended


async def _followed(made: Traces, handle: RunHandle, display: Display) -> JsonObject:
    """Follow the run; one that goes on where we cannot see it is not to be taken away."""
    try:
        return await follow(handle, display)
    except ClientError as error:
        if not error.is_passing:
            raise
        made.keep = Keep.ALWAYS
        raise ClientError(
            f"{error} The run may go on there: 'matchstream watch {handle.id}' follows it.",
            error.status,
        ) from error


async def upload(made: Traces, job: Job, display: Display) -> Uploaded:
    """Send both files, unless they are there; the documents have a collection of their own."""
    display.note(f"Sending {job.reference.name}")
    reference = await left_behind.reference(made, job.reference, job.reference_id)
    display.note(f"Sending {job.documents.name}")
    return Uploaded(reference, await left_behind.documents(made, job.documents, job.document_id))


def config_body(job: Job, uploaded: Uploaded) -> JsonObject:
    """Say what compares to what, as the API takes it; it runs on these documents alone."""
    return {
        "name": f"{job.documents.name} to {job.reference.name}"[: left_behind.LONGEST_NAME],
        "reference_data_id": uploaded.reference["id"],
        "field_mappings": list(job.mappings),
        "threshold": job.threshold,
        "review_threshold": min(job.review_threshold, job.threshold),
        "target_type": "collection",
        "target_value": {"collection": uploaded.collection},
    }


@dataclass(frozen=True, slots=True)
class Proposal:
    """Mappings, and for sides without a column of ids one that looks like it."""

    mappings: list[dict[str, object]]
    document_id: str | None
    reference_id: str | None


async def proposal(client: Client, job: Job, uploaded: Uploaded) -> Proposal:
    """Propose from a sample of both tables; raises InvalidInputError without any mapping."""
    limit = str(SAMPLE_ROWS)
    rows = await client.ask("GET", uploaded.reference["links"]["rows"], params={"limit": limit})
    documents = await client.ask(
        "GET", DOCUMENTS, params={"collection": uploaded.collection, "limit": limit}
    )
    types = {column["name"]: column["type"] for column in uploaded.reference["columns"]}
    columns = suggest.sides(
        # A column called id stands beside the row's own id.
        [
            {name: row.get(f"column.{name}", row.get(name)) for name in types}
            for row in rows["data"]
        ],
        types,
    )
    fields = suggest.sides([document["fields"] for document in documents["data"]], {})
    document_id = reference_id = None
    if job.document_id is None and not job.has_ids:
        document_id = id_columns.propose(fields, len(documents["data"]))
    if job.reference_id is None:
        reference_id = id_columns.propose(columns, len(rows["data"]))
    found = suggest.propose_for(
        fields, columns, job.document_id or document_id, job.reference_id or reference_id
    )
    if not found:
        raise InvalidInputError(
            f"No field looks like a column: name the mappings with --map. Fields: "
            f"{', '.join(field.name for field in fields)}. Columns: {', '.join(types)}."
        )
    return Proposal(found, document_id, reference_id)


async def begin(made: Traces, config_id: str, options: dict[str, object]) -> RunHandle:
    """Start a run; one that is started while the task is cancelled is cancelled too."""
    # Ours to await, whatever happens: the answer tells which run it is.
    starting = asyncio.get_running_loop().create_task(made.client.start_run(config_id, **options))
    try:
        made.run = await asyncio.shield(starting)
    except asyncio.CancelledError:
        made.run = await starting
        await asyncio.shield(_cancel(made.run))
        raise
    return made.run


async def follow(handle: RunHandle, display: Display) -> JsonObject:
    """Show the run until it has ended, and return it; a cancelled task cancels the run."""
    try:
        async for event in handle.events(when_cut=lambda why: display.note(waiting(why))):
            display.show(progress_of(event))
        return await handle.state()
    except asyncio.CancelledError:
        display.note("Cancelling ...")
        await asyncio.shield(_cancel(handle))
        raise


async def _cancel(handle: RunHandle) -> None:
    """Cancel the run, unless it has just ended, and wait for a while until it is over."""
    # A run whose engine is gone is told to stop, and ends when another one takes it over.
    with suppress(TimeoutError):
        async with asyncio.timeout(CANCEL_SECONDS):
            try:
                await handle.cancel()
            except ClientError as error:
                if error.problem != "conflict":
                    raise
            async for _ in handle.events():
                pass
