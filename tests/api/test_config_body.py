"""Is every wrong config refused at its place, with a sentence that helps?"""

import difflib
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from service.api import config_body, mapping_body, wire
from service.domain import names
from service.domain.configs import FuzzyMapping
from service.domain.errors import InvalidInputError, Problem
from service.domain.identifiers import new_id
from service.domain.reference import Column, ColumnType
from tests.api.conftest import FUZZY

EXACT = {"source": "number", "target": "name", "strategy": "exact", "weight": 1}
DATE = {"source": "day", "target": "date", "strategy": "date_range", "weight": 1}
NUMBER = {"source": "amount", "target": "total", "strategy": "numeric_range", "weight": 1}


def body(**changes: Any) -> dict[str, Any]:
    required = {
        "name": "Invoices",
        "reference_data_id": str(new_id()),
        "field_mappings": [FUZZY],
    }
    return {**required, **changes}


def refuse(sent: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInputError) as caught:
        config_body.read_new(sent)
    assert str(caught.value).startswith(caught.value.problems[0].message)
    return caught.value.problems


REFUSED_CHANGES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"name": ""}, "/name", "invalid_value", "at least 1 character"),
    ({"name": "  "}, "/name", "invalid_value", "not be blank"),
    ({"name": "x" * 201}, "/name", "invalid_value", "at most 200"),
    ({"name": 5}, "/name", "wrong_type", "must be a text"),
    ({"name": None}, "/name", "wrong_type", "must be a text"),
    ({"nmae": "x"}, "/nmae", "unknown_key", "Did you mean `name`?"),
    ({"a/b~c": 1}, "/a~1b~0c", "unknown_key", "Known are `name`"),
    ({"id": "x"}, "/id", "unknown_key", "set by the service"),
    ({"reference_data_id": "x"}, "/reference_data_id", "invalid_value", "valid UUID"),
    ({"field_mappings": []}, "/field_mappings", "invalid_value", "at least 1 item"),
    ({"field_mappings": [FUZZY] * 33}, "/field_mappings", "invalid_value", "at most 32 items"),
    ({"field_mappings": FUZZY}, "/field_mappings", "wrong_type", "must be a list"),
    (
        {"field_mappings": [5]},
        "/field_mappings/0",
        "invalid_value",
        "Item 0 of `field_mappings` must be an object.",
    ),
    ({"threshold": 1.01}, "/threshold", "invalid_value", "less than or equal to 1"),
    ({"threshold": -0.1}, "/threshold", "invalid_value", "greater than or equal to 0"),
    ({"threshold": "0.9"}, "/threshold", "wrong_type", "must be a number"),
    ({"threshold": True}, "/threshold", "wrong_type", "must be a number"),
    ({"threshold": None}, "/threshold", "wrong_type", "must be a number"),
    (
        {"threshold": 0.5, "review_threshold": 0.6},
        "/review_threshold",
        "thresholds_crossed",
        "must not be above `threshold` (0.5): set both.",
    ),
    ({"missing": "skip"}, "/missing", "invalid_value", "'lenient', 'ignore' or 'zero'"),
    ({"missing": "zeros"}, "/missing", "invalid_value", "Did you mean `zero`?"),
    ({"ai": {"min_margin": 2}}, "/ai/min_margin", "invalid_value", "less than or equal"),
    ({"ai": {"max_cost_usd": -1}}, "/ai/max_cost_usd", "invalid_value", "greater than"),
    ({"ai": {"margin": 0.1}}, "/ai/margin", "unknown_key", "Did you mean `min_margin`?"),
    ({"ai": True}, "/ai", "wrong_type", "must be an object"),
    ({"target_type": "all"}, "/target_type", "invalid_value", "'run', 'collection'"),
    (
        {"target_type": "collection"},
        "/target_value/collection",
        "required",
        "`collection` is required.",
    ),
    (
        {"target_type": "document_filter", "target_value": {"field": "kind"}},
        "/target_value/equals",
        "required",
        "`equals` is required.",
    ),
    (
        {"target_type": "document_filter", "target_value": {"field": "kind", "equals": 5}},
        "/target_value/equals",
        "wrong_type",
        "must be a text",
    ),
    (
        {"target_value": {"collection": "x"}},
        "/target_value/collection",
        "unknown_key",
        "With target_type `run` the target_value is empty.",
    ),
    ({"target_value": None}, "/target_value", "wrong_type", "must be an object"),
]


