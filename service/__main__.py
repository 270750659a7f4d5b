"""Which commands are there, and how does the service run in the foreground?"""

import asyncio
import errno
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer
import uvicorn
from starlette.applications import Starlette
from uvicorn.loops.auto import auto_loop_factory

from service.api import connections
from service.app import create_app
from service.cli import demo as sample
from service.cli import keys, logs
from service.cli import worker as engine_half
from service.domain.errors import MatchstreamError, StartupError
from service.settings import Settings, load, unknown_variables
from service.store import schema

BACKLOG = 2048
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Matching of documents against reference data: exact, live, explainable.",
)
app.add_typer(keys.app, name="keys")


def main() -> None:
    """Run the command line; what went wrong is one sentence and an exit code that is not 0."""
    try:
        app()
    except BaseException as error:
        sentence = _sentence_of(error)
        if sentence is None:
            raise
        typer.echo(f"matchstream: {sentence}", err=True)
        sys.exit(1)


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
    _run(settings, create_app(settings, with_engine=not no_engine), _say_where)


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
    _run(settings, create_app(settings), _show_sample)


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


async def _migrate(settings: Settings) -> int:
    async with keys.store_url(settings) as url:
        return await schema.migrate(url)


@dataclass(frozen=True, slots=True)
class Running:
    """What is known once the service takes requests."""

    url: str
    first_key: str | None
    settings: Settings


Companion: TypeAlias = Callable[[Running], Coroutine[object, None, None]]


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


def _run(settings: Settings, service: Starlette, beside: Companion) -> None:
    """Serve until a signal comes, with `beside` running once the service is ready."""
    # The port comes first: when it is taken, nothing else is started.
    with _listen(settings) as listener, suppress(asyncio.CancelledError):
        config = uvicorn.Config(
            service,
            http=connections.Protocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
        )
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_Service(settings, config, listener).run(beside))


def _listen(settings: Settings) -> socket.socket:
    """Bind the port, or say why not."""
    where = f"port {settings.port} of {settings.host}"
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartupError(
                f"Another program listens on {where}: stop it, or choose another port with "
                "MATCHSTREAM_PORT."
            ) from error
        raise StartupError(
            f"The service cannot listen on {where} ({error.strerror}): see MATCHSTREAM_HOST and "
            "MATCHSTREAM_PORT."
        ) from error


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end us before the rest is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[explicit-override] # from 3.12
        """Leave signals to the service."""
        yield


class _Service:
    """The application and its server, from the first byte on the port to the last one."""

    def __init__(self, settings: Settings, config: uvicorn.Config, listener: socket.socket) -> None:
        """Serve `config.app` on the listening socket."""
        self._settings = settings
        self._listener = listener
        self._server = _Server(config)
        if not isinstance(config.app, Starlette):
            raise TypeError("The configuration's application must be ours.")
        self._app = config.app
        self._starting: asyncio.Task[object] | None = None

    async def run(self, beside: Companion) -> None:
        """Answer health checks at once, come up, and serve until a signal says stop."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop)
        self._starting = asyncio.current_task()
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(self._server.serve(sockets=[self._listener]))
            async with AsyncExitStack() as stack:
                with keys.naming_the_database(self._settings):
                    lifespan = self._app.router.lifespan_context(self._app)
                    await stack.enter_async_context(lifespan)
                self._starting = None
                companion = tasks.create_task(beside(self._describe()))
                await serving
                companion.cancel()

    def _stop(self) -> None:
        """Stop at a signal: politely; at the second one without waiting for requests."""
        self._app.state.stopping.set()
        self._server.force_exit = self._server.should_exit
        self._server.should_exit = True
        if self._starting is not None:
            self._starting.cancel()

    def _describe(self) -> Running:
        """Say where we are; the port may have been chosen by the system."""
        host = ANYWHERE.get(self._settings.host, self._settings.host)
        host = f"[{host}]" if ":" in host else host
        port = self._listener.getsockname()[1]
        return Running(f"http://{host}:{port}", self._app.state.first_key, self._settings)


if __name__ == "__main__":
    main()
