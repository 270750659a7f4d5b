"""Do two requests ask for the same? By what their bodies say, not by how they are written.

The body is digested while the handler reads it, in memory that does not grow with it: JSON by its
values, a form by its parts, anything else by its bytes.
"""

from hashlib import sha256
from typing import Protocol

import msgspec
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request
from starlette.types import Message

from service.api.limits import JSON_TYPE, MEBIBYTE
from service.api.multipart import MAX_HEADER_BYTES, MAX_HEADERS, MULTIPART_TYPE

# Larger JSON is compared by its bytes: to take it apart once more would hold up everyone else.
MAX_PARSED_BYTES = MEBIBYTE


class _Digest(Protocol):
    def add(self, content: bytes) -> None: ...

    def finish(self) -> bytes | None:
        """Return the digest; None for a body that cannot be told from others."""


class Fingerprint:
    """Receives a request's body in place of the request itself, and digests it on its way."""

    def __init__(self, request: Request) -> None:
        """Digest the body of `request`, which nobody has read yet."""
        self._receive = request.receive
        self._head = msgspec.json.encode(
            [request.method, request.url.path, sorted(request.query_params.multi_items())]
        )
        self._body = _digest_for(request)
        self.is_complete = not _has_body(request)

    async def receive(self) -> Message:
        """Pass on the next message of the request."""
        message = await self._receive()
        if message["type"] == "http.request" and not self.is_complete:
            self._body.add(message.get("body", b""))
            self.is_complete = not message.get("more_body", False)
        return message

    async def read_to_end(self, max_bytes: int) -> bool:
        """Read what nobody has read; False when it is more than that, or cut off."""
        size = 0
        while not self.is_complete:
            message = await self.receive()
            size += len(message.get("body", b""))
            if message["type"] != "http.request" or size > max_bytes:
                return False
        return True

    def value(self) -> bytes | None:
        """Return what stands for the content; None for one that is incomplete or unreadable."""
        body = self._body.finish() if self.is_complete else None
        return None if body is None else sha256(self._head + body).digest()


def _has_body(request: Request) -> bool:
    length = request.headers.get("content-length", "0")
    return length != "0" or "transfer-encoding" in request.headers


def _digest_for(request: Request) -> _Digest:
    media_type, options = parse_options_header(request.headers.get("content-type"))
    kind = media_type.decode("latin-1").lower()
    if kind == JSON_TYPE:
        return _Json()
    if kind == MULTIPART_TYPE and options.get(b"boundary"):
        try:
            return _Form(options[b"boundary"])
        except FormParserError:
            # Nor can anyone else read such a form.
            return _Bytes()
    return _Bytes()


class _Bytes:
    def __init__(self) -> None:
        self._hash = sha256(b"bytes ")

    def add(self, content: bytes) -> None:
        self._hash.update(content)

    def finish(self) -> bytes | None:
        return self._hash.digest()


class _Json:
    def __init__(self) -> None:
        self._bytes = _Bytes()
        self._content = bytearray()

    def add(self, content: bytes) -> None:
        self._bytes.add(content)
        if len(self._content) <= MAX_PARSED_BYTES:
            self._content += content

    def finish(self) -> bytes | None:
        if len(self._content) > MAX_PARSED_BYTES:
            return self._bytes.finish()
        try:
            value = msgspec.json.decode(bytes(self._content))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Nor can anyone else read it: by its bytes it is still the same or another one.
            return self._bytes.finish()
        return sha256(b"json " + msgspec.json.encode(value, order="sorted")).digest()


class _Form:
    """Digests part by part; their order does not matter, nor does the boundary."""

    def __init__(self, boundary: bytes) -> None:
        self._parts: list[tuple[str, str, str]] = []
        self._hash = sha256()
        self._name = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._is_readable = True
        self._is_complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._add_to_name,
                "on_header_value": self._add_to_value,
                "on_header_end": self._end_header,
                "on_part_data": self._add,
                "on_part_end": self._end,
                "on_end": self._end_form,
            },
            max_header_count=MAX_HEADERS,
            max_header_size=MAX_HEADER_BYTES,
        )

    def add(self, content: bytes) -> None:
        if self._is_readable:
            try:
                self._parser.write(content)
            except FormParserError:
                self._is_readable = False

    def finish(self) -> bytes | None:
        if not (self._is_readable and self._is_complete):
            return None
        return sha256(b"form " + msgspec.json.encode(sorted(self._parts))).digest()

    def _begin(self) -> None:
        self._headers = {}
        self._hash = sha256()

    def _add_to_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _add(self, data: bytes, start: int, end: int) -> None:
        self._hash.update(data[start:end])

    def _end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        name, filename = options.get(b"name", b""), options.get(b"filename", b"")
        self._parts.append((name.hex(), filename.hex(), self._hash.hexdigest()))

    def _end_form(self) -> None:
        self._is_complete = True
