"""How is a field mapping written on the command line, and what is wrong with one?

SOURCE=TARGET:STRATEGY:WEIGHT[:OPTION=VALUE]...        amount=total:numeric_range:0.3
"""

import json
from collections.abc import Iterable

from service.domain.errors import InvalidInputError

FORM = "SOURCE=TARGET:STRATEGY:WEIGHT[:OPTION=VALUE]"
_PARTS = 3


def read(specs: Iterable[str]) -> list[dict[str, object]]:
    """Read mappings into the form of the API; raises InvalidInputError that quotes the one."""
    return [_read_one(spec) for spec in specs]


def write(mapping: dict[str, object]) -> str:
    """Write a mapping as `read` takes it."""
    known = ("source", "target", "strategy", "weight")
    options = [
        f"{name}={json.dumps(value)}" for name, value in mapping.items() if name not in known
    ]
    parts = [f"{mapping['source']}={mapping['target']}", mapping["strategy"], mapping["weight"]]
    return ":".join([*map(str, parts), *options])


def _read_one(spec: str) -> dict[str, object]:
    source, equals, rest = spec.partition("=")
    target, *parts = rest.split(":")
    if not equals or not source or not target or len(parts) < _PARTS - 1:
        raise InvalidInputError(f"--map {spec}: write it as {FORM}.")
    strategy, weight, *options = parts
    try:
        number = float(weight)
    except ValueError as error:
        raise InvalidInputError(f"--map {spec}: the weight {weight!r} is no number.") from error
    mapping: dict[str, object] = {
        "source": source,
        "target": target,
        "strategy": strategy,
        "weight": number,
    }
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise InvalidInputError(f"--map {spec}: write the option {option!r} as NAME=VALUE.")
        mapping[name] = _value(value)
    return mapping


def _value(text: str) -> object:
    """Read numbers and true or false as such, and anything else as text."""
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, dict | list) else value
