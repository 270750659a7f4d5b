"""Is the search brute force bit by bit, whatever it passes over?

The kernel's bodies cannot be traced, so laws hold it instead: small odd tables drawn by hypothesis,
and larger ones of near-duplicates, where bounds decide what is passed over.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    MatchingRules,
    MissingPolicy,
    NumericRangeMapping,
    Scorer,
    normalize_weights,
)
from service.domain.documents import FieldValue
from service.domain.identifiers import ReferenceRowId
from service.matching import bruteforce
from service.matching.batch import compile_documents
from service.matching.compiled import LONGEST_TEXT, check_memory, load_kernel
from service.matching.index import ReferenceIndex, build
from service.matching.search import search
from tests.data import tasks
from tests.data.tasks import Task
from tests.unit.matching.test_bruteforce import DOCUMENTS, FIELDS, ROWS, rule_sets

Row = Mapping[str, str | None]
Pairs = frozenset[tuple[int, int]]
NONE: Pairs = frozenset()


def build_index(rules: MatchingRules, rows: Sequence[Row]) -> ReferenceIndex:
    names = list(rows[0]) if rows else list(FIELDS)
    columns = {name: [row[name] for row in rows] for name in names}
    return build(rules, [ReferenceRowId(str(row)) for row in range(len(rows))], columns)


def assert_same(
    index: ReferenceIndex,
    rules: MatchingRules,
    documents: Sequence[Mapping[str, FieldValue]],
    exclusions: Pairs = NONE,
) -> None:
    batch = compile_documents(index, rules, documents)
    expected = bruteforce.search(index, rules, batch, exclusions)
    found = search(index, rules, batch, exclusions)
    np.testing.assert_array_equal(found.positions, expected.positions)
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.field_scores, expected.field_scores)


def test_there_is_a_kernel_to_test() -> None:
    assert load_kernel() is not None
    assert load_kernel("service.matching._no_such_kernel") is None


@settings(max_examples=300)
@given(
    rule_sets(), ROWS, DOCUMENTS, st.frozensets(st.tuples(st.integers(0, 4), st.integers(0, 11)))
)
def test_small_odd_tables(
    rules: MatchingRules,
    rows: list[dict[str, str | None]],
    documents: list[dict[str, FieldValue]],
    pairs: Pairs,
) -> None:
    exclusions = frozenset((d, r) for d, r in pairs if d < len(documents) and r < len(rows))
    assert_same(build_index(rules, rows), rules, documents, exclusions)


class Drawn:
    """Tables of near-duplicates, and rules for them, from a seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        letters = self.draw.choice(["abcde", "abcdefghijklmnopqrstuvwxyz", "äöüßéñ東京大阪aeiou"])
        self.words = [
            "".join(self.draw.choices(letters, k=self.draw.randint(1, 9)))
            for _ in range(self.draw.choice([12, 60, 300]))
        ]
        self.names = [self.name() for _ in range(self.draw.choice([5, 80, 600]))]
        self.span = self.draw.choice([30, 1_000, 100_000])

    def name(self) -> str:
        return " ".join(self.draw.choices(self.words, k=self.draw.choice([1, 2, 3, 3, 4, 15])))

    def noisy(self, text: str) -> str:
        """Return the text, often with a typo or two."""
        symbols = list(text)
        for _ in range(self.draw.choice([0, 0, 1, 2])):
            place = self.draw.randrange(len(symbols) + 1)
            symbols[place : place + self.draw.randint(0, 2)] = self.draw.choice(["", "x", "e "])
        return "".join(symbols)

    def row(self) -> dict[str, str | None]:
        """Return values of every kind, some of them missing."""
        number = self.draw.randrange(self.span)
        values: dict[str, str | None] = {
            "name": self.noisy(self.draw.choice(self.names)),
            "text": self.noisy(self.name()),
            "identifier": self.noisy(f"PO-2024-{number % 5_000:05}"),
            "plain": str(number % 700),
            "amount": f"{self.draw.choice([-1, 1, 1, 1]) * number / 7:.2f}",
            "date": f"2024-{1 + number % 12:02}-{1 + number % 28:02}",
            "group": self.draw.choice("ABCD"),
        }
        return {key: self.draw.choice([value] * 9 + [None]) for key, value in values.items()}

    def mapping(self) -> FieldMapping:
        weight = self.draw.choice([0.0, 0.05, 0.1, 0.3, 1.0])
        text = self.draw.choice(["name", "text", "group", "identifier"])
        least = self.draw.choice([0.0, 0.0, 0.6, 0.9])
        days = self.draw.choice([0.0, 3.0, 60.0, 400.0])
        flat = self.draw.random() < 0.3
        percent = self.draw.choice([0.0, 0.5, 5.0, 30.0, 50.0, 120.0])
        absolute = self.draw.choice([None, 0.0, 3.0, 1e5])
        dates = DateRangeMapping(
            source="date", target="date", weight=weight, tolerance_days=days, flat=flat
        )
        numbers = NumericRangeMapping(
            source="amount",
            target="amount",
            weight=weight,
            tolerance_percent=percent,
            tolerance_absolute=absolute,
            flat=flat,
        )
        options: list[FieldMapping] = [
            ExactMapping(source=text, target=text, weight=weight),
            ExactMapping(source="identifier", target="identifier", weight=weight, near=True),
            ExactMapping(source="plain", target="plain", weight=weight, near=flat),
            ExactMapping(source="date", target="date", weight=weight),
            ExactMapping(source=text, target=text, weight=weight, verbatim=True),
            *(
                FuzzyMapping(source=text, target=text, weight=weight, scorer=each, min_score=least)
                for each in [*Scorer, Scorer.IDF, Scorer.TOKEN_SORT]
            ),
            dates,
            numbers,
            dates,
            numbers,
        ]
        return self.draw.choice(options)

    def rules(self) -> MatchingRules:
        drawn = [self.mapping() for _ in range(self.draw.randint(1, 8))]
        if not any(mapping.weight for mapping in drawn):
            drawn.append(FuzzyMapping(source="name", target="name", weight=1.0))
        return MatchingRules(
            field_mappings=normalize_weights(drawn), missing=self.draw.choice([*MissingPolicy])
        )


