"""What do the commands do that bring up the service, or a half of it, in the foreground?"""

import asyncio
from contextlib import suppress
from typing import Annotated

import typer
from uvicorn.loops.auto import auto_loop_factory

from service import foreground
from service.app import create_app
from service.cli import address, exit_codes, logs
from service.cli import demo as sample
from service.cli import worker as engine_half
from service.cli.address import Address, Work
from service.foreground import Running
from service.settings import Settings, load, unknown_variables


def serve(
    *,
    no_engine: Annotated[
        bool, typer.Option("--no-engine", help="Queue runs for workers to carry out.")
    ] = False,
) -> None:
    """Run the service in the foreground.

      matchstream serve
      MATCHSTREAM_PORT=9000 matchstream serve
      DATABASE_URL=postgresql://user@host/database matchstream serve --no-engine

    Ctrl-C stops it. Variables of the environment set it up: the README lists them.
    """
    settings = _load()
    if no_engine:
        engine_half.shared_database(settings, "serve --no-engine")
    address.refuse_second(settings)
    logs.configure(settings.log_level)
    foreground.serve(settings, create_app(settings, with_engine=not no_engine), _say_where)


def worker() -> None:
    """Carry out the runs that services on the same database take.

      DATABASE_URL=postgresql://user@host/database matchstream worker

    Ctrl-C stops it, and gives back what it has not done.
    """
    settings = _load()
    logs.configure(settings.log_level)
    with suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=auto_loop_factory()) as loop:
        loop.run(engine_half.run(settings))


def demo() -> None:
    """Run the service, and the shipped sample on it.

      matchstream demo

    It is what `make run` calls. Ctrl-C stops it; the data stays.
    """
    settings = _load()
    address.refuse_second(settings)
    # The sample's own progress is what one wants to see, unless asked otherwise.
    chosen = "log_level" in settings.model_fields_set
    logs.configure(settings.log_level if chosen else "warning")
    typer.echo(f"Starting Matchstream, data in {settings.data_dir} ...")
    foreground.serve(settings, create_app(settings), _show_sample)


def run_beside(settings: Settings, work: Work) -> None:
    """Run a service for as long as the work takes."""
    logs.configure("warning")

    async def lead(running: Running) -> None:
        key = address.key_for(settings, is_local=True)
        await work(Address(running.url, key, is_passing=True))

    try:
        foreground.lead(settings, create_app(settings), lead)
    except asyncio.CancelledError:
        raise typer.Exit(exit_codes.CANCELLED) from None


def _load() -> Settings:
    """Read the settings, and warn of variables that are none."""
    for sentence in unknown_variables():
        typer.echo(f"matchstream: {sentence}", err=True)
    return load()


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
            "out: make a key with 'matchstream keys create --name NAME --scopes read,write,admin'.",
            err=True,
        )
        return
    try:
        await sample.run(running.url, running.first_key)
    except sample.SampleError as error:
        typer.echo(f"The sample did not work out: {error}", err=True)
        await _say_where(running)
