"""How is a schema shown: what type is a value, what may it be, and which members has an object?"""

from collections.abc import Mapping
from typing import TypeAlias

from service.domain.representation import Json
from service.ui.docs import markup

Schema: TypeAlias = Mapping[str, Json]

_REFERENCE = "#/components/schemas/"
_NAMED_FORMATS = {"date-time": "time", "uuid": "UUID", "binary": "file"}
_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} members",
}
# Bounds that every value of the kind has, and that tell a reader nothing.
_OBVIOUS = (("minimum", 0), ("minLength", 1), ("minItems", 1))


def anchor(name: str) -> str:
    """Return where a named schema stands on the page."""
    return f"schema-{name}"


def kind(schema: Json) -> str:
    """Say in HTML what a value is: its type, or a link to the schema that it has."""
    if not isinstance(schema, dict):
        return "anything"
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix(_REFERENCE)
        return markup.link(anchor(name), markup.code(name))
    options = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(options, list):
        return " or ".join(dict.fromkeys(kind(option) for option in options))
    if "const" in schema:
        return markup.code(markup.as_json(schema["const"]))
    if "enum" in schema:
        return _words(schema["enum"])
    return _type(schema)


def rules(schema: Json) -> str:
    """Say which bounds and which default a value has."""
    if not isinstance(schema, dict):
        return ""
    said = [
        phrase.format(_number(schema[name]))
        for name, phrase in _BOUNDS.items()
        if name in schema and (name, schema[name]) not in _OBVIOUS
    ]
    options = schema.get("anyOf")
    if isinstance(options, list):
        said += [rules(option) for option in options if rules(option)]
    if schema.get("default") is not None:
        said.append(f"otherwise {markup.code(markup.as_json(schema['default']))}")
    return ", ".join(said)


def members(schema: Schema) -> str:
    """Show the members of an object as a table; an enumeration as its words."""
    if "enum" in schema:
        return f"<p>{_words(schema['enum'])}</p>"
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise TypeError("The description has an object without proper members.")
    rows = [
        (
            markup.code(name) + ("" if name in required else " <small>optional</small>"),
            kind(member),
            _meaning(member),
        )
        for name, member in properties.items()
    ]
    shown = markup.table("Members", ("member", "type", "meaning"), rows)
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        shown += f"<p>Each other member: {kind(more)}.</p>"
    return shown


def _meaning(member: Json) -> str:
    described = member.get("description", "") if isinstance(member, dict) else ""
    said = markup.prose(str(described))
    bounds = rules(member)
    return f'{said} <span class="rules">{bounds}</span>' if bounds else said


def _type(schema: Schema) -> str:
    named = schema.get("type")
    if isinstance(named, list):
        return " or ".join(str(each) for each in named)
    if named == "array":
        return f"list of {kind(schema.get('items'))}"
    if named == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {kind(schema['additionalProperties'])}"
    written = schema.get("format")
    if isinstance(written, str) and written in _NAMED_FORMATS:
        return _NAMED_FORMATS[written]
    return str(named) if named else "anything"


def _words(values: Json) -> str:
    listed = values if isinstance(values, list) else []
    return " or ".join(markup.code(str(value)) for value in listed)


def _number(value: Json) -> str:
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)
