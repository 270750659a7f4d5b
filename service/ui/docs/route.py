"""Where is the page about the API, and when is it made?"""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.ui.docs.operations import Document
from service.ui.docs.page import render
from service.ui.pages import HEADERS


class DocsPage:
    """The page of one description, made when it is first asked for, beside the loop."""

    def __init__(self, read: Callable[[], Awaitable[Document]]) -> None:
        """Take what `read` returns as the description."""
        self._read = read
        self._lock = asyncio.Lock()
        self._written: bytes | None = None

    def routes(self) -> list[BaseRoute]:
        """Return the route of the page, which needs no key."""
        return [Route("/docs", self.answer, include_in_schema=False)]

    async def answer(self, request: Request) -> Response:
        """Send the page, unless the browser has it."""
        async with self._lock:
            if self._written is None:
                document = await self._read()
                self._written = (await asyncio.to_thread(render, document)).encode()
        headers = {**HEADERS, "ETag": f'"{sha256(self._written).hexdigest()[:32]}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(self._written, headers=headers, media_type="text/html")
