"""What do the routes of matching configs promise?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, JsonValue

from service.api import configs
from service.api.config_body import ConfigBody
from service.api.contract.models import Count, Deleted, Page, Share, example
from service.api.contract.operation import JSON, Body, Operation, json_reply, list_query
from service.api.routes import Handler
from service.domain.configs import MissingPolicy, Scorer, TargetType

TAG = "Matching configs"
_ID = "01934f30-17b2-7a58-8f0e-6f1f3f0c2a11"
_REFERENCE_ID = "01934f2e-8a4c-7c1e-9b3d-2f6a5c8e1d70"


class ExactMapping(BaseModel):
    """Compares for equality after folding case, accents, spaces and punctuation."""

    source: str
    target: str
    weight: Share
    strategy: Literal["exact"]
    case_sensitive: bool
    verbatim: bool
    near: bool


class FuzzyMapping(BaseModel):
    """Compares by the similarity of normalised text."""

    source: str
    target: str
    weight: Share
    strategy: Literal["fuzzy"]
    scorer: Scorer
    min_score: Share


class DateRangeMapping(BaseModel):
    """Compares dates within a tolerance."""

    source: str
    target: str
    weight: Share
    strategy: Literal["date_range"]
    tolerance_days: float
    day_first: bool
    flat: bool


class NumericRangeMapping(BaseModel):
    """Compares numbers within a tolerance; of the two tolerances one is null."""

    source: str
    target: str
    weight: Share
    strategy: Literal["numeric_range"]
    tolerance_percent: float | None
    tolerance_absolute: float | None
    flat: bool


AnyMapping = Annotated[
    ExactMapping | FuzzyMapping | DateRangeMapping | NumericRangeMapping,
    Field(discriminator="strategy"),
]


class AiOptions(BaseModel):
    """What the AI pass may look at and cost."""

    min_margin: Share = Field(
        description="Matches whose lead over the second best is smaller are looked at, too."
    )
    max_cost_usd: float | None = Field(
        description="The pass stops before a run could cost more, in US dollars; null: no limit."
    )
    max_share: Share | None = Field(
        description="Of the run's documents no larger share is looked at, the most uncertain "
        "first; null: no limit."
    )


class ConfigLinks(BaseModel):
    """Where a config and its runs are."""

    self: str
    runs: str


class Config(BaseModel):
    """Which field compares to which column, how, and with which weight; all options are said."""

    model_config = example(
        {
            "id": _ID,
            "name": "Vendor invoice match",
            "reference_data_id": _REFERENCE_ID,
            "field_mappings": [
                {
                    "source": "vendor_name",
                    "target": "name",
                    "weight": 0.6,
                    "strategy": "fuzzy",
                    "scorer": "idf",
                    "min_score": 0.0,
                },
                {
                    "source": "amount",
                    "target": "total",
                    "weight": 0.4,
                    "strategy": "numeric_range",
                    "tolerance_percent": 2.0,
                    "tolerance_absolute": None,
                    "flat": False,
                },
            ],
            "threshold": 0.85,
            "review_threshold": 0.5,
            "missing": "lenient",
            "ai": {"min_margin": 0.03, "max_cost_usd": None, "max_share": None},
            "target_type": "run",
            "target_value": {},
            "version": 1,
            "created_at": "2026-03-02T09:17:00.000Z",
            "updated_at": "2026-03-02T09:17:00.000Z",
            "links": {
                "self": f"/v1/matching/configs/{_ID}",
                "runs": f"/v1/matching/runs?config_id={_ID}",
            },
        }
    )

    id: UUID
    name: str
    reference_data_id: UUID
    field_mappings: list[AnyMapping] = Field(description="With weights that add up to 1.")
    threshold: Share = Field(description="The least confidence that counts as a match.")
    review_threshold: Share = Field(description="Where the review band begins.")
    missing: MissingPolicy
    ai: AiOptions
    target_type: TargetType
    target_value: dict[str, JsonValue]
    version: Count = Field(description="Rises with every change.")
    created_at: datetime
    updated_at: datetime
    links: ConfigLinks


class ConfigPage(Page[Config]):
    """A part of the list of configs."""


OPERATIONS: Mapping[Handler, Operation] = {
    configs.create: Operation(
        id="create_config",
        tag=TAG,
        summary="Make a matching config",
        description="Every `target` must be a column of the reference data. Weights are "
        "normalised to add up to 1. In mappings the keys `extracted_field`, `reference_column` "
        "and `match_type` are read as `source`, `target` and `strategy`.",
        body=Body({JSON: ConfigBody}),
        replies={201: json_reply("The config.", Config, "Location", "ETag")},
        errors=("not_found", "conflict"),
    ),
    configs.list_all: Operation(
        id="list_configs",
        tag=TAG,
        summary="List matching configs",
        query=list_query(configs.LISTING),
        headers=("If-None-Match",),
        replies={200: json_reply("A page, oldest first.", ConfigPage, "ETag", "Link")},
    ),
    configs.read: Operation(
        id="get_config",
        tag=TAG,
        summary="Show a matching config",
        headers=("If-None-Match",),
        replies={200: json_reply("The config.", Config, "ETag")},
    ),
    configs.change: Operation(
        id="update_config",
        tag=TAG,
        summary="Change a matching config",
        description="What the body does not say stays. Counts from the next run on: a run keeps "
        "the config it began with. `reference_data_id` cannot change.",
        body=Body({JSON: ConfigBody}, is_partial=True, example={"threshold": 0.9}),
        headers=("If-Match",),
        replies={200: json_reply("The config as it is now.", Config, "ETag")},
        errors=("conflict",),
    ),
    configs.delete: Operation(
        id="delete_config",
        tag=TAG,
        summary="Delete a matching config",
        description="Its past runs stay.",
        headers=("If-Match",),
        replies={200: json_reply("It is gone.", Deleted)},
    ),
}
