"""What do the path and the query string ask for?"""

import re
from collections.abc import Mapping
from uuid import UUID

from starlette.requests import Request

from service.api.limits import MAX_PROBLEMS
from service.api.wire import MAX_SUGGESTIONS, did_you_mean, invalid, shown
from service.domain.errors import NotFoundError, Problem

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def path_id(request: Request, name: str, noun: str) -> UUID:
    """Return the id in the path; raises NotFoundError naming the `noun` when it is none of ours."""
    text = request.path_params[name]
    identifier = read_id(text)
    if identifier is None:
        raise not_found(noun, text)
    return identifier


def read_id(text: str) -> UUID | None:
    """Read an id as we write it, in either case; None for anything else, other UUID forms too."""
    return UUID(text) if _UUID.fullmatch(text) else None


def not_found(noun: str, identifier: object) -> NotFoundError:
    """Say that the caller's workspace has no such thing."""
    return NotFoundError(f"There is no {noun} {shown(str(identifier))}.")


def query(request: Request, known: tuple[str, ...]) -> Mapping[str, str]:
    """Return the query parameters.

    Raises InvalidInputError for one that is not `known`, given twice, or has a NUL character.
    """
    if not request.scope["query_string"]:
        return {}
    problems: list[Problem] = []
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if len(problems) == MAX_PROBLEMS:
            break
        if name not in known:
            hint = did_you_mean(name, known) if len(problems) < MAX_SUGGESTIONS else ""
            message = f"The parameter {shown(name)} is not known here. {hint}".rstrip()
            problems.append(Problem("unknown_parameter", message, name))
        elif name in found:
            problems.append(wrong(name, "is given twice"))
        elif "\0" in value:
            problems.append(wrong(name, "has a NUL character"))
        found[name] = value
    if problems:
        raise invalid(tuple(problems))
    return found


def whole_number(values: Mapping[str, str], name: str, default: int, largest: int) -> int:
    """Return a parameter from 1 to `largest`; raises InvalidInputError for anything else."""
    text = values.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,18}", text) or not 1 <= int(text) <= largest:
        raise invalid((wrong(name, f"must be a whole number from 1 to {largest}"),))
    return int(text)


def wrong(name: str, rule: str) -> Problem:
    """Say which rule a query parameter breaks."""
    return Problem("invalid_value", f"The parameter `{name}` {rule}.", name)


def excluded(name: str, other: str) -> Problem:
    """Say that two query parameters cannot stand together."""
    message = f"The parameter `{name}` cannot be used together with `{other}`."
    return Problem("excluded_parameter", message, name)
