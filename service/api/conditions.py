"""Is what the client has still what there is?"""

from hashlib import sha256

from starlette.requests import Request

from service.domain.errors import PreconditionFailedError


def version_tag(*parts: int) -> str:
    """Return the ETag of a resource that is at these version numbers."""
    return f'"{".".join(map(str, parts))}"'


def content_tag(content: bytes) -> str:
    """Return the ETag of a reply that has no version of its own."""
    return f'"{sha256(content).hexdigest()[:32]}"'


def is_known(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names the tag, so that 304 answers the request."""
    return _names(request, "if-none-match", etag, weakly=True)


def check_if_match(request: Request, etag: str) -> None:
    """Raise PreconditionFailedError when `If-Match` is given and does not name the tag."""
    if "if-match" in request.headers and not _names(request, "if-match", etag, weakly=False):
        raise PreconditionFailedError(
            f"This is at version {etag} now: read it again and repeat the change."
        )


def _names(request: Request, header: str, etag: str, *, weakly: bool) -> bool:
    """Compare as RFC 9110, 8.8.3.2 says: weakly, `W/"1"` and `"1"` are the same."""
    offered = [tag.strip() for line in request.headers.getlist(header) for tag in line.split(",")]
    if weakly:
        offered = [tag.removeprefix("W/") for tag in offered]
    return "*" in offered or etag in offered
