"""Which commands are there, and how does one end?"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from service.cli import exit_codes, interrupts
from service.cli.commands import Entry, Listing
from service.cli.tables import printable
from service.domain.errors import MatchstreamError

if TYPE_CHECKING:
    from service.cli.address import Work
    from service.settings import Settings

SECTIONS: Mapping[str, Sequence[Entry]] = {
    "Match and review": (
        Entry(
            "match",
            "Match the rows of two files, and write a table of matches.",
            "service.cli.match_command:match_files",
        ),
        Entry(
            "watch",
            "Follow a run to its end; a stream that is cut is resumed.",
            "service.cli.runs:watch",
        ),
        Entry("runs", "List the newest runs.", "service.cli.runs:runs"),
        Entry("cancel", "Cancel a run; what is done is kept.", "service.cli.runs:cancel"),
        Entry("results", "List results of a run, surest first.", "service.cli.runs:results"),
        Entry("review", "Approve or reject a result.", "service.cli.runs:review"),
    ),
    "Run the service": (
        Entry("serve", "Run the service in the foreground.", "service.serving:serve"),
        Entry(
            "worker",
            "Carry out the runs that services on the same database take.",
            "service.serving:worker",
        ),
        Entry("demo", "Run the service, and the shipped sample on it.", "service.serving:demo"),
    ),
    "Look after it": (
        Entry(
            "doctor",
            "Say what is wrong with this installation, and what to do about it.",
            "service.cli.doctor:doctor",
        ),
        Entry("keys", "Make, list and revoke API keys.", "service.cli.keys:app"),
        Entry("webhooks", "List, make, test and delete webhooks.", "service.cli.webhooks:app"),
        Entry(
            "migrate", "Bring the database to this release's schema.", "service.cli.upkeep:migrate"
        ),
        Entry(
            "rekey",
            "Forget a secret key that is lost, so that the service starts with another one.",
            "service.cli.upkeep:rekey",
        ),
    ),
}


class Commands(Listing):
    """All commands."""

    sections: ClassVar[Mapping[str, Sequence[Entry]]] = SECTIONS


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=exit_codes.EXPLAINED,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(*, is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"matchstream {version('matchstream')}")
        raise typer.Exit


@app.callback(
    help="Matching of documents against reference data: exact, live, explainable.\n\n"
    "\b\n  matchstream match invoices.csv --against orders.csv --suggest\n  matchstream serve"
)
def _matchstream(
    context: typer.Context,
    *,
    is_version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda value: _show_version(is_wanted=value),
            is_eager=True,
            help="Say which release this is.",
        ),
    ] = False,
) -> None:
    del is_version
    context.obj = _run_beside


def _run_beside(settings: "Settings", work: "Work") -> None:
    """Run a service for as long as the work takes."""
    # Importing it takes longer than asking one that runs.
    interrupts.end_at_once()
    from service.serving import run_beside

    interrupts.are_raised()
    run_beside(settings, work)


def main() -> None:
    """Run the command line; what went wrong is one sentence and an exit code that is not 0."""
    _replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A sign that the terminal cannot show is a question mark, and no failure.
            stream.reconfigure(errors="replace")
    try:
        sys.exit(app(prog_name="matchstream", standalone_mode=False))
    except typer.exceptions.TyperException as error:
        sys.exit(_refuse(error))
    except BaseException as error:
        found = _ours(error)
        if found is not None:
            # It may quote what a file or a service has, which moves no terminal.
            _say(printable(str(found)))
            sys.exit(exit_codes.of_error(found))
        if isinstance(error, OSError):
            # The disk is full, a file may not be read: what the system says is for people too.
            _say(_of_system(error))
            sys.exit(exit_codes.WRONG)
        raise


def _replace_closed_streams() -> None:
    """Let a stream that is closed where we are started be empty: no other file takes its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - open to the end


def _refuse(error: typer.exceptions.TyperException) -> int:
    """Say what is wrong with the command line itself, and where its help is."""
    context = getattr(error, "ctx", None)
    text = error.format_message().replace("Value error, ", "")
    if context is not None and text == context.get_help():
        # A group that was called alone shows what it has.
        typer.echo(text)
        return exit_codes.USAGE
    _say(text)
    if context is not None:
        typer.echo(f"Try '{context.command_path} --help'.", err=True)
    return exit_codes.USAGE


def _say(sentence: str) -> None:
    typer.echo(f"matchstream: {sentence}", err=True)


def _of_system(error: OSError) -> str:
    where = f": {error.filename}" if error.filename is not None else ""
    return f"{error.strerror or error}{where}."


def _ours(error: BaseException) -> MatchstreamError | None:
    """Find an error of ours, which is made to be read; None where there is another one."""
    if isinstance(error, MatchstreamError):
        return error
    if isinstance(error, BaseExceptionGroup):
        found = [_ours(part) for part in error.exceptions]
        return found[0] if None not in found else None
    return None
