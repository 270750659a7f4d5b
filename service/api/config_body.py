"""How does a matching config look as JSON, coming in and going out?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, TypeAlias
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema, model_validator

from service.api import mapping_body
from service.api.mapping_body import AnyMappingBody, Name, Share
from service.api.wire import (
    MAX_SUGGESTIONS,
    WireModel,
    invalid,
    listed,
    misplaced,
    parse,
    shown,
)
from service.domain import representation
from service.domain.configs import (
    MAX_MAPPINGS,
    AiOptions,
    FieldMapping,
    MatchingConfig,
    MatchingRules,
    MissingPolicy,
    RunTarget,
    TargetType,
    evidence_keys,
    normalize_weights,
)
from service.domain.errors import Problem
from service.domain.identifiers import ReferenceDataId
from service.domain.names import nearest
from service.domain.reference import Column
from service.domain.representation import Json

DEFAULT_THRESHOLD = 0.85
DEFAULT_REVIEW_THRESHOLD = 0.5
LONGEST_FILTER_VALUE = 10_000

# What of it has to be there depends on `target_type`, and is checked by TARGET_BODIES.
AnyTargetValue: TypeAlias = Annotated[
    dict[str, JsonValue],
    WithJsonSchema(
        {
            "type": "object",
            "description": "`collection`, or `field` and `equals`, as `target_type` wants it.",
            "properties": {name: {"type": "string"} for name in ("collection", "field", "equals")},
            "additionalProperties": False,
        }
    ),
]

_SET_BY_THE_SERVICE = ("id", "created_at", "updated_at", "version", "links")
_EXAMPLE: dict[str, JsonValue] = {
    "name": "Vendor invoices",
    "reference_data_id": "01934f2e-8a4c-7c1e-9b3d-2f6a5c8e1d70",
    "field_mappings": [
        {"source": "vendor_name", "target": "name", "strategy": "fuzzy", "weight": 0.6},
        {
            "source": "amount",
            "target": "total",
            "strategy": "numeric_range",
            "weight": 0.4,
            "tolerance_percent": 2,
        },
    ],
    "threshold": 0.85,
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a client says about a config."""

    name: str
    reference_data_id: ReferenceDataId
    rules: MatchingRules
    target: RunTarget


class AiBody(WireModel):
    """What the AI pass may look at and cost."""

    min_margin: Share = 0.03
    max_cost_usd: Annotated[float, Field(ge=0, le=1e9)] | None = None
    max_share: Share | None = None


class ConfigBody(WireModel):
    """The body of a new config, and of a changed one together with what it had before."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    reference_data_id: UUID = Field(strict=False)
    field_mappings: list[AnyMappingBody] = Field(min_length=1, max_length=MAX_MAPPINGS)
    threshold: Share = DEFAULT_THRESHOLD
    review_threshold: Share | None = None
    missing: MissingPolicy = Field(default=MissingPolicy.LENIENT, strict=False)
    ai: AiBody = AiBody()
    target_type: TargetType = Field(default=TargetType.RUN, strict=False)
    target_value: AnyTargetValue = Field(default_factory=dict)

    key_hints: ClassVar[Mapping[str, str]] = dict.fromkeys(
        _SET_BY_THE_SERVICE, "It is set by the service: leave it out."
    )

    @model_validator(mode="after")
    def check_weights(self) -> "ConfigBody":
        """Without any weight nothing could be decided; two evidences cannot have one name."""
        if not any(body.weight > 0 for body in self.field_mappings):
            message = "At least one `weight` must be above 0."
            raise misplaced("weights_all_zero", message, "field_mappings")
        keys = evidence_keys([body.mapping() for body in self.field_mappings])
        if len(set(keys)) < len(keys):
            message = "Two of the `field_mappings` would have the same name in the evidence."
            raise misplaced("ambiguous_evidence", message, "field_mappings")
        return self

    @model_validator(mode="after")
    def check_thresholds(self) -> "ConfigBody":
        """The review band ends where matches begin."""
        if self.review_threshold is not None and self.review_threshold > self.threshold:
            message = (
                f"`review_threshold` ({self.review_threshold:g}) must not be above "
                f"`threshold` ({self.threshold:g}): set both."
            )
            raise misplaced("thresholds_crossed", message, "review_threshold")
        return self


class RunTargetBody(WireModel):
    """`target_value` of `run`: nothing."""

    key_hints: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("collection", "field", "equals"), "With target_type `run` the target_value is empty."
    )

    def target(self) -> RunTarget:
        """Return the domain's value."""
        return RunTarget()


class CollectionTargetBody(WireModel):
    """`target_value` of `collection`."""

    collection: Name

    def target(self) -> RunTarget:
        """Return the domain's value."""
        return RunTarget(TargetType.COLLECTION, collection=self.collection)


