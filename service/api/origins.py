"""Does a browser's request come from a page of ours, and may its cookie travel without TLS?"""

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from starlette.requests import Request

from service.domain.errors import CrossSiteRequestError

# A browser takes the first only over TLS, for this very host and all of its paths.
COOKIE = "__Host-matchstream"
_LOOPBACK_COOKIE = "matchstream"
_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)
SCRIPT_HEADER = "X-Requested-With"


def is_loopback(request: Request) -> bool:
    """Whether the service was asked by a name that never leaves its machine."""
    return _LOOPBACK.fullmatch(request.headers.get("host", "")) is not None


def cookie_name(request: Request) -> str:
    """Return the name of the session's cookie for the host that was asked."""
    return _LOOPBACK_COOKIE if is_loopback(request) else COOKIE


def check_ours(request: Request) -> None:
    """Raise CrossSiteRequestError unless `Origin` is the host that was asked.

    Its scheme is not compared: what is asked over TLS may arrive here without it.
    """
    origin = _read(request.headers.getlist("origin"))
    if (
        origin is None
        or origin.scheme not in {"http", "https"}
        or origin.netloc.lower() != request.headers.get("host", "").lower()
        or request.headers.get("sec-fetch-site", "same-origin") != "same-origin"
    ):
        raise CrossSiteRequestError(
            "A change by a signed-in browser must come from a page of this service, with its "
            "`Origin`. A program sends an API key instead."
        )


def _read(offered: Sequence[str]) -> SplitResult | None:
    """Take the one origin apart; None where there is none or several, or it cannot be read."""
    try:
        return urlsplit(offered[0]) if len(offered) == 1 else None
    except ValueError:
        return None


def check_sent_by_script(request: Request) -> None:
    """Raise CrossSiteRequestError without the header that no form of another page can send."""
    if not request.headers.get(SCRIPT_HEADER):
        raise CrossSiteRequestError(
            f"A change by a signed-in browser needs the header `{SCRIPT_HEADER}`."
        )
