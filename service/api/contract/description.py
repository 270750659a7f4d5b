"""Where does a client read what the service promises?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.api import conditions, parameters, replies
from service.api.contract import openapi
from service.api.contract.operation import JSON
from service.api.routes import Endpoint
from service.domain.representation import Json

_CACHE = "no-cache"


@dataclass(frozen=True, slots=True)
class _Written:
    document: dict[str, Json]
    content: bytes
    etag: str


class Description:
    """The description of these routes, written when it is first asked for, beside the loop."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        """Describe these routes."""
        self._endpoints = endpoints
        self._lock = asyncio.Lock()
        self._written: _Written | None = None

    def routes(self) -> list[BaseRoute]:
        """Return the route that shows it, which needs no key."""
        return [Route("/openapi.json", self.answer)]

    async def answer(self, request: Request) -> Response:
        """GET /openapi.json"""
        parameters.query(request, ())
        written = await self._once_written()
        headers = {"ETag": written.etag, "Cache-Control": _CACHE}
        if conditions.is_known(request, written.etag):
            return Response(status_code=304, headers=headers)
        return Response(written.content, headers=headers, media_type=JSON)

    async def document(self) -> dict[str, Json]:
        """Return the description."""
        return (await self._once_written()).document

    async def _once_written(self) -> _Written:
        async with self._lock:
            if self._written is None:
                self._written = await asyncio.to_thread(self._write)
        return self._written

    def _write(self) -> _Written:
        document = openapi.document(self._endpoints)
        content = replies.encode(document)
        return _Written(document, content, conditions.content_tag(content))
