"""Which commands are there, and what do they start?"""

import asyncio
import sys
from contextlib import suppress
from typing import Annotated

import typer
from uvicorn.loops.auto import auto_loop_factory

from service import foreground
from service.app import create_app
from service.cli import address, doctor, keys, logs, match_command, runs, webhooks
from service.cli import demo as sample
from service.cli import worker as engine_half
from service.cli.address import Address
from service.cli.match import EXIT_CANCELLED, RunEndedError
from service.cli.match_command import Work
from service.domain.errors import MatchstreamError
from service.foreground import Running
from service.settings import Settings, load, unknown_variables
from service.store import schema, secret_key
from service.store.database import Database

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Matching of documents against reference data: exact, live, explainable.",
)
app.add_typer(keys.app, name="keys")
app.add_typer(webhooks.app, name="webhooks")
app.command()(doctor.doctor)
runs.add_to(app)


def main() -> None:
    """Run the command line; what went wrong is one sentence and an exit code that is not 0."""
    try:
        app()
    except BaseException as error:
        sentence = _sentence_of(error)
        if sentence is None:
            raise
        typer.echo(f"matchstream: {sentence}", err=True)
        sys.exit(error.exit_code if isinstance(error, RunEndedError) else 1)


def _sentence_of(error: BaseException) -> str | None:
    """Find an error of ours, which is made to be read; None where there is another one."""
    if isinstance(error, MatchstreamError):
        return str(error)
    if isinstance(error, BaseExceptionGroup):
        sentences = [_sentence_of(part) for part in error.exceptions]
        if None not in sentences:
            return sentences[0]
    return None


@app.command()
def serve(
    *,
    no_engine: Annotated[
        bool, typer.Option("--no-engine", help="Queue runs for workers to carry out.")
    ] = False,
) -> None:
    """Run the service in the foreground."""
    settings = _load()
    if no_engine:
        engine_half.shared_database(settings, "serve --no-engine")
    logs.configure(settings.log_level)
    foreground.serve(settings, create_app(settings, with_engine=not no_engine), _say_where)


@app.command()
def worker() -> None:
    """Carry out the runs that services on the same database take."""
    settings = _load()
    logs.configure(settings.log_level)
    with suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=auto_loop_factory()) as loop:
        loop.run(engine_half.run(settings))


@app.command()
def demo() -> None:
    """Run the service, and the shipped sample on it."""
    settings = _load()
    # The sample's own progress is what one wants to see, unless asked otherwise.
    chosen = "log_level" in settings.model_fields_set
    logs.configure(settings.log_level if chosen else "warning")
    typer.echo(f"Starting Matchstream, data in {settings.data_dir} ...")
    foreground.serve(settings, create_app(settings), _show_sample)


def _load() -> Settings:
    """Read the settings, and warn of variables that are none."""
    for sentence in unknown_variables():
        typer.echo(f"matchstream: {sentence}", err=True)
    return load()


@app.command()
def migrate() -> None:
    """Bring the database to this release's schema."""
    number = asyncio.run(_migrate(load()))
    typer.echo(f"The database is at migration {number}.")


@app.command()
def rekey() -> None:
    """Forget a secret key that is lost, so that the service starts with another one."""
    asyncio.run(_rekey(load()))
    typer.echo("Webhooks are disabled until each gets a new secret (rotate-secret) and is enabled.")


async def _rekey(settings: Settings) -> None:
    async with (
        keys.store_url(settings) as url,
        Database.open(url, pool_size=1) as database,
        database.transaction() as connection,
    ):
        await secret_key.let_go(connection)


def _match_beside(settings: Settings, work: Work) -> None:
    """Run a service for as long as the work takes."""
    logs.configure("warning")

    async def lead(running: Running) -> None:
        await work(Address(running.url, address.key_for(settings, is_local=True)))

    try:
        foreground.lead(settings, create_app(settings), lead)
    except asyncio.CancelledError:
        raise typer.Exit(EXIT_CANCELLED) from None


app.command("match")(match_command.make(_match_beside))


async def _migrate(settings: Settings) -> int:
    async with keys.store_url(settings) as url:
        return await schema.migrate(url)


async def _say_where(running: Running) -> None:
    """Say where the service is and which key opens it."""
    typer.echo(f"Matchstream is ready at {running.url}")
    if running.first_key is not None:
        typer.echo(f"API key: {running.first_key}")


async def _show_sample(running: Running) -> None:
    """Run the sample; a failure of it leaves the service running."""
    if running.first_key is None:
        await _say_where(running)
        typer.echo(
            f"The first API key is not in {running.settings.data_dir}, so that the sample is left "
            "out: make a key with 'matchstream keys create --name NAME'.",
            err=True,
        )
        return
    try:
        await sample.run(running.url, running.first_key)
    except sample.SampleError as error:
        typer.echo(f"The sample did not work out: {error}", err=True)
        await _say_where(running)


if __name__ == "__main__":
    main()
