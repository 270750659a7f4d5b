"""How does the service run in the foreground: from the first byte on the port to the last one?

listen ─► come up, answering health checks ─► companion beside it ─► signal ─► stop ─► go down

The companion either comes along (it is cancelled when the service stops) or leads (the service
stops when it has ended; the first signal cancels it).
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias

import uvicorn
from starlette.applications import Starlette

from service.api import connections, open_files
from service.cli import address, keys, listener
from service.settings import Settings

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound


@dataclass(frozen=True, slots=True)
class Running:
    """What is known once the service takes requests."""

    url: str
    first_key: str | None
    settings: Settings


Companion: TypeAlias = Callable[[Running], Coroutine[object, None, object]]


def serve(settings: Settings, service: Starlette, beside: Companion) -> None:
    """Serve until a signal comes, with `beside` running once the service is ready."""
    with suppress(asyncio.CancelledError):
        _run(settings, service, beside, leads=False)


def lead(settings: Settings, service: Starlette, job: Companion) -> None:
    """Serve on a free port until `job` has ended; the first signal cancels it, the second all.

    Raises what the job raises, once the service is down, and CancelledError after a signal.
    """
    _run(settings.model_copy(update={"port": 0}), service, job, leads=True)


def _run(settings: Settings, service: Starlette, beside: Companion, *, leads: bool) -> None:
    open_files.allow_many()
    # The port comes first: when it is taken, nothing else is started.
    with listener.listen(settings) as bound:
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
            runner.run(_Service(settings, config, bound).run(beside, leads=leads))


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end us before the rest is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[explicit-override] # from 3.12
        """Leave signals to the service."""
        yield


class _Service:
    """The application and its server, from the first byte on the port to the last one."""

    def __init__(self, settings: Settings, config: uvicorn.Config, bound: socket.socket) -> None:
        """Serve `config.app` on the listening socket."""
        self._settings = settings
        self._bound = bound
        self._server = _Server(config)
        if not isinstance(config.app, Starlette):
            raise TypeError("The configuration's application must be ours.")
        self._app = config.app
        self._starting: asyncio.Task[object] | None = None
        self._leader: asyncio.Task[object] | None = None
        self._failure: BaseException | None = None

    async def run(self, beside: Companion, *, leads: bool) -> None:
        """Answer health checks at once, come up, and serve until a signal, or the leader's end."""
        self._starting = asyncio.current_task()
        with _handled(self._stop):
            await self._come_up_and_serve(beside, leads=leads)
        # The service is down: now the leader's failure, if it has one, may be told.
        if self._failure is not None:
            raise self._failure

    async def _come_up_and_serve(self, beside: Companion, *, leads: bool) -> None:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(self._server.serve(sockets=[self._bound]))
            async with AsyncExitStack() as stack:
                with keys.naming_the_database(self._settings):
                    lifespan = self._app.router.lifespan_context(self._app)
                    await stack.enter_async_context(lifespan)
                self._starting = None
                running = self._describe()
                stack.enter_context(
                    address.left(self._settings.data_dir, running.url, is_passing=leads)
                )
                work = beside(running)
                companion = tasks.create_task(self._follow(work) if leads else work)
                self._leader = companion if leads else None
                await serving
                companion.cancel()

    async def _follow(self, job: Coroutine[object, None, object]) -> None:
        """Do the job, and stop the service when it ends, however it ends."""
        try:
            await job
        except asyncio.CancelledError as error:
            self._failure = error
            raise
        except Exception as error:  # noqa: BLE001 - told when all is down, and not in a group
            self._failure = error
        finally:
            self._leader = None
            self._stop()

    def _stop(self) -> None:
        """Stop at a signal: politely; at the second one without waiting for requests."""
        if self._leader is not None:
            self._leader.cancel()
            self._leader = None
            return
        self._app.state.stopping.set()
        self._server.force_exit = self._server.should_exit
        self._server.should_exit = True
        if self._starting is not None:
            self._starting.cancel()

    def _describe(self) -> Running:
        """Say where we are; the port may have been chosen by the system."""
        host = ANYWHERE.get(self._settings.host, self._settings.host)
        host = f"[{host}]" if ":" in host else host
        port = self._bound.getsockname()[1]
        return Running(f"http://{host}:{port}", self._app.state.first_key, self._settings)


@contextmanager
def _handled(stop: Callable[[], None]) -> Iterator[None]:
    """Let signals stop what runs in the block; the loop itself would keep them when it is closed.

    What is started with `nohup` is to outlive its terminal.
    """
    loop = asyncio.get_running_loop()
    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
    handled = [number for number in STOP_SIGNALS if number not in ignored]
    for number in handled:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
