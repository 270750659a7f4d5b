"""Which connection goes to an origin: one kept from before, or a new one?

httpcore's own pool looks at each of its connections, and asks the system about each, whenever it
gives one out or takes it back: with eighty of them that is most of what a message costs.
"""

import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import httpcore2

from service.domain.webhook_urls import Target

KEEPALIVE_SECONDS = 10.0

_Origin: TypeAlias = tuple[str, str, int]


class KeptConnections:
    """Lends connections, and keeps idle ones for a while, at most so many in all."""

    def __init__(
        self, network: httpcore2.AsyncNetworkBackend, tls: ssl.SSLContext, most_kept: int
    ) -> None:
        """Connect through the network; TLS is about the name in the origin."""
        self._network = network
        self._tls = tls
        self._most_kept = most_kept
        self._number = 0
        # By origin and number, the longest idle first: the connection, and when it became idle.
        self._idle: OrderedDict[int, tuple[_Origin, httpcore2.AsyncHTTPConnection, float]] = (
            OrderedDict()
        )
        self._of_origin: dict[_Origin, list[int]] = {}

    @asynccontextmanager
    async def lent(self, target: Target) -> AsyncIterator[httpcore2.AsyncHTTPConnection]:
        """Lend a connection to the target's origin for one request and its whole reply."""
        origin = (target.scheme, target.host, target.port)
        connection = self._take(origin)
        try:
            yield connection
        finally:
            if connection.is_available():
                self._keep(origin, connection)
            else:
                await connection.aclose()
            await self._close_some()

    async def close(self) -> None:
        """Close all that is idle."""
        while self._idle:
            await self._forget(next(iter(self._idle))).aclose()

    def _take(self, origin: _Origin) -> httpcore2.AsyncHTTPConnection:
        """Return the one that was used last, unless the other side has closed it."""
        numbers = self._of_origin.get(origin)
        if numbers:
            connection = self._idle[numbers[-1]][1]
            if not connection.has_expired():
                return self._forget(numbers[-1])
        scheme, host, port = origin
        return httpcore2.AsyncHTTPConnection(
            httpcore2.Origin(scheme.encode(), host.encode(), port),
            ssl_context=self._tls,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=self._network,
        )

    def _keep(self, origin: _Origin, connection: httpcore2.AsyncHTTPConnection) -> None:
        self._number += 1
        self._idle[self._number] = (origin, connection, time.monotonic())
        self._of_origin.setdefault(origin, []).append(self._number)

    def _forget(self, number: int) -> httpcore2.AsyncHTTPConnection:
        origin, connection, _ = self._idle.pop(number)
        numbers = self._of_origin[origin]
        numbers.remove(number)
        if not numbers:
            del self._of_origin[origin]
        return connection

    async def _close_some(self) -> None:
        """Close those that are idle for too long, or too many."""
        while self._idle:
            number, (_, _, since) = next(iter(self._idle.items()))
            is_old = time.monotonic() - since > KEEPALIVE_SECONDS
            if not is_old and len(self._idle) <= self._most_kept:
                return
            await self._forget(number).aclose()
