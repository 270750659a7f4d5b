"""Do matching configs come back whole, and only over reference data that is there?"""

from typing import Any
from uuid import UUID

import pytest

from service.domain.identifiers import new_id
from tests.api.conftest import CONFIGS, FUZZY, LIMITS, Configs, insert_reference_data

EXACT = {"source": "number", "target": "name", "strategy": "exact", "weight": 1}
DATE = {"source": "day", "target": "date", "strategy": "date_range", "weight": 1}
NUMBER = {"source": "amount", "target": "total", "strategy": "numeric_range", "weight": 1}

SAMPLE_MAPPINGS = [
    {"source": "vendor_name", "target": "name", "strategy": "fuzzy", "weight": 0.4},
    {
        "source": "invoice_date",
        "target": "date",
        "strategy": "date_range",
        "weight": 0.3,
        "tolerance_days": 7,
    },
    {
        "source": "amount",
        "target": "total",
        "strategy": "numeric_range",
        "weight": 0.3,
        "tolerance_percent": 2,
    },
]


async def test_the_documented_body_comes_back_whole(configs: Configs) -> None:
    reply = await configs.api.client.post(
        CONFIGS,
        json=configs.body(
            field_mappings=SAMPLE_MAPPINGS,
            threshold=0.85,
            review_threshold=0.5,
            missing="ignore",
            ai={"min_margin": 0.03, "max_cost_usd": None},
            target_type="run",
            target_value={},
        ),
    )
    made = reply.json()
    path = f"{CONFIGS}/{made['id']}"
    assert (reply.status_code, reply.headers["location"]) == (201, path)
    assert reply.headers["etag"] == '"1"'
    assert made["created_at"] == made["updated_at"]
    assert made["created_at"].endswith("Z")
    assert UUID(made["id"]).version == 7
    assert (await configs.api.client.get(path)).json() == made
    for name in ("id", "created_at", "updated_at"):
        del made[name]
    assert made == {
        "name": "Invoices",
        "reference_data_id": str(configs.reference_data_id),
        "field_mappings": [
            {**SAMPLE_MAPPINGS[0], "scorer": "idf", "min_score": 0.0},
            {**SAMPLE_MAPPINGS[1], "day_first": True, "flat": False},
            {**SAMPLE_MAPPINGS[2], "tolerance_absolute": None, "flat": False},
        ],
        "threshold": 0.85,
        "review_threshold": 0.5,
        "missing": "ignore",
        "ai": {"min_margin": 0.03, "max_cost_usd": None, "max_share": None},
        "target_type": "run",
        "target_value": {},
        "version": 1,
        "links": {"self": path, "runs": f"/v1/matching/runs?config_id={path[-36:]}"},
    }


async def test_defaults_are_written_out(configs: Configs) -> None:
    made = await configs.make(field_mappings=[EXACT, FUZZY, DATE, NUMBER])
    exact, fuzzy, date, number = made["field_mappings"]
    assert {key: exact[key] for key in ("case_sensitive", "verbatim", "near")} == {
        "case_sensitive": False,
        "verbatim": False,
        "near": True,
    }
    assert (fuzzy["scorer"], fuzzy["min_score"]) == ("idf", 0.0)
    assert (date["tolerance_days"], date["day_first"], date["flat"]) == (7.0, True, False)
    assert (number["tolerance_percent"], number["tolerance_absolute"]) == (5.0, None)
    assert (made["threshold"], made["review_threshold"]) == (0.85, 0.5)
    assert (made["missing"], made["target_type"], made["target_value"]) == ("lenient", "run", {})
    assert made["ai"] == {"min_margin": 0.03, "max_cost_usd": None, "max_share": None}


async def test_other_spellings_are_read_and_ours_are_written(configs: Configs) -> None:
    spelled = {
        "extracted_field": "vendor",
        "reference_column": "name",
        "match_type": "fuzzy",
        "weight": 3,
    }
    made = await configs.make(field_mappings=[spelled, DATE])
    assert made["field_mappings"][0] == {
        **FUZZY,
        "weight": 0.75,
        "scorer": "idf",
        "min_score": 0.0,
    }


