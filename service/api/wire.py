"""How does JSON become typed values, and what is said when it does not fit?"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import ClassVar, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from service.api.limits import MAX_PROBLEMS, pointer_to
from service.domain.errors import InvalidInputError, Problem
from service.domain.names import nearest
from service.domain.representation import Json

# More than these are no help to anyone.
MAX_UNKNOWN_KEYS = 20
MAX_LISTED = 30
_LONGEST_NAME_SHOWN = 80

# Looking for the nearest name costs time: so many problems of a request come with a suggestion.
MAX_SUGGESTIONS = 3

_UNKNOWN_KEYS = "unknown_keys"
_DIFFERENT_PLACE = "at"

# What the validator says for these types is about Python, not about JSON.
_TYPE_NAMES = {
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "recursion_loop": "is nested too deeply",
}


class WireModel(BaseModel):
    """A JSON object of a request: no unknown keys, no value of a type that merely converts."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    # What to say about keys that are not known here, but are elsewhere.
    key_hints: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def spellings(cls) -> tuple[str, ...]:
        """Return all keys that the object may have, in every spelling."""
        return tuple(_spellings(cls))

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown_keys(cls, value: object) -> object:
        """Name the keys that are not known, before anything else is said."""
        if not isinstance(value, dict):
            return value
        known = cls.spellings()
        unknown = [str(key) for key in value if key not in known][:MAX_UNKNOWN_KEYS]
        if unknown:
            hints = {key: cls.key_hints.get(key, "") for key in unknown}
            for key in [key for key in unknown if not hints[key]][:MAX_SUGGESTIONS]:
                hints[key] = did_you_mean(key, known)
            raise PydanticCustomError(_UNKNOWN_KEYS, "unknown keys", {"hints": hints})
        return value


Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], value: Json, at: str = "") -> Model:
    """Read a decoded body, or the part of it that the JSON pointer `at` points to.

    Raises InvalidInputError with a JSON pointer per problem.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        problems = (problem for each in errors for problem in _problems(each, value))
        first = islice(problems, MAX_PROBLEMS)
        found = [replace(problem, pointer=at + (problem.pointer or "")) for problem in first]
        raise invalid(tuple(found)) from error


def invalid(problems: tuple[Problem, ...]) -> InvalidInputError:
    """Sum up problems (at least one) in one sentence."""
    more = f" ({len(problems) - 1} more under `errors`)" if len(problems) > 1 else ""
    return InvalidInputError(problems[0].message + more, problems)


def misplaced(code: str, message: str, *at: str | int) -> PydanticCustomError:
    """Make an error for a validator of a whole object that is about its member `at`."""
    return PydanticCustomError(code, "{message}", {"message": message, _DIFFERENT_PLACE: at})


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Suggest the nearest known name, where one is near; else list them.

    Not for more than MAX_SUGGESTIONS problems of a request.
    """
    near = nearest(name, known)
    if near is not None:
        return f"Did you mean `{near}`?"
    return f"Known are {listed(known)}." if known else "No key is known here."


def listed(names: Collection[str]) -> str:
    """Write names as `a`, `b`; of many, the first MAX_LISTED and how many more there are."""
    written = ", ".join(f"`{name}`" for name in islice(names, MAX_LISTED))
    more = len(names) - MAX_LISTED
    return f"{written} … and {more} more" if more > 0 else written


def shown(name: str) -> str:
    """Write a name that a client sent, cut where it is absurdly long."""
    cut = name if len(name) <= _LONGEST_NAME_SHOWN else f"{name[:_LONGEST_NAME_SHOWN]}…"
    return f"`{cut}`"


def _spellings(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.validation_alias, AliasChoices):
            yield from (str(choice) for choice in field.validation_alias.choices)
        else:
            yield field.validation_alias if isinstance(field.validation_alias, str) else name


def _problems(error: ErrorDetails, value: Json) -> Iterator[Problem]:
    context = error.get("ctx", {})
    location, absent = error["loc"], context.get(_DIFFERENT_PLACE, ())
    if error["type"] == "missing":
        location, absent = location[:-1], location[-1:]
    pointer, subject = _place(location, absent, value)
    if error["type"] == _UNKNOWN_KEYS:
        for key, hint in context["hints"].items():
            message = f"The key {shown(key)} is not known here. {hint}"
            yield Problem("unknown_key", message.rstrip(), pointer_to(pointer, key))
        return
    if error["type"] == "missing":
        yield Problem("required", f"{subject} is required.", pointer)
    elif error["type"] == "extra_forbidden":
        message = f"{subject} is another spelling of a key that is given too; send one of them."
        yield Problem("duplicate_key", message, pointer)
    elif _DIFFERENT_PLACE in context:
        yield Problem(error["type"], error["msg"], pointer)
    elif error["type"] in _TYPE_NAMES:
        yield Problem("wrong_type", f"{subject} {_TYPE_NAMES[error['type']]}.", pointer)
    else:
        yield Problem("invalid_value", f"{subject} {_rule(error)}.{_suggestion(error)}", pointer)


def _place(
    location: tuple[str | int, ...], below: tuple[str | int, ...], value: Json
) -> tuple[str, str]:
    """Return the JSON pointer of an error and how to call what it is about.

    The validator's location also names the variant of a union that was tried, which is no place
    in the JSON: a step that leads nowhere is left out. What lies `below` need not be there.
    """
    steps: list[str | int] = []
    here = value
    for step in location:
        if isinstance(here, dict) and step in here:
            here = here[str(step)]
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            continue
        steps.append(step)
    steps.extend(below)
    pointer = ""
    for step in steps:
        pointer = pointer_to(pointer, step)
    return pointer, _subject(steps)


def _subject(steps: list[str | int]) -> str:
    named = next((step for step in reversed(steps) if isinstance(step, str)), None)
    whole = "The body" if named is None else shown(named)
    if steps and isinstance(steps[-1], int):
        return f"Item {steps[-1]} of {whole[:1].lower()}{whole[1:]}"
    return whole


def _rule(error: ErrorDetails) -> str:
    rule = re.sub(r"^[A-Z]\w+ should", "must", error["msg"]).replace(" after validation", "")
    return rule[:1].lower() + rule[1:]


def _suggestion(error: ErrorDetails) -> str:
    expected = str(error.get("ctx", {}).get("expected", ""))
    given = error["input"]
    if not isinstance(given, str) or not expected:
        return ""
    near = nearest(given, re.findall(r"'(\w+)'", expected))
    return "" if near is None else f" Did you mean `{near}`?"
