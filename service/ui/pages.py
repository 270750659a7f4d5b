"""Which pages does a browser get? For now one, which needs no script and no other server."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

_PAGES = (
    ("/", "index.html", "text/html"),
    ("/static/style.css", "style.css", "text/css"),
    ("/static/icon.svg", "icon.svg", "image/svg+xml"),
)


def routes() -> list[BaseRoute]:
    """Return the routes of the pages, read into memory once."""
    return [_page(path, name, media_type) for path, name, media_type in _PAGES]


def _page(path: str, name: str, media_type: str) -> Route:
    content = files("service.ui").joinpath("static", name).read_bytes()

    async def answer(_: Request) -> Response:
        return Response(content, headers=_HEADERS, media_type=media_type)

    return Route(path, answer, name=name)
