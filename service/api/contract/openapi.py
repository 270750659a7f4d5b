"""What does the service promise, as OpenAPI 3.1?

`document(ENDPOINTS)` is made from the table of routes, the documentation of their handlers, and
the models of bodies and replies; a route without documentation has none to give and fails.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version

from service.api import origins
from service.api.contract import problems
from service.api.contract.operation import JSON, Body, Operation, Query, Reply
from service.api.contract.schemas import Schemas
from service.api.contract.service_routes import OPEN_OPERATIONS
from service.api.contract.shared import (
    PATH_PARAMETERS,
    REPLY_HEADERS,
    REQUEST_HEADERS,
    USUAL_HEADERS,
    Described,
)
from service.api.contract.table import OPERATIONS
from service.api.errors import FAILURES
from service.api.hosts import PROBES
from service.api.routes import Endpoint
from service.domain.representation import Json

PROBLEM_JSON = "application/problem+json"
# What any request with a key may meet.
_COMMON_ERRORS = (
    "validation_error",
    "unauthorized",
    "insufficient_scope",
    "rate_limited",
    "internal_error",
    "unavailable",
)
_SECURITY_SCHEMES: dict[str, Json] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, `ms_…`; each route says which scope it needs.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": origins.COOKIE,
        "description": "Of a browser that signed in at `/login`; on loopback its name has no "
        "prefix. Changes also need an `Origin` of ours and the header `X-Requested-With`.",
    },
}
# In the order in which a newcomer needs them; others follow.
_TAGS = ("Reference data", "Documents", "Matching configs", "Runs", "Results", "Events", "Webhooks")
_BODY_ERRORS = ("payload_too_large", "unsupported_media_type")
_KEY_HEADER = "Idempotency-Key"
_REPLAYED = "Idempotent-Replayed"
_KEY_ERRORS = ("conflict", "idempotency_mismatch")
_ABOUT = """\
Matches documents against reference data, and says why.

A request carries a key as `Authorization: Bearer ms_…`. Failures are `application/problem+json` \
with a stable `code`. Lists come in pages: follow `Link` or `next_cursor`. Times are UTC. Unknown \
keys in bodies and unknown query parameters are refused; members may be added to replies, and \
types to events, so ignore those that you do not know. `HEAD` is answered wherever `GET` is.

