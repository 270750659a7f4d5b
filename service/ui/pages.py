"""Which pages does a browser get? The one that works, and one of first steps without a script."""

import re
from html import escape
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

# Of every page but the working one: nothing runs, nothing comes from elsewhere.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}
# The scripts are ours alone, and speak with nobody but the service.
_WORKING = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}

_STATIC = files("service.ui").joinpath("static")
_FRONT_PAGE, _FIRST_STEPS = "index.html", "first_steps.html"
LOGIN_PAGE, SIGNED_IN_PAGE = "login.html", "signed_in.html"
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


# The address in the first steps as they are stored; who reads it elsewhere is shown that address.
_ORIGIN = "http://127.0.0.1:8000"
# What a shell takes as it is: readers paste the address, and `*` lets any Host in.
_PLAIN_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


def routes() -> list[BaseRoute]:
    """Return the routes of the pages, read into memory once."""
    names = sorted(path.name for path in _STATIC.iterdir())
    return [
        _served("/", _FRONT_PAGE, "text/html", _WORKING),
        _first_steps(),
        *(
            _served(f"/static/{name}", name, _MEDIA_TYPES[suffix], HEADERS)
            for name in names
            if (suffix := f".{name.rpartition('.')[2]}") in _MEDIA_TYPES
        ),
    ]


def _first_steps() -> Route:
    stored = text(_FIRST_STEPS)

    async def answer(request: Request) -> Response:
        page = stored.replace(_ORIGIN, escape(_origin(request)))
        return Response(page, headers=HEADERS, media_type="text/html")

    return Route("/first-steps", answer, name=_FIRST_STEPS, include_in_schema=False)


def _origin(request: Request) -> str:
    """The address that the reader's browser has; the stored one where its Host is odd."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}" if _PLAIN_HOST.fullmatch(host) else _ORIGIN


def _served(path: str, name: str, media_type: str, headers: dict[str, str]) -> Route:
    content = _read(name)

    async def answer(_: Request) -> Response:
        return Response(content, headers=headers, media_type=media_type)

    return Route(path, answer, name=name, include_in_schema=False)


def text(name: str) -> str:
    """Return a page as it is stored."""
    return _read(name).decode()


def _read(name: str) -> bytes:
    return _STATIC.joinpath(name).read_bytes()
