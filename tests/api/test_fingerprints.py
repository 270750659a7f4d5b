"""Are bodies that say the same taken as the same, and all others as others?"""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from service.api.fingerprints import MAX_PARSED_BYTES, Fingerprint

JSON = "application/json"


def form(boundary: str, *parts: tuple[str, str, bytes]) -> tuple[str, bytes]:
    """A form's content type and body; a part is its name, its file's name and its content."""
    body = b""
    for name, filename, content in parts:
        file = f'; filename="{filename}"' if filename else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


async def print_of(
    kind: str, body: bytes, path: str = "/a", query: bytes = b"", size: int = 7
) -> bytes | None:
    fingerprint = Fingerprint(request_of(kind, chunks_of(body, size), path, query))
    assert await fingerprint.read_to_end(10**9)
    return fingerprint.value()


def chunks_of(body: bytes, size: int) -> list[bytes]:
    return [body[place : place + size] for place in range(0, len(body), size)]


def request_of(kind: str, chunks: Iterable[bytes], path: str = "/a", query: bytes = b"") -> Request:
    coming = iter(chunks)

    async def receive() -> Message:
        chunk = next(coming, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    headers = [(b"content-type", kind.encode()), (b"transfer-encoding", b"chunked")]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "headers": headers}
    return Request({**scope, "query_string": query, "root_path": ""}, receive)


FILE = ("file", "a.csv", b"id,name\r\n1,x")
SAME = [
    ((JSON, b'{"a": 1, "b": [2, {}]}'), (f"{JSON}; charset=utf-8", b'{"b":[2,{}],"a":1}')),
    ((JSON, b'{"a": "\\u00e9"}'), (JSON, '{"a": "é"}'.encode())),
    (form("one", ("name", "", b"x"), FILE), form("other", ("name", "", b"x"), FILE)),
    (form("one", ("name", "", b"x"), FILE), form("one", FILE, ("name", "", b"x"))),
    (("text/csv", b"a\n"), ("text/csv", b"a\n")),
]
DIFFERENT = [
    ((JSON, b'{"a": 1}'), (JSON, b'{"a": "1"}')),
    ((JSON, b"[1, 2]"), (JSON, b"[2, 1]")),
    ((JSON, b'{"a": null}'), (JSON, b"{}")),
    ((JSON, b"{"), (JSON, b"{{")),
    ((JSON, b"{}"), ("application/x-ndjson", b"{}")),
    (form("one", FILE), form("one", ("file", "a.csv", b"id,name\r\n1,y"))),
    (form("one", FILE), form("one", ("file", "b.csv", FILE[2]))),
    (form("one", FILE), form("one", ("name", "", b"x"), FILE)),
    (form("one", ("a", "", b"bc")), form("one", ("ab", "", b"c"))),
    (("text/csv", b"a\n"), ("text/csv", b"a\n\n")),
]


@pytest.mark.parametrize(("one", "other"), SAME)
async def test_what_says_the_same_is_the_same(
    one: tuple[str, bytes], other: tuple[str, bytes]
) -> None:
    assert await print_of(*one) == await print_of(*other) is not None


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
async def test_what_says_something_else_is_something_else(
    one: tuple[str, bytes], other: tuple[str, bytes]
) -> None:
    assert await print_of(*one) != await print_of(*other)


async def test_path_and_query_belong_to_the_content() -> None:
    here = await print_of(JSON, b"{}", query=b"a=1&b=2")
    assert here == await print_of(JSON, b"{}", query=b"b=2&a=1")
    assert here != await print_of(JSON, b"{}", query=b"a=1&b=3")
    assert here != await print_of(JSON, b"{}", path="/b", query=b"a=1&b=2")


async def test_how_a_body_is_cut_does_not_matter() -> None:
    for kind, body in (form("one", FILE), (JSON, b'{"a": 1}'), ("text/csv", b"a,b\n1,2\n")):
        prints = {await print_of(kind, body, size=size) for size in (1, 3, 1000)}
        assert len(prints) == 1


async def test_large_json_is_compared_by_its_bytes() -> None:
    body = json.dumps({"a": "x" * MAX_PARSED_BYTES, "b": 1}).encode()
    same = await print_of(JSON, body, size=65_536)
    assert same == await print_of(JSON, body, size=1_000_000)
    assert same != await print_of(JSON, body.replace(b": ", b":"), size=65_536)


async def test_a_broken_form_and_a_body_cut_off_have_no_print() -> None:
    kind, body = form("one", FILE)
    assert await print_of(kind, body[:-8]) is None
    assert await print_of(kind, b"nonsense") is None
    fingerprint = Fingerprint(request_of(JSON, [b'{"a": 1', b"}"]))
    await fingerprint.receive()
    assert fingerprint.value() is None


async def test_what_is_left_unread_is_read_up_to_a_limit() -> None:
    fingerprint = Fingerprint(request_of(JSON, [b"x" * 10] * 10))
    assert not await fingerprint.read_to_end(50)
    assert fingerprint.value() is None
