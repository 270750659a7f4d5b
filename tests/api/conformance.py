"""Does a reply look as the description says? Asked of every reply that the API's tests get."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx2
import jsonschema_rs

from service.api.contract import openapi
from service.api.contract.service_routes import OPEN_OPERATIONS
from service.api.contract.table import OPERATIONS
from service.api.routes import ENDPOINTS

PROBLEM = {"$ref": "#/components/schemas/Problem"}
# Of HTTP itself, or the same on all replies of a kind: the description need not name them.
UNNAMED = frozenset(
    (
        "cache-control",
        "connection",
        "content-disposition",
        "content-length",
        "content-type",
        "date",
        "server",
        "transfer-encoding",
        "x-accel-buffering",
        "content-security-policy",
        "referrer-policy",
        "x-content-type-options",
        "x-frame-options",
        "vary",
        "allow",
        "strict-transport-security",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "permissions-policy",
    )
)


@dataclass(frozen=True, slots=True)
class Described:
    """An operation of the description, and where the router sends to it."""

    method: str
    pattern: re.Pattern[str]
    template: str
    operation: Any


async def check(reply: httpx2.Response) -> None:
    """Fail when the reply is none that the description allows; a hook of a test's client."""
    media_type = reply.headers.get("content-type", "").partition(";")[0]
    body: Any = None
    if media_type.endswith(("/json", "+json")) and reply.request.method != "HEAD":
        body = json.loads(await reply.aread() or b"null")
    found = find(reply.request.method, reply.request.url.path)
    if found is None:
        if media_type == openapi.PROBLEM_JSON and body is not None:
            validator(PROBLEM).validate(body)
        return
    faults = list(differences(found, reply, media_type, body))
    assert faults == [], (
        f"{found.method} {found.template} answered {reply.status_code}, and differs from what "
        f"service/api/contract says of it: mend one of the two. {faults}"
    )


def differences(
    found: Described, reply: httpx2.Response, media_type: str, body: Any
) -> Iterator[str]:
    """What the reply has that the description of its operation does not."""
    said = found.operation["responses"].get(str(reply.status_code))
    if said is None:
        code = body.get("code") if isinstance(body, dict) else None
        yield f"the status {reply.status_code} ({code}) is not described"
        return
    named = {name.lower() for name in said["headers"]}
    yield from (f"the header {name}" for name in reply.headers if name not in named | UNNAMED)
    if "x-request-id" not in reply.headers:
        yield "there is no X-Request-Id"
    content = said.get("content", {})
    has_body = reply.request.method != "HEAD" and bool(content)
    if has_body and media_type not in content:
        yield f"the content type {media_type!r}"
    if body is None or media_type not in content:
        return
    yield from (
        f"{error.message} at {'/'.join(map(str, error.instance_path))}"
        for error in validator(content[media_type]["schema"]).iter_errors(body)
    )
    if media_type == openapi.PROBLEM_JSON and body["code"] not in content[media_type]["examples"]:
        yield f"the error {body['code']} is not described for it"


def find(method: str, path: str) -> Described | None:
    """The operation that answers; None for a path or a method that is not described."""
    method = "GET" if method == "HEAD" else method
    # As the router does it: the first path that fits decides.
    template = next((each.template for each in described() if each.pattern.fullmatch(path)), None)
    return next(
        (each for each in described() if (each.template, each.method) == (template, method)), None
    )


@cache
def description() -> Any:
    """The description, with objects that have no members but those it names."""
    documented = [each for each in ENDPOINTS if each.handler in OPERATIONS]
    written: Any = openapi.document(documented)
    for schema in written["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return written


@cache
def described() -> tuple[Described, ...]:
    """All operations, in the order of the router's table."""
    routes = [(each.method, each.path) for each in ENDPOINTS if each.handler in OPERATIONS]
    routes += [("GET", path) for path in OPEN_OPERATIONS]
    return tuple(
        Described(
            method,
            pattern(path),
            openapi.template(path),
            description()["paths"][openapi.template(path)][method.lower()],
        )
        for method, path in routes
    )


def pattern(path: str) -> re.Pattern[str]:
    """What paths the router sends to a route."""
    parts = re.split(r"({\w+(?::path)?})", path)
    return re.compile(
        "".join(
            (".*" if part.endswith(":path}") else "[^/]+")
            if part.startswith("{")
            else re.escape(part)
            for part in parts
        ),
        re.DOTALL,
    )


_validators: dict[str, jsonschema_rs.Draft202012Validator] = {}


def validator(schema: Any) -> jsonschema_rs.Draft202012Validator:
    """A validator of a schema of the description; made once."""
    key = json.dumps(schema, sort_keys=True)
    if key not in _validators:
        whole = {**schema, "components": description()["components"]}
        _validators[key] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return _validators[key]