class FilterTargetBody(WireModel):
    """`target_value` of `document_filter`."""

    field: Name
    equals: str = Field(max_length=LONGEST_FILTER_VALUE)

    def target(self) -> RunTarget:
        """Return the domain's value."""
        return RunTarget(TargetType.DOCUMENT_FILTER, field=self.field, equals=self.equals)


AnyTargetBody: TypeAlias = RunTargetBody | CollectionTargetBody | FilterTargetBody

TARGET_BODIES: Mapping[TargetType, type[AnyTargetBody]] = {
    TargetType.RUN: RunTargetBody,
    TargetType.COLLECTION: CollectionTargetBody,
    TargetType.DOCUMENT_FILTER: FilterTargetBody,
}


def read_new(body: Json) -> Contents:
    """Read the body of a new config; raises InvalidInputError."""
    return _contents(parse(ConfigBody, body))


def read_change(stored: MatchingConfig, body: Json) -> Contents:
    """Read a partial body: what it does not say stays; raises InvalidInputError.

    Mappings that are not sent stay to the last bit, as weights divided once more might not.
    """
    if not isinstance(body, dict):
        raise invalid((Problem("wrong_type", "The body must be an object.", ""),))
    before = _write_contents(stored)
    merged = {**before, **body}
    if isinstance(body.get("ai"), dict):
        merged["ai"] = {**_object(before["ai"]), **_object(body["ai"])}
    if body.get("target_type", before["target_type"]) != before["target_type"]:
        merged["target_value"] = body.get("target_value", {})
    contents = _contents(parse(ConfigBody, merged))
    if contents.reference_data_id != stored.reference_data_id:
        message = "`reference_data_id` cannot change: make a new config for other reference data."
        raise invalid((Problem("immutable", message, "/reference_data_id"),))
    if "field_mappings" in body:
        return contents
    kept = replace(contents.rules, field_mappings=stored.rules.field_mappings)
    return replace(contents, rules=kept)


def check_targets(mappings: Sequence[FieldMapping], columns: Sequence[Column]) -> None:
    """Raise InvalidInputError for each target that is no column of the reference data.

    The first problems come with the columns that there are.
    """
    names = [column.name for column in columns]
    unknown = [
        (place, mapping.target)
        for place, mapping in enumerate(mappings)
        if mapping.target not in names
    ]
    if unknown:
        hints = [_columns_hint(target, names) for _, target in unknown[:MAX_SUGGESTIONS]]
        hints += [""] * (len(unknown) - len(hints))
        raise invalid(
            tuple(
                Problem(
                    "unknown_column",
                    f"The reference data has no column {shown(target)}.{hint}",
                    f"/field_mappings/{place}/target",
                )
                for (place, target), hint in zip(unknown, hints, strict=True)
            )
        )


def write(config: MatchingConfig) -> dict[str, Json]:
    """Write a config as a resource."""
    path = f"/v1/matching/configs/{config.id}"
    return {
        "id": str(config.id),
        **_write_contents(config),
        "version": config.version,
        "created_at": representation.timestamp(config.created_at),
        "updated_at": representation.timestamp(config.updated_at),
        "links": {"self": path, "runs": f"/v1/matching/runs?config_id={config.id}"},
    }


def _contents(body: ConfigBody) -> Contents:
    target = parse(TARGET_BODIES[body.target_type], body.target_value, at="/target_value")
    review_threshold = body.review_threshold
    if review_threshold is None:
        review_threshold = min(DEFAULT_REVIEW_THRESHOLD, body.threshold)
    rules = MatchingRules(
        field_mappings=normalize_weights([each.mapping() for each in body.field_mappings]),
        threshold=body.threshold,
        review_threshold=review_threshold,
        missing=body.missing,
        ai=AiOptions(**body.ai.model_dump()),
    )
    return Contents(body.name, ReferenceDataId(body.reference_data_id), rules, target.target())


def _write_contents(config: MatchingConfig) -> dict[str, Json]:
    rules = config.rules
    return {
        "name": config.name,
        "reference_data_id": str(config.reference_data_id),
        "field_mappings": [mapping_body.write(mapping) for mapping in rules.field_mappings],
        "threshold": rules.threshold,
        "review_threshold": rules.review_threshold,
        "missing": rules.missing.value,
        "ai": {
            "min_margin": rules.ai.min_margin,
            "max_cost_usd": rules.ai.max_cost_usd,
            "max_share": rules.ai.max_share,
        },
        "target_type": config.target.type.value,
        "target_value": _write_target(config.target),
    }


def _write_target(target: RunTarget) -> dict[str, Json]:
    named = {"collection": target.collection, "field": target.field, "equals": target.equals}
    return {name: value for name, value in named.items() if value is not None}


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _columns_hint(target: str, names: Sequence[str]) -> str:
    near = nearest(target, names)
    question = "" if near is None else f" Did you mean `{near}`?"
    return f"{question} Its columns are {listed(names)}."
