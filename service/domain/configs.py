"""What is a matching config: which field compares to which column, how, and with which weight."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from service.domain.identifiers import ConfigId, ReferenceDataId, WorkspaceId

MAX_MAPPINGS = 32
# How far from 1 a sum of normalised weights can be by rounding alone.
ROUNDING = 1e-12
# What the AI pass says stands in the evidence under this key.
AI_EVIDENCE = "ai"


class Scorer(StrEnum):
    """How a fuzzy mapping compares two normalised texts.

    `idf`: by the words they share, rare ones of the column counting for more. By letters in their
    order: `ratio`; `token_sort`, words sorted first; `token_set`, also 1 when one text's words
    are all among the other's; `jaro_winkler`, beginnings counting for more.
    """

    TOKEN_SORT = "token_sort"
    TOKEN_SET = "token_set"
    IDF = "idf"
    RATIO = "ratio"
    JARO_WINKLER = "jaro_winkler"


class MissingPolicy(StrEnum):
    """What a missing value does.

    `lenient` and `ignore`: the weight of a field that the document lacks is spread over the
    others; a value that the row lacks scores a quarter (`lenient`) or 0 (`ignore`). `zero`: either
    scores 0.
    """

    LENIENT = "lenient"
    IGNORE = "ignore"
    ZERO = "zero"


class TargetType(StrEnum):
    """Which documents a run takes when it names none."""

    RUN = "run"
    COLLECTION = "collection"
    DOCUMENT_FILTER = "document_filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactMapping:
    """1 when equal after folding case, accents, spaces and punctuation, else 0.

    `case_sensitive` keeps case, `verbatim` compares the texts untouched. `near` gives up to .9
    for a near miss in a column of identifiers (most values are long and have digits), unless one
    of the two strict options is set.
    """

    source: str
    target: str
    weight: float
    strategy: Literal["exact"] = "exact"
    case_sensitive: bool = False
    verbatim: bool = False
    near: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzyMapping:
    """Similarity of normalised text in [0, 1]; a similarity below `min_score` counts 0."""

    source: str
    target: str
    weight: float
    strategy: Literal["fuzzy"] = "fuzzy"
    scorer: Scorer = Scorer.IDF
    min_score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRangeMapping:
    """1 on the same day, .5 at `tolerance_days`, 0 at twice that; `flat`: 1 inside, 0 outside.

    `day_first` settles days and months that neither the value nor its column settles.
    """

    source: str
    target: str
    weight: float
    strategy: Literal["date_range"] = "date_range"
    tolerance_days: float = 7.0
    day_first: bool = True
    flat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NumericRangeMapping:
    """1 when equal, .5 at the tolerance, 0 at twice that; `flat`: 1 inside, 0 outside.

    The tolerance is `tolerance_percent` of the reference value, unless `tolerance_absolute`
    (in the unit of the values) is set.
    """

    source: str
    target: str
    weight: float
    strategy: Literal["numeric_range"] = "numeric_range"
    tolerance_percent: float = 5.0
    tolerance_absolute: float | None = None
    flat: bool = False


FieldMapping = ExactMapping | FuzzyMapping | DateRangeMapping | NumericRangeMapping


@dataclass(frozen=True, slots=True)
class AiOptions:
    """What the AI pass may look at beyond the review band, and what it may cost (US dollars).

    A match whose lead over the second best is below `min_margin` is looked at too. `max_share`
    bounds the share of the run's documents that are looked at, the most uncertain first.
    """

    min_margin: float = 0.03
    max_cost_usd: float | None = None
    max_share: float | None = None


@dataclass(frozen=True, slots=True)
class RunTarget:
    """Which documents a run takes when it names none; unused keys are None."""

    type: TargetType = TargetType.RUN
    collection: str | None = None
    field: str | None = None
    equals: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingRules:
    """The part of a config that decides a run's answer; frozen with the run when it starts.

    Weights sum to 1. A confidence of at least `threshold` is a match; one from
    `review_threshold` up to it lies in the review band.
    """

    field_mappings: tuple[FieldMapping, ...]
    threshold: float = 0.85
    review_threshold: float = 0.5
    missing: MissingPolicy = MissingPolicy.LENIENT
    ai: AiOptions = field(default_factory=AiOptions)


@dataclass(frozen=True, slots=True)
class MatchingConfig:
    """A stored config; each change makes a new `version`, which counts from the next run on."""

    id: ConfigId
    workspace_id: WorkspaceId
    name: str
    reference_data_id: ReferenceDataId
    rules: MatchingRules
    target: RunTarget
    version: int
    created_at: datetime
    updated_at: datetime


def normalize_weights(mappings: Sequence[FieldMapping]) -> tuple[FieldMapping, ...]:
    """Return the mappings with weights divided by their sum, which must be above 0.

    Weights that sum to 1 already, up to rounding, stay as they are: normalising twice is once.
    """
    total = math.fsum(mapping.weight for mapping in mappings)
    if math.isclose(total, 1.0, rel_tol=ROUNDING):
        return tuple(mappings)
    return tuple(replace(mapping, weight=mapping.weight / total) for mapping in mappings)


def needs_number(mapping: FieldMapping) -> bool:
    """Whether a value that reads as no date or number is as good as missing to the mapping."""
    return isinstance(mapping, DateRangeMapping | NumericRangeMapping)


def evidence_keys(mappings: Sequence[FieldMapping]) -> tuple[str, ...]:
    """Name each mapping's evidence: its source, or `source→target` where a source recurs.

    So is a source named `ai`, since that key is the AI pass's. The same pair mapped again gets a
    number: `source→target#2`.
    """
    uses = Counter(mapping.source for mapping in mappings)
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for mapping in mappings:
        pair = (mapping.source, mapping.target)
        seen[pair] += 1
        if uses[mapping.source] == 1 and mapping.source != AI_EVIDENCE:
            keys.append(mapping.source)
        elif seen[pair] == 1:
            keys.append(f"{mapping.source}→{mapping.target}")
        else:
            keys.append(f"{mapping.source}→{mapping.target}#{seen[pair]}")
    return tuple(keys)
