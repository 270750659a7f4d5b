"""Which value does a filter of a list have, once it is read from the query string?"""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from service.api.parameters import read_id, wrong
from service.api.wire import invalid, listed

Choice = TypeVar("Choice", bound=StrEnum)


def one_of(values: Mapping[str, str], name: str, choices: type[Choice]) -> Choice | None:
    """Return the choice named; raises InvalidInputError that lists the choices."""
    if name not in values:
        return None
    try:
        return choices(values[name])
    except ValueError as error:
        allowed = listed([choice.value for choice in choices])
        raise invalid((wrong(name, f"must be one of {allowed}"),)) from error


def some_of(
    values: Mapping[str, str], name: str, choices: type[Choice]
) -> frozenset[Choice] | None:
    """Return the choices named, which commas separate; None where none is asked for.

    Raises InvalidInputError that lists the choices.
    """
    if name not in values:
        return None
    known = {choice.value: choice for choice in choices}
    asked = [part.strip() for part in values[name].split(",")]
    if not known.keys() >= set(asked):
        rule = f"must be one or more of {listed(list(known))}, separated by commas"
        raise invalid((wrong(name, rule),))
    return frozenset(known[part] for part in asked)


def truth(values: Mapping[str, str], name: str) -> bool | None:
    """Return what `true` or `false` says; raises InvalidInputError for anything else."""
    if name not in values:
        return None
    if values[name] not in ("true", "false"):
        raise invalid((wrong(name, "must be `true` or `false`"),))
    return values[name] == "true"


def share(values: Mapping[str, str], name: str) -> float | None:
    """Return a number from 0 to 1; raises InvalidInputError for anything else."""
    if name not in values:
        return None
    try:
        number = float(values[name])
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise invalid((wrong(name, "must be a number from 0 to 1"),))
    return number


def identifier(values: Mapping[str, str], name: str) -> UUID | None:
    """Return a UUID; raises InvalidInputError for anything else."""
    if name not in values:
        return None
    found = read_id(values[name])
    if found is None:
        raise invalid((wrong(name, "must be an id of ours (a UUID)"),))
    return found