@pytest.mark.parametrize("seed", range(60))
def test_tables_of_near_duplicates(seed: int) -> None:
    drawn = Drawn(seed)
    rows: list[dict[str, str | None]] = [
        drawn.row() for _ in range(drawn.draw.choice([40, 300, 2_500]))
    ]
    documents = [drawn.row() for _ in range(20)]
    documents += [{**drawn.draw.choice(rows), "text": None} for _ in range(10)]
    pairs = drawn.draw.choice([NONE, frozenset((d, r) for d in range(30) for r in range(0, 40, 3))])
    for _ in range(3):
        rules = drawn.rules()
        assert_same(build_index(rules, rows), rules, documents, pairs)


def test_the_same_weights_in_another_run_find_the_same_layout() -> None:
    drawn = Drawn(7)
    rows = [drawn.row() for _ in range(300)]
    rules = drawn.rules()
    index = build_index(rules, rows)
    for weight in (0.1, 0.5, 0.9):
        first, *others = rules.field_mappings
        changed = [replace(first, weight=weight), *others]
        assert_same(index, replace(rules, field_mappings=normalize_weights(changed)), rows[:20])


@pytest.mark.parametrize("length", [63, 64, 65, 128, 129, LONGEST_TEXT, LONGEST_TEXT + 1])
@pytest.mark.parametrize("scorer", [Scorer.RATIO, Scorer.IDF])
def test_texts_of_every_length(length: int, scorer: Scorer) -> None:
    drawn = Drawn(3)
    text = "".join(drawn.draw.choices("abcdefgh", k=length))
    mappings = (
        FuzzyMapping(source="name", target="name", weight=0.6, scorer=scorer),
        ExactMapping(source="name", target="name", weight=0.4, near=True),
    )
    rules = MatchingRules(field_mappings=mappings)
    rows: list[dict[str, str | None]] = [
        {"name": drawn.noisy(text[drawn.draw.randint(0, 3) :])} for _ in range(300)
    ]
    short: list[dict[str, str | None]] = [{"name": drawn.name()} for _ in range(20)]
    documents: list[Mapping[str, FieldValue]] = [{"name": text}, {}]
    documents += [*short[:3], *rows[:3]]
    assert_same(build_index(rules, rows + short), rules, documents)