@pytest.mark.parametrize(("change", "pointer", "code", "says"), REFUSED_CHANGES)
def test_a_wrong_value_is_refused_at_its_place(
    change: dict[str, Any], pointer: str, code: str, says: str
) -> None:
    problems = refuse(body(**change))
    assert [(problem.pointer, problem.code) for problem in problems] == [(pointer, code)]
    assert says in problems[0].message


def without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


REFUSED_MAPPINGS: list[tuple[dict[str, Any], str, str, str]] = [
    (without(FUZZY, "source"), "source", "required", "`source` is required."),
    (without(FUZZY, "target"), "target", "required", "`target` is required."),
    (without(FUZZY, "weight"), "weight", "required", "`weight` is required."),
    (without(FUZZY, "strategy"), "strategy", "required", "one of `exact`, `fuzzy`"),
    ({**FUZZY, "strategy": "fuzy"}, "strategy", "invalid_value", "Did you mean `fuzzy`?"),
    ({**FUZZY, "strategy": None}, "strategy", "wrong_type", "must be a text"),
    ({**FUZZY, "strategy": ["fuzzy"]}, "strategy", "wrong_type", "must be a text"),
    (
        {**without(FUZZY, "strategy"), "match_type": "fuzy"},
        "match_type",
        "invalid_value",
        "Did you mean `fuzzy`?",
    ),
    ({**FUZZY, "match_type": "fuzzy"}, "match_type", "duplicate_key", "another spelling"),
    ({**FUZZY, "extracted_field": "x"}, "extracted_field", "duplicate_key", "another spelling"),
    ({**FUZZY, "wieght": 1}, "wieght", "unknown_key", "Did you mean `weight`?"),
    ({**FUZZY, "weight": -1}, "weight", "invalid_value", "greater than or equal to 0"),
    ({**FUZZY, "weight": 1e300}, "weight", "invalid_value", "less than or equal to"),
    ({**FUZZY, "weight": 10**400}, "weight", "wrong_type", "must be a number"),
    ({**FUZZY, "weight": "1"}, "weight", "wrong_type", "must be a number"),
    ({**FUZZY, "weight": 0}, "", "weights_all_zero", "At least one `weight`"),
    ({**FUZZY, "source": ""}, "source", "invalid_value", "at least 1 character"),
    ({**FUZZY, "scorer": "wratio"}, "scorer", "invalid_value", "Did you mean `ratio`?"),
    ({**FUZZY, "scorer": "best"}, "scorer", "invalid_value", "'idf', 'ratio'"),
    ({**FUZZY, "scorer": "token_sett"}, "scorer", "invalid_value", "Did you mean `token_set`?"),
    ({**FUZZY, "min_score": 1.5}, "min_score", "invalid_value", "less than or equal to 1"),
    ({**DATE, "tolerance_days": -1}, "tolerance_days", "invalid_value", "greater than"),
    ({**DATE, "flat": 1}, "flat", "wrong_type", "must be true or false"),
    ({**NUMBER, "tolerance_percent": 1e16}, "tolerance_percent", "invalid_value", "less than"),
    (
        {**NUMBER, "tolerance_percent": 1, "tolerance_absolute": 1},
        "tolerance_absolute",
        "two_tolerances",
        "not both",
    ),
    ({**EXACT, "near": "yes"}, "near", "wrong_type", "must be true or false"),
]


@pytest.mark.parametrize(("mapping", "key", "code", "says"), REFUSED_MAPPINGS)
def test_a_wrong_mapping_is_refused_at_its_place(
    mapping: dict[str, Any], key: str, code: str, says: str
) -> None:
    problems = refuse(body(field_mappings=[mapping]))
    pointer = f"/field_mappings/0/{key}" if key else "/field_mappings"
    assert [(problem.pointer, problem.code) for problem in problems] == [(pointer, code)]
    assert says in problems[0].message


