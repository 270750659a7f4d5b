"""Would the Messages API accept this request? What it would refuse, the stand-in refuses."""

import json
from collections.abc import Collection
from typing import Any

from tests.fake_ai.http_server import Request

OPENING, CLOSING = "<records>", "</records>"
KNOWN_KEYS = frozenset({"model", "max_tokens", "system", "messages", "thinking", "output_config"})
# What the vendor's structured output does not know.
UNKNOWN_TO_SCHEMAS = frozenset(
    {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "multipleOf"}
)
# The version that the SDK's second generation sends; it knows no `temperature` and the like.
VERSION = "2026-10-21"
MOST_OUTPUT = 128_000


class BadRequestError(Exception):
    """The request is refused with this status."""

    def __init__(self, message: str, status: int = 400, kind: str = "invalid_request_error"):
        """Say what is wrong."""
        super().__init__(message)
        self.status = status
        self.kind = kind


def check_body(
    request: Request, keys: Collection[str], models: Collection[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the body and the documents of its block; raises BadRequestError."""
    if (request.method, request.path.partition("?")[0]) != ("POST", "/v1/messages"):
        raise BadRequestError("Not found", 404, "not_found_error")
    if request.headers.get("authorization", "").removeprefix("Bearer ") not in keys:
        raise BadRequestError("invalid bearer token", 401, "authentication_error")
    if request.headers.get("anthropic-version") != VERSION:
        raise BadRequestError("anthropic-version: not a version that is known here")
    body = json.loads(request.body)
    unknown = set(body) - KNOWN_KEYS
    if unknown:
        raise BadRequestError(f"{unknown}: Extra inputs are not permitted")
    if body["model"] not in models:
        raise BadRequestError(f"model: {body['model']}", 404, "not_found_error")
    _check_values(body)
    return body, _documents(body["messages"][0]["content"])


def _check_values(body: dict[str, Any]) -> None:
    if not (isinstance(body["max_tokens"], int) and 1 <= body["max_tokens"] <= MOST_OUTPUT):
        raise BadRequestError("max_tokens: out of range")
    if body.get("thinking", {}).get("type") not in ("adaptive", "disabled"):
        raise BadRequestError("thinking: must be adaptive or disabled")
    if [message["role"] for message in body["messages"]] != ["user"]:
        raise BadRequestError("messages: one message of the user is expected")
    if any(block["type"] != "text" for block in body["system"]):
        raise BadRequestError("system: only text")
    config = body["output_config"]
    if config["effort"] not in ("low", "medium", "high", "xhigh", "max"):
        raise BadRequestError("output_config.effort: unknown")
    if config["format"]["type"] != "json_schema":
        raise BadRequestError("output_config.format.type: unknown")
    _check_schema(config["format"]["schema"])


def _check_schema(schema: Any) -> None:
    if isinstance(schema, list):
        for each in schema:
            _check_schema(each)
    if not isinstance(schema, dict):
        return
    if UNKNOWN_TO_SCHEMAS & set(schema):
        raise BadRequestError("output_config.format.schema: keyword is not supported")
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise BadRequestError("output_config.format.schema: additionalProperties must be false")
    for each in schema.values():
        _check_schema(each)


def _documents(content: str) -> list[dict[str, Any]]:
    """Read the block as a model that trusts its first end would."""
    begin, end = content.index(OPENING) + len(OPENING), content.index(CLOSING)
    documents: list[dict[str, Any]] = json.loads(content[begin:end])["documents"]
    return documents