@pytest.mark.parametrize(
    ("weights", "normalised"),
    [([1], [1.0]), ([2, 6], [0.25, 0.75]), ([0, 5], [0.0, 1.0]), ([0.5, 0.5], [0.5, 0.5])],
)
async def test_weights_are_written_normalised(
    configs: Configs, weights: list[float], normalised: list[float]
) -> None:
    mappings = [
        {**FUZZY, "source": f"field {index}", "weight": weight}
        for index, weight in enumerate(weights)
    ]
    made = await configs.make(field_mappings=mappings)
    assert [mapping["weight"] for mapping in made["field_mappings"]] == normalised


@pytest.mark.parametrize("scorer", ["token_sort", "token_set", "idf", "ratio", "jaro_winkler"])
async def test_each_scorer_is_taken(configs: Configs, scorer: str) -> None:
    made = await configs.make(field_mappings=[{**FUZZY, "scorer": scorer}])
    assert made["field_mappings"][0]["scorer"] == scorer


async def test_an_absolute_tolerance_stands_alone(configs: Configs) -> None:
    made = await configs.make(field_mappings=[{**NUMBER, "tolerance_absolute": 0}])
    mapping = made["field_mappings"][0]
    assert (mapping["tolerance_absolute"], mapping["tolerance_percent"]) == (0.0, None)
    again = await configs.make(field_mappings=made["field_mappings"])
    assert again["field_mappings"] == made["field_mappings"]


@pytest.mark.parametrize(
    "target",
    [
        {"target_type": "collection", "target_value": {"collection": "2024"}},
        {"target_type": "document_filter", "target_value": {"field": "kind", "equals": ""}},
    ],
)
async def test_each_target_comes_back(configs: Configs, target: dict[str, Any]) -> None:
    made = await configs.make(**target)
    assert {key: made[key] for key in target} == target


async def test_a_low_threshold_takes_the_default_review_threshold_along(configs: Configs) -> None:
    made = await configs.make(threshold=0.3)
    assert (made["threshold"], made["review_threshold"]) == (0.3, 0.3)


async def test_an_unknown_column_is_told_with_the_nearest_and_all_columns(
    configs: Configs,
) -> None:
    mappings = [FUZZY, DATE, {**NUMBER, "target": "totl"}, {**EXACT, "target": "zzz"}]
    near, far = await configs.refuse(configs.body(field_mappings=mappings))
    assert (near["pointer"], near["code"]) == ("/field_mappings/2/target", "unknown_column")
    assert "Did you mean `total`?" in near["message"]
    assert far["pointer"] == "/field_mappings/3/target"
    for problem in (near, far):
        assert "`name`, `date`, `total`" in problem["message"]


async def test_missing_reference_data_is_named(configs: Configs) -> None:
    missing = str(new_id())
    body = configs.body(reference_data_id=missing)
    reply = await configs.api.client.post(CONFIGS, json=body)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert missing in reply.json()["detail"]


async def test_reference_data_of_another_workspace_is_not_there(configs: Configs) -> None:
    other = await configs.api.other_workspace()
    async with configs.api.database.connection() as connection:
        foreign = await insert_reference_data(connection, other)
    body = configs.body(reference_data_id=str(foreign))
    reply = await configs.api.client.post(CONFIGS, json=body)
    assert reply.status_code == 404


async def test_reference_data_that_is_not_ready_is_a_conflict(configs: Configs) -> None:
    async with configs.api.database.connection() as connection:
        unready = await insert_reference_data(
            connection, configs.api.workspace_id, status="importing"
        )
    body = configs.body(reference_data_id=str(unready))
    reply = await configs.api.client.post(CONFIGS, json=body)
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")


async def test_a_body_that_is_too_large_is_refused(configs: Configs) -> None:
    reply = await configs.api.client.post(CONFIGS, json={"name": "x" * LIMITS.json_bytes})
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")
    assert "100,000 bytes" in reply.json()["detail"]