@pytest.mark.parametrize("mapping", [EXACT, FUZZY, DATE, NUMBER], ids=lambda each: each["strategy"])
def test_an_option_of_another_strategy_is_refused_by_name(mapping: dict[str, Any]) -> None:
    foreign = {
        option: strategies
        for option, strategies in mapping_body.STRATEGIES_BY_OPTION.items()
        if mapping["strategy"] not in strategies
    }
    sent = body(field_mappings=[{**mapping, **dict.fromkeys(foreign, 1)}])
    problems = refuse(sent)
    assert {problem.pointer for problem in problems} == {
        f"/field_mappings/0/{option}" for option in foreign
    }
    for problem in problems:
        option = str(problem.pointer).rsplit("/", 1)[1]
        assert f"The key `{option}` is not known here. It is an option of" in problem.message
        assert all(f"`{strategy}`" in problem.message for strategy in foreign[option])


def test_the_table_of_options_is_that_of_the_bodies() -> None:
    common = set(mapping_body.MappingBody.model_fields) | {"strategy"}
    for strategy, body in mapping_body.BODIES.items():
        listed = {
            option
            for option, strategies in mapping_body.STRATEGIES_BY_OPTION.items()
            if strategy in strategies
        }
        assert set(body.model_fields) - common == listed


def test_all_problems_of_a_body_are_told_at_once() -> None:
    sent = body(
        name="", threshold=2, field_mappings=[{**FUZZY, "weight": -1}, {**DATE, "weight": "x"}]
    )
    pointers = [problem.pointer for problem in refuse(sent)]
    assert pointers == [
        "/name",
        "/field_mappings/0/weight",
        "/field_mappings/1/weight",
        "/threshold",
    ]


def test_two_evidences_of_one_name_are_refused() -> None:
    mappings = [FUZZY, {**FUZZY, "target": "date"}, {**FUZZY, "source": "vendor→name"}]
    problems = refuse(body(field_mappings=mappings))
    assert [problem.code for problem in problems] == ["ambiguous_evidence"]


def test_absurd_bodies_get_answers_of_a_bounded_size() -> None:
    sent = body(**{f"key {index} {'x' * 1000}": index for index in range(1000)})
    problems = refuse(sent)
    assert len(problems) == wire.MAX_UNKNOWN_KEYS
    assert all(len(problem.message) < 500 for problem in problems)


def test_only_the_first_unknown_keys_come_with_a_suggestion() -> None:
    problems = refuse(body(**{f"threshol{letter}": 1 for letter in "abcefghi"}))
    assert len(problems) == 8
    suggested = ["Did you mean `threshold`?" in problem.message for problem in problems]
    assert suggested == [True] * wire.MAX_SUGGESTIONS + [False] * 5


def test_many_wrong_targets_of_many_columns_are_answered_in_little_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = 0

    class Counting(difflib.SequenceMatcher[str]):
        def set_seq1(self, a: Sequence[str]) -> None:  # type: ignore[explicit-override] # from 3.12
            nonlocal compared
            compared += 1
            super().set_seq1(a)

    monkeypatch.setattr(difflib, "SequenceMatcher", Counting)
    chance = random.Random(1)

    def name(length: int) -> str:
        return "".join(chance.choices("ab", k=length))

    for length in (50, 80):
        columns = [Column(name(length), ColumnType.STRING) for _ in range(1000)]
        mappings = [FuzzyMapping(source="vendor", target=name(length), weight=1) for _ in range(32)]
        with pytest.raises(InvalidInputError) as caught:
            config_body.check_targets(mappings, columns)
        problems = caught.value.problems
        assert [problem.pointer for problem in problems] == [
            f"/field_mappings/{place}/target" for place in range(32)
        ]
        assert "… and 970 more" in problems[0].message
        assert sum(len(problem.message) for problem in problems) < 20_000
    # Twice: SequenceMatcher takes a first text when it is made.
    assert compared <= 2 * wire.MAX_SUGGESTIONS * (names.MAX_COMPARED + 1)


@pytest.mark.parametrize("depth", [50, 250, 900])
@pytest.mark.parametrize(
    "change",
    [
        '"name": DEEP',
        '"field_mappings": DEEP',
        '"field_mappings": [{"strategy": DEEP}]',
        '"target_type": "collection", "target_value": {"collection": DEEP}',
        '"ai": DEEP',
    ],
)
def test_a_deeply_nested_value_is_refused_like_any_other(change: str, depth: int) -> None:
    deep = change.replace("DEEP", "[" * depth + "]" * depth)
    sent = json.loads("{" + deep + "}")
    assert all(len(problem.message) < 500 for problem in refuse(body(**sent)))
