"""Which bodies are read at all, and is it said what is wrong with the others, and where?"""

import json
import tracemalloc
from collections.abc import Iterable
from contextlib import suppress
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from service.api import limits
from service.domain.errors import (
    InvalidInputError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)

NOT_JSON: list[tuple[bytes, str]] = [
    (b"", "it is empty."),
    (b" \n", "it is empty."),
    (b'{"a": 1,}', "trailing comma in object (byte 8)."),
    (b'{"a": 1', "it ends too early (byte 7)."),
    (b"{} x", "trailing characters (byte 3)."),
    (b"{'a': 1}", "(byte 1)."),
    (b"hello", "(byte 0)."),
    (b"\xef\xbb\xbf{}", "byte order mark; leave it out (byte 0)."),
    ('{"a": 1}'.encode("utf-16-le"), "(byte 1)."),
    (b'{"a": "\xff"}', "not valid UTF-8."),
    (b'{"a": "\xed\xa0\x80"}', "not valid UTF-8."),
    (b'{"a": NaN}', "NaN and Infinity are no JSON numbers; send null (byte 6)."),
    (b'{"a": Infinity}', "NaN and Infinity are no JSON numbers; send null (byte 6)."),
    (b'{"a": -Infinity}', "NaN and Infinity are no JSON numbers; send null (byte 7)."),
    (b'{"a": 1e999}', "number out of range."),
    (b'{"a": "\\ud800 etc."}', "half a surrogate pair"),
    (b'{"a": "\\udc00 etc."}', "half a surrogate pair"),
    (b'"' + b"\\ud83d" * 2 + b'"', "half a surrogate pair"),
    # Near the end, where the other half would not fit.
    (b'{"name":"\\ud800"}', "half a surrogate pair (byte 9)."),
    (b'["\\uD83d"]', "half a surrogate pair (byte 2)."),
    (b'"\\\\\\ud800x"', "half a surrogate pair (byte 3)."),
    (b'"\\ud800\\n"}', "half a surrogate pair (byte 1)."),
    (b'"\\ud800abcd"', "half a surrogate pair (byte 1)."),
    (b'"\\ud800abcde"', "half a surrogate pair"),
    (b'"\\ud800', "it ends too early (byte 7)."),
    (b'"\\ud800\\', "it ends too early (byte 8)."),
    (b'"\\ud800\\udc', "it ends too early (byte 11)."),
    (b'"\\\\ud800', "it ends too early (byte 8)."),
    (b'"\\u0041', "it ends too early (byte 7)."),
    (b'{"a": "\n"}', "(byte 7)."),
    (b"[" * 100_000, "nested too deeply."),
    (b'{"a":' * 100_000, "nested too deeply."),
]


@pytest.mark.parametrize(("body", "says"), NOT_JSON, ids=lambda each: repr(each[:24]))
def test_what_is_no_json_is_told_why_and_where(body: bytes, says: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        limits.decode_json(body)
    assert str(caught.value).startswith("The body cannot be read as JSON: ")
    assert says in str(caught.value)
    assert [(each.code, each.pointer) for each in caught.value.problems] == [("invalid_json", "")]


NUL_BODIES: list[tuple[bytes, list[str]]] = [
    (b'"\\u0000"', [""]),
    (b'{"a": ["x", "b\\u0000"]}', ["/a/1"]),
    (b'{"a/b": {"~": "\\u0000"}}', ["/a~1b/~0"]),
    (b'{"a": {"\\u0000": 1}}', ["/a"]),
    (b'["\\u0000", "\\u0000"]', ["/0", "/1"]),
]


@pytest.mark.parametrize(("body", "pointers"), NUL_BODIES)
def test_nul_characters_are_refused_where_they_are(body: bytes, pointers: list[str]) -> None:
    with pytest.raises(InvalidInputError, match="NUL") as caught:
        limits.decode_json(body)
    assert [each.pointer for each in caught.value.problems] == pointers
    assert {each.code for each in caught.value.problems} == {"nul_character"}


def test_of_many_nul_characters_the_first_are_told() -> None:
    body = b"[" + b",".join([rb'"\u0000"'] * 1000) + b"]"
    with pytest.raises(InvalidInputError) as caught:
        limits.decode_json(body)
    pointers = [each.pointer for each in caught.value.problems]
    assert pointers == [f"/{place}" for place in range(limits.MAX_PROBLEMS)]


def test_long_ways_to_nul_characters_are_told_until_it_is_enough() -> None:
    body = b'{"%s":[%s]}' % (b"k" * 30_000, b",".join([rb'"\u0000"'] * 90))
    with pytest.raises(InvalidInputError) as caught:
        limits.decode_json(body)
    assert [str(each.pointer)[-3:] for each in caught.value.problems] == ["k/0", "k/1"]


def test_looking_for_a_nul_takes_memory_like_the_body() -> None:
    body = b'{"%s":[%s]}' % (b"k" * 20_000, rb'"\u0000",' + b",".join([b"1"] * 20_000))
    tracemalloc.start()
    with suppress(InvalidInputError):
        limits.decode_json(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_written_out_backslash_is_no_nul() -> None:
    assert limits.decode_json(b'"\\\\u0000"') == "\\u0000"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc/~😀"), inner),
)


@given(json_values)
def test_all_other_json_is_read_as_it_is(value: object) -> None:
    assert limits.decode_json(json.dumps(value).encode()) == value


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(InvalidInputError):
        json.dumps(limits.decode_json(body), allow_nan=False)


def request_with(headers: dict[str, str], chunks: Iterable[bytes] = ()) -> Request:
    coming = iter(chunks)

    async def receive() -> Message:
        chunk = next(coming, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive)


READ_TYPES = [
    "application/json",
    "application/json; charset=utf-8",
    'Application/JSON;charset="UTF-8"',
    "application/json;charset=utf8; x=y",
    "application/json ; x=y",
]


@pytest.mark.parametrize("content_type", READ_TYPES)
def test_json_is_read_in_every_spelling(content_type: str) -> None:
    request = request_with({"Content-Type": content_type})
    assert limits.check_content_type(request, ("application/json",)) == "application/json"


REFUSED_TYPES = [
    ({}, "No Content-Type is given"),
    ({"Content-Type": ""}, "No Content-Type is given"),
    ({"Content-Type": "text/plain"}, "text/plain is not read here"),
    ({"Content-Type": "application/x-www-form-urlencoded"}, "is not read here"),
    ({"Content-Type": "application/json-seq"}, "application/json-seq is not read here"),
    ({"Content-Type": "application/json; charset=latin-1"}, "latin-1"),
    ({"Content-Type": "application/json; charset=utf-16"}, "utf-16"),
    ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, "gzip"),
]