@pytest.mark.parametrize(
    "mapping",
    [
        FuzzyMapping(source="name", target="name", weight=1.0, scorer=Scorer.RATIO),
        FuzzyMapping(source="name", target="name", weight=1.0, scorer=Scorer.TOKEN_SET),
        ExactMapping(source="name", target="name", weight=1.0, near=True),
    ],
)
def test_more_characters_than_the_kernel_numbers(mapping: FieldMapping) -> None:
    points = [chr(point) for point in range(0x4E00, 0x4E00 + 20_000)]
    points += [chr(point) for point in range(0x20000, 0x20000 + 46_000)]
    texts = ["".join(points[start : start + 100]) for start in range(0, len(points), 100)]
    rows: list[dict[str, str | None]] = [{"name": text} for text in texts]
    rules = MatchingRules(field_mappings=(mapping,))
    index = build_index(rules, rows)
    assert_same(index, rules, [{"name": texts[3][:90]}, {"name": texts[500]}, {"name": "x"}])


@pytest.mark.parametrize("scorer", Scorer)
def test_few_values_that_many_documents_share(scorer: Scorer) -> None:
    drawn = Drawn(13)
    texts = [" ".join(drawn.name() for _ in range(count)) for count in (1, 2, 40, 41, 90)]
    values = [drawn.noisy(text) for text in texts]
    rows: list[dict[str, str | None]] = [
        {"name": drawn.draw.choice([*texts, None]), "identifier": f"A-{row % 90:06}"}
        for row in range(400)
    ]
    documents: list[Mapping[str, FieldValue]] = [
        {"name": drawn.draw.choice(values), "identifier": f"A-{place % 3:05}x"}
        for place in range(40)
    ]
    mappings = (
        FuzzyMapping(source="name", target="name", weight=0.6, scorer=scorer),
        ExactMapping(source="identifier", target="identifier", weight=0.4, near=True),
    )
    rules = MatchingRules(field_mappings=mappings)
    index = build_index(rules, rows)
    assert_same(index, rules, documents)
    assert_same(index, rules, [*documents[:4], {"name": texts[2]}, {"name": "x"}])


def test_several_values_may_have_one_text() -> None:
    rows: list[dict[str, str | None]] = [{"n": text} for text in ("1.5", "15", "1,5", "15.0", "3")]
    rules = MatchingRules(field_mappings=(ExactMapping(source="n", target="n", weight=1.0),))
    index = build_index(rules, rows)
    assert_same(index, rules, [{"n": "15"}])
    assert_same(index, rules, [{"n": "015"}, {"n": 1.5}, {"n": 15}])


def test_many_identifiers_may_share_one_print() -> None:
    draw = random.Random(1)
    texts = sorted({"".join(draw.choices("0oO", k=14)) + "55555" for _ in range(400)})
    rows: list[dict[str, str | None]] = [{"n": text} for text in texts]
    rules = MatchingRules(field_mappings=(ExactMapping(source="n", target="n", weight=1.0),))
    assert_same(build_index(rules, rows), rules, [*rows[:30], {"n": "0" * 14 + "55555"}])


@pytest.mark.parametrize("absolute", [None, 0.0, 5e-324, 1e-308])
def test_numbers_too_small_for_a_width(absolute: float | None) -> None:
    texts = [f"{part}e-308" for part in ("0", "1", "-1", "1.5", "2.2", "2.5", "9", "-30", "300")]
    rows: list[dict[str, str | None]] = [{"n": text} for text in texts]
    numbers = NumericRangeMapping(
        source="n", target="n", weight=1.0, tolerance_percent=0, tolerance_absolute=absolute
    )
    rules = MatchingRules(field_mappings=(numbers,))
    assert_same(build_index(rules, rows), rules, rows)


@pytest.mark.parametrize("result", [None, -1])
def test_memory_that_ran_out_is_said(result: int | None) -> None:
    with pytest.raises(MemoryError, match="not enough memory"):
        check_memory(result)


def test_tables_too_large_for_one_block_are_cut() -> None:
    drawn = Drawn(11)
    rows: list[dict[str, str | None]] = [{"name": f"{drawn.name()} {row}"} for row in range(70_000)]
    mapping = NumericRangeMapping(source="n", target="n", weight=0.5, tolerance_percent=80)
    rules = MatchingRules(
        field_mappings=(mapping, ExactMapping(source="name", target="name", weight=0.5))
    )
    wide = [{**row, "n": str(place)} for place, row in enumerate(rows)]
    assert_same(build_index(rules, wide), rules, wide[:40])


def test_an_index_without_a_layout_is_searched_plainly() -> None:
    drawn = Drawn(5)
    rows = [drawn.row() for _ in range(40)]
    rules = drawn.rules()
    assert_same(replace(build_index(rules, rows), layout={}), rules, rows[:5])


