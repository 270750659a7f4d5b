"""Which pages does a browser get? For now one, which needs no script and no other server."""

import re
from html import escape
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

# Of every page: nothing runs, nothing comes from elsewhere.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}

_FRONT_PAGE = "index.html"
LOGIN_PAGE, SIGNED_IN_PAGE = "login.html", "signed_in.html"
_STATIC = (
    ("/static/style.css", "style.css", "text/css"),
    ("/static/docs.css", "docs.css", "text/css"),
    ("/static/icon.svg", "icon.svg", "image/svg+xml"),
)


# The address in the front page as it is stored; who reads it elsewhere is shown that address.
_ORIGIN = "http://127.0.0.1:8000"
# What a shell takes as it is: readers paste the address, and `*` lets any Host in.
_PLAIN_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


def routes() -> list[BaseRoute]:
    """Return the routes of the pages, read into memory once."""
    return [_front_page(), *(_static(path, name, kind) for path, name, kind in _STATIC)]


def _front_page() -> Route:
    stored = _read(_FRONT_PAGE).decode()

    async def answer(request: Request) -> Response:
        text = stored.replace(_ORIGIN, escape(_origin(request)))
        return Response(text, headers=HEADERS, media_type="text/html")

    return Route("/", answer, name=_FRONT_PAGE, include_in_schema=False)


def _origin(request: Request) -> str:
    """The address that the reader's browser has; the stored one where its Host is odd."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}" if _PLAIN_HOST.fullmatch(host) else _ORIGIN


def _static(path: str, name: str, media_type: str) -> Route:
    content = _read(name)

    async def answer(_: Request) -> Response:
        return Response(content, headers=HEADERS, media_type=media_type)

    return Route(path, answer, name=name, include_in_schema=False)


def text(name: str) -> str:
    """Return a page as it is stored."""
    return _read(name).decode()


def _read(name: str) -> bytes:
    return files("service.ui").joinpath("static", name).read_bytes()
