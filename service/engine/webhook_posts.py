"""How does one message reach an endpoint, and no address that it must not reach?

    post ─► connection to the name: one that was kept, never another name's
              └─ or a new one: resolve ─► check every address ─► connect to what was checked

TLS and the Host header are about the name; the connection goes to the checked address, so that a
name which answers differently a moment later changes nothing.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpcore2

from service.domain.addresses import Network, is_reachable
from service.domain.webhook_urls import Target
from service.engine.kept_connections import KeptConnections
from service.engine.name_resolution import Resolve, UnknownNameError

LIMIT_SECONDS = 15.0
# For one address of several.
CONNECT_SECONDS = 5.0
# For the reply's body, once its status is known.
BODY_SECONDS = 2.0
KEPT_REPLY_BYTES = 1_024
USER_AGENT = "Matchstream"


class _RefusedError(Exception):
    """The name leads where we must not go."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where webhooks may lead besides public addresses behind https."""

    allow_http: bool = False
    allowed_networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answered; `error` says why there is no answer."""

    duration_ms: int
    status_code: int | None = None
    error: str | None = None
    text: str | None = None
    retry_after: timedelta | None = None


class _CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to addresses of a name that may be reached, all of them."""

    def __init__(self, access: Access, resolve: Resolve) -> None:
        self._access = access
        self._resolve = resolve
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(  # type: ignore[explicit-override] # from 3.12
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is the library's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        self._check(host, addresses)
        failure: Exception = UnknownNameError("it has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(
                    address, port, CONNECT_SECONDS, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    def _check(self, host: str, addresses: Sequence[str]) -> None:
        networks = self._access.allowed_networks
        if not all(is_reachable(address, networks) for address in addresses):
            # Not which address: it may be the name of something inside.
            raise _RefusedError(f"{host} leads to an address that is not public")

    async def sleep(self, seconds: float) -> None:  # type: ignore[explicit-override] # from 3.12
        await asyncio.sleep(seconds)


class Poster:
    """Sends messages over connections of its own; use `webhook_posts.opened`."""

    def __init__(self, connections: KeptConnections, limit_seconds: float) -> None:
        """Send over the connections, each message within the limit."""
        self._connections = connections
        self._limit_seconds = limit_seconds

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a JSON message and return what came of it; never raises for the endpoint's sake."""
        started = time.monotonic()
        reply = _Pending()
        try:
            async with asyncio.timeout(self._limit_seconds):
                await self._exchange(target, headers, body, reply)
        except TimeoutError:
            reply.error = f"There was no answer within {self._limit_seconds:g} seconds."
        except _RefusedError as error:
            reply.error = f"The address is refused: {error}."
        except UnknownNameError as error:
            reply.error = f"The name {target.host} cannot be resolved: {error}."
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
            reply.error = f"The connection failed: {_told(error)}."
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
            httpcore2.ConnectionNotAvailable,
        ) as error:
            reply.error = f"The connection was lost: {_told(error)}."
        answered = reply.status_code is not None
        return Reply(
            duration_ms=round((time.monotonic() - started) * 1000),
            status_code=reply.status_code,
            # With a status there is an answer, however its body ended.
            error=None if answered else reply.error,
            text=_readable(bytes(reply.body)) if answered else None,
            retry_after=reply.retry_after,
        )

    async def _exchange(
        self, target: Target, headers: Mapping[str, str], body: bytes, reply: "_Pending"
    ) -> None:
        url = httpcore2.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        sent = {
            "Host": target.authority,
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }
        named = [(name.encode(), value.encode()) for name, value in sent.items()]
        request = httpcore2.Request(b"POST", url, headers=named, content=body)
        async with (
            self._connections.lent(target) as connection,
            # Whatever comes: a reply that is not read to its end ends its connection.
            aclosing(await connection.handle_async_request(request)) as response,
        ):
            reply.status_code = response.status
            reply.retry_after = _retry_after(response.headers, datetime.now(UTC))
            async with asyncio.timeout(BODY_SECONDS):
                async for part in response.aiter_stream():
                    reply.body += part[: KEPT_REPLY_BYTES - len(reply.body)]
                    if len(reply.body) == KEPT_REPLY_BYTES:
                        return


class _Pending:
    """What is known of a reply so far."""

    def __init__(self) -> None:
        self.status_code: int | None = None
        self.retry_after: timedelta | None = None
        self.body = bytearray()
        self.error: str | None = None


def _told(error: Exception) -> str:
    return _readable(str(error).encode(errors="replace"))[:200].rstrip(".") or type(error).__name__


def _readable(text: bytes) -> str:
    """Decode what somebody else wrote; the database takes no NUL characters."""
    return text.decode(errors="replace").replace("\0", "\ufffd")


def _retry_after(headers: Sequence[tuple[bytes, bytes]], now: datetime) -> timedelta | None:
    """Read `Retry-After` in seconds or as a date; None where there is none, or nothing sensible."""
    value = next((text for name, text in headers if name.lower() == b"retry-after"), None)
    if value is None:
        return None
    text = value.decode("ascii", errors="replace").strip()
    try:
        if text.isdecimal():
            return timedelta(seconds=int(text[:9]))
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC) - now


@asynccontextmanager
async def opened(
    access: Access,
    resolve: Resolve,
    connections: int,
    tls: ssl.SSLContext | None = None,
    limit_seconds: float = LIMIT_SECONDS,
) -> AsyncIterator[Poster]:
    """Lend something that posts, and keeps so many connections at most until the end."""
    kept = KeptConnections(
        _CheckedNetwork(access, resolve), tls or httpcore2.default_ssl_context(), connections
    )
    try:
        yield Poster(kept, limit_seconds)
    finally:
        await kept.close()
