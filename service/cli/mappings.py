"""How is a field mapping written on the command line, and what is wrong with one?

SOURCE=TARGET:STRATEGY:WEIGHT[:OPTION=VALUE]...        amount=total:numeric_range:0.3
"""

import json
import math
import re
from collections.abc import Sequence
from typing import cast

from service.api import config_body
from service.domain.errors import InvalidInputError
from service.domain.identifiers import new_id
from service.domain.representation import Json

FORM = "SOURCE=TARGET:STRATEGY:WEIGHT[:OPTION=VALUE]"
_PARTS = 3
# In a name that has one of these signs, a backslash before it says that it divides nothing.
_DIVIDING = re.compile(r"[:=\\]")
_ESCAPED = re.compile(r"\\([:=\\])")
# Signs that stand for the escaped ones while a mapping is divided: no text may have them.
_HIDDEN = {":": "\ufdd0", "=": "\ufdd1", "\\": "\ufdd2"}
_SHOWN = str.maketrans({hidden: sign for sign, hidden in _HIDDEN.items()})

# The help of `matchstream match`; a unit test holds it to have all strategies and options.
HELP = """Match the rows of two files, and write a table of matches.

  matchstream match invoices.csv --against orders.csv --suggest
  matchstream match invoices.csv --against orders.csv --out matched.csv \\
    --map vendor_name=vendor:fuzzy:0.6 --map amount=total:numeric_range:0.4
  cat today.csv | matchstream match - --against orders.xlsx --out - \\
    --map number=po_id:exact:1

A MAPPING says which field compares to which column, how, and how much it weighs:

  SOURCE=TARGET:STRATEGY:WEIGHT[:OPTION=VALUE]...

  STRATEGY       OPTION (default)
  exact          near (true), case_sensitive (false), verbatim (false)
  fuzzy          scorer (idf; token_sort, token_set, ratio, jaro_winkler),
                 min_score (0)
  date_range     tolerance_days (7), day_first (true), flat (false)
  numeric_range  tolerance_percent (5) or tolerance_absolute, flat (false)

  amount=total:numeric_range:0.4:tolerance_percent=2

A : or = that belongs to a name is written with a backslash before it: 'net\\: EUR=net:exact:1'.

Where no service runs it starts one for as long as it takes; several of them take turns. The same
file is uploaded once: the next match of it uses what is there. Progress and summary go to
standard error, and to a terminal only; warnings always do. Ctrl-C cancels the run.

Ends with 0 when the run completed, 2 when what was asked for cannot be meant (nothing is sent
then), 3 when the run failed, 130 when it was cancelled, 1 when something else is wrong.
"""


def read(specs: Sequence[str]) -> list[dict[str, object]]:
    """Read mappings into the form of the API.

    Raises InvalidInputError, which quotes the mapping, for what the API would refuse.
    """
    mappings = [_read_one(spec) for spec in specs]
    for spec, mapping in zip(specs, mappings, strict=True):
        # A weight of 0 is none alone, and may be one beside others.
        weighed = cast("Json", {**mapping, "weight": mapping["weight"] or 1.0})
        body: Json = {"name": "-", "reference_data_id": str(new_id()), "field_mappings": [weighed]}
        try:
            config_body.read_new(body)
        except InvalidInputError as error:
            raise InvalidInputError(f"--map {spec}: {error}") from error
    return mappings


def write(mapping: dict[str, object]) -> str:
    """Write a mapping as `read` takes it."""
    known = ("source", "target", "strategy", "weight")
    options = [
        f"{name}={json.dumps(value)}" for name, value in mapping.items() if name not in known
    ]
    source, target = (_DIVIDING.sub(r"\\\g<0>", str(mapping[name])) for name in known[:2])
    parts = [f"{source}={target}", str(mapping["strategy"]), f"{mapping['weight']:g}"]
    return ":".join([*parts, *options])


def _read_one(spec: str) -> dict[str, object]:
    hidden = _ESCAPED.sub(lambda found: _HIDDEN[found[1]], spec)
    source, equals, rest = hidden.partition("=")
    target, *parts = rest.split(":")
    if not equals or not source or not target or len(parts) < _PARTS - 1:
        raise InvalidInputError(f"--map {spec}: write it as {FORM}.")
    strategy, weight, *options = parts
    try:
        number = float(weight)
    except ValueError as error:
        raise InvalidInputError(
            f"--map {spec}: the weight {weight!r} is no number: write it with a point: 0.4."
        ) from error
    if not 0 <= number < math.inf:
        raise InvalidInputError(
            f"--map {spec}: weight {weight!r} is none: write it from 0 to 1, with a point: 0.4."
        )
    mapping: dict[str, object] = {
        "source": source.translate(_SHOWN),
        "target": target.translate(_SHOWN),
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
