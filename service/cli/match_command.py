"""What does `matchstream match` check before it begins, and what does it print?"""

import asyncio
import shlex
import signal
import sys
from collections.abc import Coroutine
from contextlib import ExitStack, closing

import typer
from rich.console import Console

from service.cli import (
    address,
    exit_codes,
    input_file,
    left_behind,
    mappings,
    match,
    result_table,
    summary,
    tables,
)
from service.cli import match_options as options
from service.cli.address import Address, Work
from service.cli.display import Display, Silence, display_on
from service.cli.input_file import STANDARD
from service.cli.left_behind import Keep
from service.cli.match import Job
from service.cli.turns import Beside, Turns
from service.domain.errors import InvalidInputError
from service.settings import load

# Beside Ctrl-C: what ends a process from elsewhere, and with its terminal.
_END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def match_files(  # noqa: PLR0913 - the options of a command
    context: typer.Context,
    documents: options.Documents,
    against: options.Against,
    map_: options.Map = None,
    suggest: options.Suggest = False,
    out: options.Out = None,
    threshold: options.Threshold = 0.85,
    review_threshold: options.ReviewThreshold = 0.5,
    document_id: options.DocumentId = None,
    reference_id: options.ReferenceId = None,
    ai: options.Ai = False,
    keep: options.KeepTables = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
) -> None:
    settings = load()
    read = mappings.read(map_ or ())
    _check_options(has_mappings=bool(read), suggest=suggest, out=out, as_json=as_json)
    input_file.check_paths(documents, against, out)
    with ExitStack() as stack:
        reference = stack.enter_context(input_file.opened(against))
        rows = stack.enter_context(input_file.opened(documents))
        job = Job(
            documents=stack.enter_context(input_file.as_documents(rows, document_id)),
            reference=reference,
            document_id=document_id,
            reference_id=reference_id,
            mappings=read,
            threshold=threshold,
            review_threshold=review_threshold,
            uses_ai=ai,
            out=out,
            has_ids=input_file.has_ids(rows),
        )
        _check_columns(job)
        kept = {True: Keep.ALWAYS, False: Keep.NEVER, None: Keep.ENDED}[keep]
        # What is proposed is all that there is to see.
        shown = Silence() if suggest else display_on(Console(stderr=True), "documents")
        with closing(shown) as display:
            if suggest:
                work = _suggest(job, as_json=as_json)
            else:
                work = _match(job, kept, display, as_json=as_json)
            _carry_out(work, Turns(settings, url, _say), context.obj, display)


match_files.__doc__ = mappings.HELP


def _check_options(*, has_mappings: bool, suggest: bool, out: str | None, as_json: bool) -> None:
    """Refuse what cannot be meant before anything is read or started."""
    if not has_mappings and not suggest:
        raise InvalidInputError(
            f"Say what compares to what with --map {mappings.FORM}, or ask for a proposal with "
            "--suggest."
        )
    if suggest and out is not None:
        raise InvalidInputError("--suggest only proposes, and writes no table: leave out --out.")
    if out == STANDARD and as_json:
        raise InvalidInputError("--json and --out - both write to standard output: choose one.")
    if out is not None:
        result_table.check(out)


def _check_columns(job: Job) -> None:
    """Refuse names that neither file has, while nothing is sent yet."""
    specs = [mappings.write(each) for each in job.mappings]
    sources = [str(each["source"]) for each in job.mappings]
    targets = [str(each["target"]) for each in job.mappings]
    sides = (
        (job.documents, sources, job.document_id, "--document-id"),
        (job.reference, targets, job.reference_id, "--reference-id"),
    )
    for file, names, id_column, option in sides:
        wanted = [*names, *([id_column] if id_column else [])]
        known = file.columns(wanted)
        for name, spec in zip(names, specs, strict=True):
            input_file.check(name, known, file.name, f"--map {spec}")
        if id_column is not None:
            input_file.check(id_column, known, file.name, f"{option} {id_column}")


def _carry_out(work: Work, turns: Turns, run_beside: Beside, display: Display) -> None:
    """Do the work with the service that is there, or with one of our own when it is our turn."""
    while (found := turns.wait()) is None:
        display.note("Starting a service for it")
        if turns.take(run_beside, work):
            return
        display.close()
    asyncio.run(_interruptible(work(found)))


async def _interruptible(work: Coroutine[object, None, None]) -> None:
    """Await the work; a signal to end cancels it, and it gets the time to end what it has begun."""
    task = asyncio.current_task()
    for number in _END_SIGNALS:
        # What is started with `nohup` is to outlive its terminal.
        if task is not None and signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await work
    except asyncio.CancelledError:
        raise typer.Exit(exit_codes.CANCELLED) from None


def _match(job: Job, keep: Keep, display: Display, *, as_json: bool) -> Work:
    async def work(found: Address) -> None:
        async with (
            address.client(found) as client,
            left_behind.traces(client, keep, _say) as made,
        ):
            ended = await match.run(made, job, display)
            has_completed = ended["status"] == "completed"
            if as_json:
                tables.print_json(ended)
            elif has_completed and (sys.stderr.isatty() or job.out is None):
                await summary.tell(client.run(ended["id"]), ended, _say)
                if made.keep is not Keep.NEVER:
                    _say(_what_next(found, client.url, ended["id"]))
            elif has_completed:
                summary.warn(ended, _say)
            if not has_completed:
                raise exit_codes.RunEndedError(
                    summary.how(ended, f"The run {ended['id']}"),
                    exit_codes.of_status(ended["status"]),
                )

    return work


def _what_next(found: Address, url: str, run_id: str) -> str:
    """Say how to go on; a service that was started for the match ends with it."""
    if found.is_passing:
        return "Review it in a browser: matchstream serve"
    return f"Review it at {url}/#/runs/{run_id}"


def _suggest(job: Job, *, as_json: bool) -> Work:
    async def work(found: Address) -> None:
        async with (
            address.client(found) as client,
            # What was sent to be looked at is of no other use.
            left_behind.traces(client, Keep.NEVER, _say) as made,
        ):
            uploaded = await match.upload(made, job, Silence())
            proposed = await match.proposal(client, job, uploaded)
        ids = {"document_id": proposed.document_id, "reference_id": proposed.reference_id}
        for name, column in ids.items():
            if column is not None and as_json:
                tables.print_json({name: column})
            elif column is not None:
                option = f"--{name.replace('_', '-')}"
                typer.echo(f"{option} {shlex.quote(tables.printable(column))}")
        for mapping in proposed.mappings:
            if as_json:
                tables.print_json(mapping)
            else:
                typer.echo(f"--map {shlex.quote(tables.printable(mappings.write(mapping)))}")

    return work


def _say(line: str) -> None:
    typer.echo(line, err=True)