@pytest.mark.parametrize(("headers", "says"), REFUSED_TYPES)
def test_other_types_are_refused_with_what_is_read(headers: dict[str, str], says: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError, match=says) as caught:
        limits.check_content_type(request_with(headers), ("application/json", "text/csv"))
    if not {"latin-1", "utf-16", "gzip"} & {says}:
        assert "application/json or text/csv" in str(caught.value)


async def test_a_declared_length_beyond_the_limit_is_refused_unread() -> None:
    chunks = iter([b"{}"])
    request = request_with({"Content-Length": "11"}, chunks)
    with pytest.raises(PayloadTooLargeError, match="10 bytes"):
        await limits.read_body(request, 10)
    assert next(chunks) == b"{}"


async def test_a_body_that_grows_beyond_the_limit_is_not_read_on() -> None:
    chunks = repeat(b"1234")
    with pytest.raises(PayloadTooLargeError, match="10 bytes"):
        await limits.read_body(request_with({}, chunks), 10)


async def test_a_body_up_to_the_limit_is_read_whole() -> None:
    request = request_with({"Content-Length": "10"}, iter([b"12345", b"67890"]))
    assert await limits.read_body(request, 10) == b"1234567890"


async def test_a_body_that_may_be_missing_reads_as_an_empty_object_when_it_is() -> None:
    assert await limits.read_optional_json(request_with({}), 10) == {}


async def test_a_body_that_may_be_missing_is_checked_when_it_is_there() -> None:
    with pytest.raises(UnsupportedMediaTypeError):
        await limits.read_optional_json(request_with({}, iter([b"{}"])), 10)
    request = request_with({"Content-Type": "application/json"}, iter([b"{}"]))
    assert await limits.read_optional_json(request, 10) == {}


REPEATED: list[tuple[bytes, list[str]]] = [
    (b'{"a": 1, "a": 1}', ["/a"]),
    (b'{"a": {"b": 1, "c": 2, "b": 3}}', ["/a/b"]),
    (b'[{}, {"~/": 1, "~/": [{"x": 1, "x": 2}]}]', ["/1/~0~1", "/1/~0~1/0/x"]),
    (b'{"a": 1, "\\u0061": 2, "a": 3}', ["/a"]),
    (b'{"a": {"b": 1, "b": 2}, "a": 7}', ["/a", "/a/b"]),
    (b'{"n": ' + b"9" * 300 + b', "n": 1e5}', ["/n"]),
]


@pytest.mark.parametrize(("body", "pointers"), REPEATED, ids=lambda each: repr(each)[:40])
def test_repeated_keys_are_refused_where_they_are(body: bytes, pointers: list[str]) -> None:
    with pytest.raises(InvalidInputError, match="more than once") as caught:
        limits.decode_json(body)
    assert [each.pointer for each in caught.value.problems] == pointers
    assert {each.code for each in caught.value.problems} == {"duplicate_key"}


def test_the_same_key_in_two_objects_is_no_repeat() -> None:
    assert limits.decode_json(b'[{"a": 1}, {"a": {"a": 2}}]') == [{"a": 1}, {"a": {"a": 2}}]
