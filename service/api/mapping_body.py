"""How does a field mapping look as JSON, coming in and going out?

Other key spellings are read (`extracted_field`, `reference_column`, `match_type`), ours are
written.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from service.api.wire import WireModel, did_you_mean, listed, misplaced, shown
from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    NumericRangeMapping,
    Scorer,
)
from service.domain.representation import Json

MAX_NAME_LENGTH = 200
# Far beyond any use, and far from where sums and doubled tolerances leave the range of a double.
_LARGEST_WEIGHT = 1e6
_LARGEST_TOLERANCE = 1e15
_DEFAULT_TOLERANCE_PERCENT = 5.0

_STRATEGY_SPELLINGS = ("strategy", "match_type")
# Of all that `str.strip` takes for blank, one character that is none.
NOT_BLANK = r"[^\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"


def _refuse_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return text


Name: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME_LENGTH, json_schema_extra={"pattern": NOT_BLANK}),
    AfterValidator(_refuse_blank),
]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Tolerance: TypeAlias = Annotated[float, Field(ge=0, le=_LARGEST_TOLERANCE)]


STRATEGIES_BY_OPTION: Mapping[str, tuple[str, ...]] = {
    "case_sensitive": ("exact",),
    "verbatim": ("exact",),
    "near": ("exact",),
    "scorer": ("fuzzy",),
    "min_score": ("fuzzy",),
    "tolerance_days": ("date_range",),
    "day_first": ("date_range",),
    "tolerance_percent": ("numeric_range",),
    "tolerance_absolute": ("numeric_range",),
    "flat": ("date_range", "numeric_range"),
}


class MappingBody(WireModel):
    """What every field mapping has."""

    source: Name = Field(validation_alias=AliasChoices("source", "extracted_field"))
    target: Name = Field(validation_alias=AliasChoices("target", "reference_column"))
    weight: float = Field(ge=0, le=_LARGEST_WEIGHT)

    key_hints: ClassVar[Mapping[str, str]] = {
        option: f"It is an option of {listed(strategies)}."
        for option, strategies in STRATEGIES_BY_OPTION.items()
    }


class ExactBody(MappingBody):
    """An exact mapping."""

    strategy: Literal["exact"] = Field(validation_alias=AliasChoices(*_STRATEGY_SPELLINGS))
    case_sensitive: bool = False
    verbatim: bool = False
    near: bool = True

    def mapping(self) -> FieldMapping:
        """Return the domain's value."""
        return ExactMapping(**self.model_dump())


class FuzzyBody(MappingBody):
    """A fuzzy mapping."""

    strategy: Literal["fuzzy"] = Field(validation_alias=AliasChoices(*_STRATEGY_SPELLINGS))
    scorer: Scorer = Field(default=Scorer.IDF, strict=False)
    min_score: Share = 0.0

    def mapping(self) -> FieldMapping:
        """Return the domain's value."""
        return FuzzyMapping(**self.model_dump())


class DateRangeBody(MappingBody):
    """A date mapping."""

    strategy: Literal["date_range"] = Field(validation_alias=AliasChoices(*_STRATEGY_SPELLINGS))
    tolerance_days: Tolerance = 7.0
    day_first: bool = True
    flat: bool = False

    def mapping(self) -> FieldMapping:
        """Return the domain's value."""
        return DateRangeMapping(**self.model_dump())


class NumericRangeBody(MappingBody):
    """A numeric mapping; of the two tolerances at most one is not null."""

    strategy: Literal["numeric_range"] = Field(validation_alias=AliasChoices(*_STRATEGY_SPELLINGS))
    tolerance_percent: Tolerance | None = None
    tolerance_absolute: Tolerance | None = None
    flat: bool = False

    @model_validator(mode="after")
    def refuse_two_tolerances(self) -> "NumericRangeBody":
        """One tolerance decides."""
        if self.tolerance_percent is not None and self.tolerance_absolute is not None:
            message = "Give `tolerance_percent` or `tolerance_absolute`, not both."
            raise misplaced("two_tolerances", message, "tolerance_absolute")
        return self

    def mapping(self) -> FieldMapping:
        """Return the domain's value."""
        percent = self.tolerance_percent
        return NumericRangeMapping(
            **self.model_dump(exclude={"tolerance_percent"}),
            tolerance_percent=_DEFAULT_TOLERANCE_PERCENT if percent is None else percent,
        )


BODIES: Mapping[str, type[MappingBody]] = {
    "exact": ExactBody,
    "fuzzy": FuzzyBody,
    "date_range": DateRangeBody,
    "numeric_range": NumericRangeBody,
}


def _strategy(value: Mapping[str, str]) -> str:
    """Name the strategy of a mapping that `_check_strategy` let through."""
    return next(value[spelling] for spelling in _STRATEGY_SPELLINGS if spelling in value)


def _check_strategy(value: object) -> object:
    """Refuse a mapping without a strategy that we know: what else it may have depends on it."""
    if not isinstance(value, dict):
        raise PydanticCustomError("wrong_type", "must be an object")
    spelling = next((key for key in _STRATEGY_SPELLINGS if key in value), None)
    if spelling is None:
        message = f"`strategy` is required: one of {listed(BODIES)}."
        raise misplaced("required", message, "strategy")
    strategy = value[spelling]
    if not isinstance(strategy, str):
        raise misplaced("wrong_type", f"`{spelling}` must be a text.", spelling)
    if strategy not in BODIES:
        message = f"There is no strategy {shown(strategy)}. {did_you_mean(strategy, BODIES)}"
        raise misplaced("invalid_value", message, spelling)
    return value


AnyMappingBody: TypeAlias = Annotated[
    Annotated[ExactBody, Tag("exact")]
    | Annotated[FuzzyBody, Tag("fuzzy")]
    | Annotated[DateRangeBody, Tag("date_range")]
    | Annotated[NumericRangeBody, Tag("numeric_range")],
    Discriminator(_strategy),
    BeforeValidator(_check_strategy),
]


def write(mapping: FieldMapping) -> dict[str, Json]:
    """Write a mapping with all its options; of two tolerances the one that decides."""
    written: dict[str, Json] = asdict(mapping)
    if isinstance(mapping, NumericRangeMapping) and mapping.tolerance_absolute is not None:
        written["tolerance_percent"] = None
    return written
