"""Does every route that reads JSON refuse what is none, or says something else, in one form?"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.api.contract.operation import JSON
from service.api.contract.table import OPERATIONS
from service.api.routes import ENDPOINTS, Endpoint
from tests.api.known import Known, knowing

pytestmark = pytest.mark.timeout(120)

# Each is refused by every route, whatever else it wants.
NO_JSON: dict[str, bytes] = {
    "cut off": b'{"name": ',
    "trailing comma": b'{"name": "x",}',
    "no object": b"hello",
    "bad UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "NaN": b'{"name": NaN}',
    "infinite": b'{"name": -Infinity}',
    "huge": b'{"name": 1e999}',
    "huge whole number": b'{"name": ' + b"9" * 10_000 + b"}",
    "deep": b"[" * 100_000,
    "deep objects": b'{"name":' * 100_000,
    "half a pair": b'{"name": "\\ud800"}',
}
NO_SUCH_BODY: dict[str, bytes] = {
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"1",
    "an unknown key": b'{"naem": 1}',
    "a repeated key": b'{"name": "x", "name": "y"}',
    "a repeated key below": b'{"name": {"a": 1, "a": 1}}',
    "NUL": b'{"name": "a\\u0000b"}',
    "a NUL key": b'{"na\\u0000me": 1}',
    "a large whole number": b'{"name": ' + b"9" * 300 + b"}",
}
NO_SUCH_TYPE: dict[str, dict[str, str]] = {
    "another type": {"Content-Type": "text/plain"},
    "no type": {"Content-Type": ""},
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "another charset": {"Content-Type": "application/json; charset=latin-1"},
    "compressed": {"Content-Type": JSON, "Content-Encoding": "gzip"},
}


def reads_json() -> list[Endpoint]:
    """The routes whose documentation names a body in JSON."""
    return [
        endpoint
        for endpoint in ENDPOINTS
        if (body := OPERATIONS[endpoint.handler].body) is not None and JSON in body.content
    ]


@pytest.fixture
async def known(database_url: str, tmp_path: Path) -> AsyncIterator[Known]:
    async with knowing(database_url, tmp_path) as everything:
        yield everything


async def send(
    known: Known, endpoint: Endpoint, content: bytes, headers: dict[str, str]
) -> httpx2.Response:
    """Send the body to what there is; the hook of this client holds replies to the contract."""
    return await known.live.client.request(
        endpoint.method, known.path(endpoint), content=content, headers=headers
    )


def problem_of(reply: httpx2.Response, where: str) -> Any:
    assert reply.headers["content-type"] == "application/problem+json", (where, reply.text)
    problem = json.loads(reply.content)
    assert problem["request_id"] == reply.headers["x-request-id"]
    assert problem["type"] == f"/docs#{problem['code']}"
    assert problem["status"] == reply.status_code
    return problem


async def test_every_change_that_is_no_mere_command_is_walked() -> None:
    walked = {f"{each.method} {each.path}" for each in reads_json()}
    assert {"POST /v1/matching/configs", "POST /v1/documents", "POST /v1/api-keys"} <= walked


async def test_what_is_no_json_is_told_so(known: Known) -> None:
    for endpoint in reads_json():
        for name, content in {**NO_JSON, **NO_SUCH_BODY}.items():
            where = f"{endpoint.method} {endpoint.path}: {name}"
            reply = await send(known, endpoint, content, {"Content-Type": JSON})
            problem = problem_of(reply, where)
            assert (reply.status_code, problem["code"]) == (400, "validation_error"), where
            assert problem["retryable"] is False
            assert problem["errors"], where
            for each in problem["errors"]:
                assert each["message"].endswith((".", "?")), (where, each)
                assert each["code"], where
                assert "pointer" in each or "row" in each, (where, each)


async def test_an_unknown_key_is_named_with_its_place(known: Known) -> None:
    for endpoint in reads_json():
        reply = await send(known, endpoint, b'{"no such key": 1}', {"Content-Type": JSON})
        errors = problem_of(reply, endpoint.path)["errors"]
        (unknown,) = [each for each in errors if each["code"] == "unknown_key"]
        assert unknown["pointer"] == "/no such key", endpoint
        assert "no such key" in unknown["message"], endpoint


async def test_other_types_charsets_and_encodings_are_told_so(known: Known) -> None:
    for endpoint in reads_json():
        for name, headers in NO_SUCH_TYPE.items():
            where = f"{endpoint.method} {endpoint.path}: {name}"
            reply = await send(known, endpoint, b"{}", headers)
            problem = problem_of(reply, where)
            assert (reply.status_code, problem["code"]) == (415, "unsupported_media_type"), where


async def test_a_body_beyond_the_limit_is_told_so(known: Known) -> None:
    for endpoint in reads_json():
        size = 8_500_000 if endpoint.quota.value == "uploads" else 1_100_000
        content = b'{"name": "' + b"x" * size + b'"}'
        reply = await send(known, endpoint, content, {"Content-Type": JSON})
        problem = problem_of(reply, endpoint.path)
        assert (reply.status_code, problem["code"]) == (413, "payload_too_large"), endpoint