TASKS: dict[str, Task] = {
    "invoices": tasks.load_invoices(),
    "febrl4": tasks.load_febrl4().first_documents(600),
    "dblp_acm": tasks.load_dblp_acm().first_documents(600),
    "restaurants": tasks.load_restaurants(),
    "invoices-10k": tasks.generate_invoices(10_000, 300, seed=21),
    "invoices-10k-hard": tasks.generate_invoices(10_000, 300, seed=22, profile="hard"),
}


@pytest.mark.parametrize("scorer", [Scorer.TOKEN_SORT, Scorer.IDF])
@pytest.mark.parametrize("name", TASKS)
def test_whole_data_sets(name: str, scorer: Scorer) -> None:
    task = TASKS[name]
    mappings = tuple(
        replace(mapping, scorer=scorer) if isinstance(mapping, FuzzyMapping) else mapping
        for mapping in task.rules.field_mappings
    )
    rules = replace(task.rules, field_mappings=mappings)
    index = build(rules, task.row_ids, task.columns)
    assert_same(index, rules, task.documents)


@pytest.mark.parametrize("scorer", [Scorer.TOKEN_SORT, Scorer.IDF])
@pytest.mark.parametrize("weight", [0.3, 0.5, 0.7])
def test_texts_alone(weight: float, scorer: Scorer) -> None:
    task = TASKS["invoices-10k"]
    name = FuzzyMapping(source="vendor_name", target="vendor_name", weight=weight, scorer=scorer)
    text = FuzzyMapping(source="description", target="description", weight=1 - weight)
    rules = MatchingRules(field_mappings=(name, text))
    assert_same(build(rules, task.row_ids, task.columns), rules, task.documents)


def draw_with_few_values(draw: random.Random) -> list[FieldMapping]:
    """Return mappings of a text with many values, of some with few, and maybe of identifiers."""
    scorer = draw.choice([Scorer.TOKEN_SORT, Scorer.TOKEN_SORT, Scorer.IDF])
    least, years = draw.choice([0.0, 0.0, 0.7]), draw.choice([1.0, 3.0])
    name = FuzzyMapping(source="name", target="name", weight=0.5, scorer=scorer, min_score=least)
    few: list[FieldMapping] = [
        FuzzyMapping(source="kind", target="kind", weight=draw.choice([0.2, 0.5, 1.0])),
        ExactMapping(source="kind", target="kind", weight=0.3),
        ExactMapping(source="group", target="group", weight=0.2),
        NumericRangeMapping(source="year", target="year", weight=0.3, tolerance_absolute=years),
    ]
    identifier = ExactMapping(source="identifier", target="identifier", weight=0.3)
    return [name, *draw.sample(few, draw.choice([1, 1, 2, 3])), *draw.choice([[], [identifier]])]


@pytest.mark.parametrize("seed", range(20))
def test_few_values_beside_many_texts(seed: int) -> None:
    drawn = Drawn(200 + seed)
    draw = drawn.draw
    kinds = [drawn.name() for _ in range(draw.choice([3, 40, 63, 64, 250]))]
    names = [drawn.name() for _ in range(draw.choice([3, 900]))]
    rows: list[dict[str, str | None]] = [
        drawn.row()
        | {
            "name": f"{draw.choice(names)} {drawn.name()}"[: draw.choice([9, 30, 200])],
            "kind": draw.choice([*kinds, None]),
            "year": str(2000 + draw.randrange(9)),
        }
        for _ in range(3_000)
    ]
    documents = [
        draw.choice(rows) | draw.choice([{}, {"kind": draw.choice(kinds)}, drawn.row()])
        for _ in range(40)
    ]
    rules = MatchingRules(
        field_mappings=normalize_weights(draw_with_few_values(draw)),
        missing=draw.choice([*MissingPolicy]),
    )
    assert_same(build_index(rules, rows), rules, documents)


@pytest.mark.parametrize("scorer", Scorer)
@pytest.mark.parametrize("seed", range(8))
def test_a_mapping_alone_or_with_a_light_one(scorer: Scorer, seed: int) -> None:
    drawn = Drawn(100 + seed)
    rows: list[dict[str, str | None]] = [drawn.row() for _ in range(2_500)]
    name = FuzzyMapping(source="name", target="name", weight=0.9, scorer=scorer)
    group = ExactMapping(source="group", target="group", weight=0.1)
    documents = [drawn.row() for _ in range(40)]
    for mappings in ((name,), (name, group)):
        rules = MatchingRules(field_mappings=normalize_weights(mappings))
        assert_same(build_index(rules, rows), rules, documents)
