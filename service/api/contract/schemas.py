"""How do the models of bodies and replies become the named schemas of one document?"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import core_schema

from service.api.contract.models import Problem
from service.api.contract.operation import Schema
from service.domain.representation import Json

_OF_A_WHOLE = ("required", "examples")
_TEMPLATE = "#/components/schemas/{model}"
_REQUEST: JsonSchemaMode = "validation"
_REPLY: JsonSchemaMode = "serialization"


class Schemas:
    """Collects the models that are used; a model's name is the name of its schema."""

    def __init__(self) -> None:
        """Start without any."""
        self._used: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
        self._partial: set[str] = set()

    def request(self, schema: Schema, *, is_partial: bool = False) -> Json:
        """Return the schema of a request's body; of a partial one nothing is required."""
        if not isinstance(schema, type):
            return dict(schema)
        reference = self._refer(schema, _REQUEST)
        if not is_partial:
            return reference
        self._partial.add(schema.__name__)
        return {"$ref": _TEMPLATE.format(model=_change_of(schema.__name__))}

    def reply(self, schema: Schema) -> Json:
        """Return the schema of a reply's content."""
        return self._refer(schema, _REPLY) if isinstance(schema, type) else dict(schema)

    def problem(self) -> Json:
        """Return the schema of every failure."""
        return self._refer(Problem, _REPLY)

    def definitions(self) -> dict[str, Json]:
        """Return all schemas by name; raises ValueError when two models have the same name."""
        references, written = models_json_schema(
            list(self._used), ref_template=_TEMPLATE, schema_generator=_Generator
        )
        for (model, _), reference in references.items():
            if reference != {"$ref": _TEMPLATE.format(model=model.__name__)}:
                raise ValueError(f"{model} shares its name with another model: rename one.")
        definitions: dict[str, Json] = written["$defs"]
        for name in self._partial:
            definitions[_change_of(name)] = {
                **_without_requirements(definitions[name]),
                "title": _change_of(name),
                "description": "What is to change; the rest stays.",
            }
        return dict(sorted(definitions.items()))

    def _refer(self, model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Json]:
        self._used[model, mode] = None
        return {"$ref": _TEMPLATE.format(model=model.__name__)}


class _Generator(GenerateJsonSchema):
    """Leaves out what tells a reader nothing: titles made of names, and defaults of replies."""

    def field_title_should_be_set(  # type: ignore[explicit-override] # from 3.12
        self, schema: Any
    ) -> bool:
        """A member's name is title enough."""
        return False

    def default_schema(  # type: ignore[explicit-override] # from 3.12
        self, schema: core_schema.WithDefaultSchema
    ) -> dict[str, Any]:
        """A member that a reply leaves out has no value."""
        if self.mode == _REPLY:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def sort(  # type: ignore[explicit-override] # from 3.12
        self, value: dict[str, Any], parent_key: str | None = None
    ) -> dict[str, Any]:
        """Members and examples stand in the order in which they were written."""
        return value


def _change_of(name: str) -> str:
    return f"{name}Change"


def _without_requirements(schema: Json) -> dict[str, Json]:
    """Take away what is only true of a whole: required members, and what they are when absent."""
    if not isinstance(schema, dict) or not isinstance(schema["properties"], dict):
        raise TypeError("Only an object can be sent in part.")
    properties: dict[str, Json] = {
        name: _without_default(member) for name, member in schema["properties"].items()
    }
    kept = {name: value for name, value in schema.items() if name not in _OF_A_WHOLE}
    return {**kept, "properties": properties}


def _without_default(member: Json) -> Json:
    if not isinstance(member, Mapping):
        return member
    return {name: value for name, value in member.items() if name != "default"}