A change that carries an `Idempotency-Key` is carried out once in 24 hours: the same request under \
the same key gets the first reply again, with `Idempotent-Replayed: true`; the same key with other \
content 422; and 409 with `Retry-After` as long as the first is on its way. Content is what the \
body says: values of JSON up to 1 MiB, the parts of a form, else its bytes. Errors of ours (5xx) \
and refusals because of the present state (409, 412) are not repeated but tried anew, and a reply \
that shows a secret is not kept: 409 says that the first request was carried out.\
"""


def document(endpoints: Sequence[Endpoint]) -> dict[str, Json]:
    """Write the whole description; raises KeyError for a route without documentation."""
    schemas = Schemas()
    paths: defaultdict[str, dict[str, Json]] = defaultdict(dict)
    for endpoint, identifier in _identified(endpoints):
        operation = _with_key(OPERATIONS[endpoint.handler], endpoint)
        written = _operation(operation, endpoint.path, error_codes(operation, endpoint), schemas)
        written["operationId"] = identifier
        written["x-scope"] = endpoint.scope.value
        if identifier != OPERATIONS[endpoint.handler].id:
            written["x-same-as"] = OPERATIONS[endpoint.handler].id
        paths[template(endpoint.path)][endpoint.method.lower()] = written
    for path, operation in OPEN_OPERATIONS.items():
        codes = () if path in PROBES else ("validation_error", "internal_error", "unavailable")
        paths[path]["get"] = {**_operation(operation, path, codes, schemas), "security": []}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Matchstream", "version": version("matchstream"), "description": _ABOUT},
        "security": [{"key": []}, {"session": []}],
        "tags": _tags(endpoints),
        "paths": dict(paths),
        "components": {
            "securitySchemes": _SECURITY_SCHEMES,
            "parameters": {name: _header(name) for name in REQUEST_HEADERS},
            "headers": {name: _described(each) for name, each in REPLY_HEADERS.items()},
            "examples": {code: problems.example(code) for code in FAILURES},
            "schemas": schemas.definitions(),
        },
    }


def error_codes(operation: Operation, endpoint: Endpoint) -> tuple[str, ...]:
    """Return the codes that the route may answer with."""
    codes = [*_COMMON_ERRORS, *operation.errors]
    if "{" in endpoint.path:
        codes.append("not_found")
    if operation.body is not None:
        codes.extend(_BODY_ERRORS)
    if endpoint.method != "GET":
        codes.extend(_KEY_ERRORS)
    if "If-Match" in operation.headers:
        codes.append("precondition_failed")
    return tuple(dict.fromkeys(codes))


def _with_key(operation: Operation, endpoint: Endpoint) -> Operation:
    """Add what every change takes."""
    if endpoint.method == "GET":
        return operation
    replies = {
        status: replace(reply, headers=(*reply.headers, _REPLAYED))
        for status, reply in operation.replies.items()
    }
    return replace(operation, headers=(*operation.headers, _KEY_HEADER), replies=replies)


def template(path: str) -> str:
    """Return a path as OpenAPI writes it, without what our router wants to know."""
    return re.sub(r":\w+}", "}", path)


def _identified(endpoints: Iterable[Endpoint]) -> Iterable[tuple[Endpoint, str]]:
    """Give each route an id of its own, also where two paths share a handler."""
    seen: set[str] = set()
    for endpoint in endpoints:
        identifier = OPERATIONS[endpoint.handler].id
        if identifier in seen:
            identifier += "_at" + re.sub(r"\W+", "_", endpoint.path.removeprefix("/v1"))
        seen.add(identifier)
        yield endpoint, identifier


def _tags(endpoints: Iterable[Endpoint]) -> list[Json]:
    named = {OPERATIONS[endpoint.handler].tag for endpoint in endpoints}
    named |= {operation.tag for operation in OPEN_OPERATIONS.values()}
    last = len(_TAGS)
    ordered = sorted(named, key=lambda tag: (_TAGS.index(tag) if tag in _TAGS else last, tag))
    return [{"name": name} for name in ordered]


def _operation(
    operation: Operation, path: str, codes: Iterable[str], schemas: Schemas
) -> dict[str, Json]:
    names = re.findall(r"{(\w+)", path)
    parameters: list[Json] = [_path_parameter(name) for name in names]
    parameters += [_query_parameter(query) for query in operation.query]
    parameters += [{"$ref": f"#/components/parameters/{name}"} for name in operation.headers]
    written: dict[str, Json] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.description:
        written["description"] = operation.description
    if parameters:
        written["parameters"] = parameters
    if operation.body is not None:
        written["requestBody"] = _body(operation.body, schemas)
    written["responses"] = {**_replies(operation, schemas), **_failures(codes, operation, schemas)}
    return written


def _body(body: Body, schemas: Schemas) -> dict[str, Json]:
    content: dict[str, dict[str, Json]] = {
        media_type: {"schema": schemas.request(schema, is_partial=body.is_partial)}
        for media_type, schema in body.content.items()
    }
    if body.example is not None:
        content[JSON]["example"] = dict(body.example)
    return {"required": body.is_required, "content": {**content}}


def _replies(operation: Operation, schemas: Schemas) -> dict[str, Json]:
    written = {str(status): _reply(each, schemas) for status, each in operation.replies.items()}
    if "If-None-Match" in operation.headers:
        headers = tuple(name for name in operation.replies[200].headers if name != "Link")
        written["304"] = _reply(Reply("It is still what you have.", headers=headers), schemas)
    return written


def _reply(reply: Reply, schemas: Schemas) -> Json:
    written: dict[str, Json] = {
        "description": reply.description,
        "headers": _headers((*USUAL_HEADERS, *reply.headers)),
    }
    if reply.content:
        written["content"] = {
            media_type: {"schema": schemas.reply(schema)}
            for media_type, schema in reply.content.items()
        }
    return written


def _failures(codes: Iterable[str], operation: Operation, schemas: Schemas) -> dict[str, Json]:
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in codes:
        by_status[FAILURES[code].status].append(code)
    return {
        str(status): _failure(by_status[status], operation, schemas)
        for status in sorted(by_status)
        if status not in operation.replies
    }


def _failure(codes: list[str], operation: Operation, schemas: Schemas) -> Json:
    headers = dict.fromkeys(name for code in codes for name in FAILURES[code].headers)
    if _KEY_HEADER in operation.headers:
        headers[_REPLAYED] = None
        if "conflict" in codes:
            # The first request is still on its way.
            headers["Retry-After"] = None
    examples: Json = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    return {
        "description": "; ".join(f"`{code}`: {FAILURES[code].title}" for code in codes) + ".",
        "headers": _headers((*USUAL_HEADERS, *headers)),
        "content": {PROBLEM_JSON: {"schema": schemas.problem(), "examples": examples}},
    }


def _headers(names: Iterable[str]) -> dict[str, Json]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _path_parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, **_described(PATH_PARAMETERS[name])}


def _query_parameter(query: Query) -> Json:
    written: dict[str, Json] = {"name": query.name, "in": "query", **_described(query)}
    if query.is_required:
        written["required"] = True
    if query.schema.get("type") == "array":
        # Separated by commas.
        written["explode"] = False
    return written


def _header(name: str) -> Json:
    return {"name": name, "in": "header", **_described(REQUEST_HEADERS[name])}


def _described(value: Described | Query) -> dict[str, Json]:
    return {"description": value.description, "schema": dict(value.schema)}
