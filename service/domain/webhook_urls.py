"""Where may a webhook point to, and what does its URL say, read once for the check and the call?"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

LONGEST_URL = 2_000
# Below 1024 only the web's own ports, so that nobody makes us talk to a mail server.
_WELL_KNOWN_PORTS = frozenset({80, 443})
_FIRST_FREE_PORT = 1024
_DEFAULT_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9])?")


class BadUrlError(ValueError):
    """The URL cannot be a webhook's; the sentence goes on after "The URL "."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart: `host` without brackets, lower case; `path` with its query string."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def read_url(text: str, *, allow_http: bool) -> Target:
    """Take a URL apart; raises BadUrlError where a webhook must not have it."""
    if len(text) > LONGEST_URL:
        raise BadUrlError(f"has more than {LONGEST_URL:,} characters.")
    if not re.fullmatch(r"[!-\[\]-~]+", text):
        raise BadUrlError(
            "has characters other than visible ASCII: write them as %XX, and a host as xn--…."
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadUrlError("cannot be read: its host or port is malformed.") from error
    if parts.scheme not in _DEFAULT_PORTS or not text[len(parts.scheme) :].startswith("://"):
        raise BadUrlError("must start with https://.")
    if parts.scheme == "http" and not allow_http:
        raise BadUrlError(
            "must start with https://: http:// is not allowed here, unless the operator sets "
            "MATCHSTREAM_WEBHOOK_ALLOW_HTTP."
        )
    if "@" in parts.netloc:
        raise BadUrlError("must not have a user or password: the signature tells who calls.")
    if "#" in text:
        raise BadUrlError("must not have a fragment (#…), which would not be sent.")
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    if port not in _WELL_KNOWN_PORTS and port < _FIRST_FREE_PORT:
        raise BadUrlError(f"must not use port {port}: take 443, 80 or one from 1024 on.")
    path = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, _host(parts.hostname), port, f"{path}{query}")


def _host(host: str | None) -> str:
    if host is None:
        raise BadUrlError("has no host.")
    if ":" in host:
        address = ip_address(host)
        if not isinstance(address, IPv6Address) or address.scope_id is not None:
            raise BadUrlError("must not name a network interface (%…) in its host.")
        return address.compressed
    if not _HOST.fullmatch(host):
        raise BadUrlError("cannot be read: its host is malformed.")
    return host
