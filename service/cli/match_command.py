"""Which options does `matchstream match` have, and what does it print?"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console

from service.cli import address, mappings, match
from service.cli.address import Address
from service.cli.client import Client
from service.cli.display import Bar, Display, Silence
from service.cli.match import STANDARD, Job
from service.domain.errors import InvalidInputError, NotFoundError
from service.settings import Settings, load

# Work beside a service that is started for it and stopped after it.
Work: TypeAlias = Callable[[Address], Coroutine[object, None, None]]
Beside: TypeAlias = Callable[[Settings, Work], None]

_EXAMPLES = """
Matches every row of DOCUMENTS with the rows of a reference table, and writes a table of matches.

Without --url it uses the service that runs on the data directory, else starts one for as long as
it takes. Progress and summary go to standard error, and only to a
terminal; warnings always do.

  matchstream match invoices.csv --against orders.csv --suggest

  matchstream match invoices.csv --against orders.csv --map vendor_name=vendor:fuzzy:0.6
  --map amount=total:numeric_range:0.4 --out matched.csv

Ends with 0 when the run completed, 3 when it failed, 130 when it was cancelled (Ctrl-C), 1 when
something else is wrong.
"""


def make(beside: Beside) -> Callable[..., None]:
    """Return the command; `beside` starts a service where none runs."""

    def command(  # noqa: PLR0913 - the options of a command
        documents: Annotated[str, typer.Argument(help="CSV file; - for standard input.")],
        against: Annotated[Path, typer.Option(help="CSV file of the reference data.", exists=True)],
        map_: Annotated[
            list[str] | None,
            typer.Option("--map", help=f"{mappings.FORM}; may be given again and again."),
        ] = None,
        suggest: Annotated[
            bool, typer.Option("--suggest", help="Only propose mappings, from names and values.")
        ] = False,
        out: Annotated[str | None, typer.Option(help="CSV file to write; - for output.")] = None,
        threshold: Annotated[float, typer.Option(help="Least confidence of a match.")] = 0.85,
        review_threshold: Annotated[float, typer.Option(help="Least worth a look.")] = 0.5,
        document_id: Annotated[str | None, typer.Option(help="Column with ids.")] = None,
        reference_id: Annotated[str | None, typer.Option(help="Column with ids.")] = None,
        ai: Annotated[bool, typer.Option("--ai", help="Ask the AI about what is unsure.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON.")] = False,
        url: Annotated[str | None, typer.Option(help="Service to use.")] = None,
    ) -> None:
        job = Job(
            documents=documents,
            against=against,
            document_id=document_id,
            reference_id=reference_id,
            mappings=mappings.read(map_ or ()),
            threshold=threshold,
            review_threshold=review_threshold,
            uses_ai=ai,
            out=out,
        )
        _check(job, suggest=suggest, as_json=as_json)
        work = _suggest(job) if suggest else _match(job, as_json=as_json)
        _run(load(), url, work, beside)

    command.__doc__ = _EXAMPLES
    return command


def _check(job: Job, *, suggest: bool, as_json: bool) -> None:
    """Refuse what cannot be meant before anything is started."""
    if not job.mappings and not suggest:
        raise InvalidInputError(
            f"Say what compares to what with --map {mappings.FORM}, or ask for a proposal with "
            "--suggest."
        )
    if job.out == STANDARD and as_json:
        raise InvalidInputError("--json and --out - both write to standard output: choose one.")
    if job.documents != STANDARD and not Path(job.documents).is_file():
        raise NotFoundError(f"There is no file {job.documents}.")
    if job.out not in (None, STANDARD) and not Path(job.out).absolute().parent.is_dir():
        raise NotFoundError(f"There is no folder {Path(job.out).absolute().parent}.")


def _run(settings: Settings, url: str | None, work: Work, beside: Beside) -> None:
    named = url or settings.url
    if named is None and address.local_url(settings.data_dir) is None:
        beside(settings, work)
    else:
        asyncio.run(_interruptible(work(address.find(settings, named))))


async def _interruptible(work: Coroutine[object, None, None]) -> None:
    """Await the work; Ctrl-C cancels it, and it gets the time to end what it has begun."""
    try:
        await work
    except asyncio.CancelledError:
        raise typer.Exit(match.EXIT_CANCELLED) from None


def _match(job: Job, *, as_json: bool) -> Work:
    async def work(found: Address) -> None:
        async with Client(found.url, found.key) as client:
            ended = await match.run(client, job, _display())
            if as_json:
                typer.echo(json.dumps(ended, ensure_ascii=False))
            elif sys.stderr.isatty() or job.out is None:
                await match.summarize(client.run(ended["id"]), ended, _say)
            else:
                match.warn(ended, _say)

    return work


def _suggest(job: Job) -> Work:
    async def work(found: Address) -> None:
        async with Client(found.url, found.key) as client:
            proposed = await match.proposal(client, job, await match.upload(client, job))
        for mapping in proposed:
            typer.echo(f"--map {mappings.write(mapping)}")

    return work


def _display() -> Display:
    console = Console(stderr=True)
    return Bar(console, "documents") if console.is_terminal else Silence()


def _say(line: str) -> None:
    typer.echo(line, err=True)
