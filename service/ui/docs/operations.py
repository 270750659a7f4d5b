"""How is an operation shown: what it does, how it is called, and what it answers?"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from service.ui.docs import markup, schemas

# The description as it is parsed from JSON.
Document: TypeAlias = Mapping[str, Any]

_JSON = "application/json"
_PROBLEM = "application/problem+json"
_FORM = "multipart/form-data"


def anchor(operation: Document) -> str:
    """Return where an operation stands on the page."""
    return f"operation-{operation['operationId']}"


def section(
    document: Document,
    path: str,
    method: str,
    operation: Document,
    also: Sequence[tuple[str, str, Document]] = (),
) -> str:
    """Show one operation, and where else it is found."""
    scope = operation.get("x-scope")
    needs = f"needs the scope {markup.code(scope)}" if scope else "needs no key"
    others = "".join(
        f'<p class="route" id="{anchor(other)}">{_route(other_method, other_path)} '
        '<span class="scope">does the same</span></p>'
        for other_path, other_method, other in also
    )
    parts = [
        f'<section class="operation" id="{anchor(operation)}">',
        f"<h3>{markup.prose(operation['summary'])}</h3>",
        f'<p class="route">{_route(method, path)} <span class="scope">{needs}</span></p>',
        others,
        markup.paragraphs(operation.get("description", "")),
        _parameters(document, operation),
        _body(operation),
        markup.block(_call(document, path, method, operation), "Example of a call"),
        _replies(operation),
        "</section>",
    ]
    return "".join(parts)


def _route(method: str, path: str) -> str:
    return f'<span class="method">{method.upper()}</span> {_path(path)}'


def _path(path: str) -> str:
    """Let a long path break behind its slashes."""
    return markup.code(path).replace("/", "/<wbr>").replace("</<wbr>", "</")


def _parameters(document: Document, operation: Document) -> str:
    named = document["components"]["parameters"]
    rows = []
    for given in operation.get("parameters", ()):
        each = named[given["$ref"].rpartition("/")[2]] if "$ref" in given else given
        optional = "" if each.get("required") else " <small>optional</small>"
        bounds = schemas.rules(each["schema"])
        meaning = markup.prose(each["description"])
        if bounds:
            meaning += f' <span class="rules">{bounds}</span>'
        name = markup.code(each["name"]) + optional
        rows.append((name, each["in"], schemas.kind(each["schema"]), meaning))
    return markup.table("Parameters", ("name", "in", "type", "meaning"), rows)


def _body(operation: Document) -> str:
    body = operation.get("requestBody")
    if body is None:
        return ""
    rows = [
        (markup.code(media_type), schemas.kind(content["schema"]))
        for media_type, content in body["content"].items()
    ]
    caption = "Body" if body["required"] else "Body, which may be left out"
    return markup.table(caption, ("content type", "schema"), rows)


def _replies(operation: Document) -> str:
    rows = []
    for status, reply in sorted(operation["responses"].items()):
        content = reply.get("content", {})
        if _PROBLEM in content:
            codes = content[_PROBLEM]["examples"]
            said = ", ".join(markup.link(name, markup.code(name)) for name in codes)
        else:
            kinds = " or ".join(schemas.kind(each["schema"]) for each in content.values())
            said = markup.prose(reply["description"]) + (f" {kinds}" if kinds else "")
        rows.append((status, said))
    return markup.table("Replies", ("status", "what it means"), rows)


def _call(document: Document, path: str, method: str, operation: Document) -> str:
    """Write the call for a shell that has the address in URL and the key in KEY."""
    lines = ["curl" if method == "get" else f"curl -X {method.upper()}"]
    lines[0] += f' "$URL{path}"'
    if operation.get("security") != []:
        lines.append('-H "Authorization: Bearer $KEY"')
    content = operation.get("requestBody", {}).get("content", {})
    example = _example(document, content.get(_JSON, {}))
    if example is not None:
        lines.append(f"-H 'Content-Type: {_JSON}'")
        lines.append(f"-d {shlex.quote(json.dumps(example, ensure_ascii=False, indent=2))}")
    elif _FORM in content:
        lines.append("-F file=@rows.csv")
    return " \\\n  ".join(lines)


def _example(document: Document, content: Document) -> Any:
    """Return the example of a body, or of the schema that it has."""
    if "example" in content:
        return content["example"]
    reference = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    named = document["components"]["schemas"].get(reference, {})
    return next(iter(named.get("examples", ())), None)
