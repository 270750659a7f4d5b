"""Does a match say which rows, how sure, and why?"""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FuzzyMapping,
    MatchingRules,
    MissingPolicy,
    NumericRangeMapping,
)
from service.domain.documents import FieldValue
from service.domain.identifiers import ReferenceRowId
from service.domain.results import Candidate, DocumentMatch, Side, Unreadable
from service.matching.index import build
from service.matching.match import match_documents

RULES = MatchingRules(
    field_mappings=(
        FuzzyMapping(source="vendor", target="name", weight=0.4),
        DateRangeMapping(source="date", target="due", weight=0.3),
        NumericRangeMapping(source="amount", target="total", weight=0.2),
        ExactMapping(source="amount", target="paid", weight=0.1, near=True),
    )
)
COLUMNS: dict[str, list[str | None]] = {
    "name": ["Vega Logistik GmbH", "Vega Logistics Ltd", None],
    "due": ["2024-03-01", "", "2024-03-01"],
    "total": ["100.00", "130.00", "x"],
    "paid": ["100", "130", None],
}
ROW_IDS = [ReferenceRowId(name) for name in ("r1", "r2", "r3")]
INDEX = build(RULES, ROW_IDS, COLUMNS)


def match(
    *documents: dict[str, FieldValue],
    rules: MatchingRules = RULES,
    exclusions: frozenset[tuple[int, ReferenceRowId]] = frozenset(),
) -> list[DocumentMatch]:
    # An index depends on the mappings alone.
    return match_documents(INDEX, rules, documents, exclusions)


class FieldEvidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one mapping said about a pair, as it is written."""

    strategy: str
    score: float
    weight: float
    document_value: FieldValue
    reference_value: str | None
    unreadable: Side | None = None


def evidence_of(candidate: Candidate) -> dict[str, FieldEvidence]:
    """Read the evidence, which is written as it would be from these structures."""
    evidence = msgspec.json.decode(candidate.evidence, type=dict[str, FieldEvidence])
    assert msgspec.Raw(msgspec.json.encode(evidence)) == candidate.evidence
    return evidence


def test_candidates_come_best_first_with_the_evidence_of_each_mapping() -> None:
    document: dict[str, FieldValue] = {"vendor": "VEGA LOGISTIK", "date": "8.3.2024", "amount": 100}
    (result,) = match(document)
    first = result.candidates[0]
    assert [candidate.reference_row_id for candidate in result.candidates] == ["r1", "r2", "r3"]
    assert first.confidence == 0.85
    assert evidence_of(first) == {
        "vendor": FieldEvidence("fuzzy", 1.0, 0.4, "VEGA LOGISTIK", "Vega Logistik GmbH"),
        "date": FieldEvidence("date_range", 0.5, 0.3, "8.3.2024", "2024-03-01"),
        "amount→total": FieldEvidence("numeric_range", 1.0, 0.2, 100, "100.00"),
        "amount→paid": FieldEvidence("exact", 1.0, 0.1, 100, "100"),
    }


def test_missing_values_score_nothing_and_show_the_weight_used() -> None:
    (result,) = match({"vendor": "Vega Logistics", "amount": "130"})
    best = list(evidence_of(result.candidates[0]).values())
    assert [field.score for field in best] == [1.0, 0.0, 1.0, 1.0]
    assert [field.weight for field in best] == pytest.approx(
        [0.4 / 0.7, 0, 0.2 / 0.7, 0.1 / 0.7], abs=1e-6
    )
    assert (best[1].document_value, best[1].reference_value) == (None, "")


def test_fillers_in_a_document_are_missing_but_not_unreadable() -> None:
    filled, without = match({"vendor": "n/a", "amount": 100}, {"amount": 100})
    assert filled.unreadable == ()
    assert [each.confidence for each in filled.candidates] == [
        each.confidence for each in without.candidates
    ]


@pytest.mark.parametrize("filler", ["n/a", "?", " - ", ""])
def test_fillers_of_dates_and_numbers_are_missing_but_not_unreadable(filler: str) -> None:
    (result,) = match({"vendor": "Vega Logistik", "date": filler, "amount": filler})
    assert result.unreadable == ()
    evidence = evidence_of(result.candidates[0])
    assert [each.unreadable for each in evidence.values()] == [None] * 4
    assert evidence["date"].weight == 0.0


@pytest.mark.parametrize(
    ("own", "row", "unreadable"),
    [
        ("2024-02-31", "2024-02-28", Side.DOCUMENT),
        ("2024-02-28", "31.02.2024", Side.REFERENCE),
        ("soon", "later", Side.BOTH),
        ("soon", None, Side.DOCUMENT),
        ("n/a", "later", Side.REFERENCE),
        (None, "later", Side.REFERENCE),
        (True, "", Side.DOCUMENT),
        ("?", "n/a", None),
        (None, None, None),
        ("2024-02-28", "28.02.2024", None),
    ],
)
def test_the_evidence_marks_what_was_there_and_could_not_be_read(
    own: FieldValue, row: str | None, unreadable: Side | None
) -> None:
    mappings = (
        ExactMapping(source="name", target="name", weight=0.5),
        DateRangeMapping(source="day", target="day", weight=0.5),
        ExactMapping(source="day", target="text", weight=0.0),
    )
    rules = MatchingRules(field_mappings=mappings)
    columns: dict[str, list[str | None]] = {
        "name": ["Vega", "Vega"],
        "day": [row, "2024-02-28"],
        "text": ["x", "x"],
    }
    index = build(rules, [ReferenceRowId("r1"), ReferenceRowId("r2")], columns)
    found = match_documents(index, rules, [{"name": "Vega", "day": own}])[0].candidates
    (first,) = [each for each in found if each.reference_row_id == "r1"]
    told = evidence_of(first)
    assert told["day→day"].unreadable is unreadable
    assert told["name"].unreadable is told["day→text"].unreadable is None
    written = msgspec.json.decode(first.evidence)["day→day"]
    assert written.get("unreadable", "absent") == (unreadable or "absent")
    # What could not be read counts as what is not there.
    blank = match_documents(index, rules, [{"name": "Vega", "day": None}])[0]
    if unreadable in {Side.DOCUMENT, Side.BOTH}:
        assert [each.confidence for each in found] == [each.confidence for each in blank.candidates]


def test_what_the_row_lacks_stands_in_the_evidence() -> None:
    (result,) = match({"vendor": "Vega", "date": "2024-03-01", "amount": 130})
    (third,) = [each for each in result.candidates if each.reference_row_id == "r3"]
    evidence = evidence_of(third)
    assert evidence["vendor"] == FieldEvidence("fuzzy", 0.25, 0.4, "Vega", None)
    assert evidence["amount→total"] == FieldEvidence(
        "numeric_range", 0.25, 0.2, 130, "x", Side.REFERENCE
    )
    assert third.confidence == pytest.approx(0.25 * 0.7 + 0.3)


def test_signs_in_names_and_values_are_no_part_of_how_evidence_is_written() -> None:
    source, text = 'net %s "%b"', 'a "b"\\\n%d \t\u2028'
    rules = MatchingRules(field_mappings=(ExactMapping(source=source, target="%", weight=1.0),))
    index = build(rules, [ReferenceRowId("r1")], {"%": [text]})
    (result,) = match_documents(index, rules, [{source: text}])
    assert evidence_of(result.candidates[0]) == {
        source: FieldEvidence("exact", 1.0, 1.0, text, text)
    }


def test_policy_zero_keeps_the_weight_of_what_is_missing() -> None:
    rules = MatchingRules(field_mappings=RULES.field_mappings, missing=MissingPolicy.ZERO)
    (result,) = match({"vendor": "Vega Logistics"}, rules=rules)
    assert [field.weight for field in evidence_of(result.candidates[0]).values()] == [
        0.4,
        0.3,
        0.2,
        0.1,
    ]
    assert result.candidates[0].confidence == 0.4


def test_unreadable_values_are_missing_and_named_once() -> None:
    first, second = match({"vendor": "Vega", "date": "soon", "amount": True}, {"amount": " "})
    assert first.unreadable == (Unreadable("date", "soon"), Unreadable("amount", "true"))
    assert evidence_of(first.candidates[0])["date"].document_value == "soon"
    assert second == DocumentMatch((), ())


def test_excluded_rows_are_no_candidates_of_that_document() -> None:
    document: dict[str, FieldValue] = {"vendor": "Vega Logistik"}
    excluded = frozenset({(0, ReferenceRowId("r1")), (0, ReferenceRowId("gone"))})
    first, second = match(document, document, exclusions=excluded)
    assert [candidate.reference_row_id for candidate in first.candidates] == ["r2"]
    assert [candidate.reference_row_id for candidate in second.candidates] == ["r1", "r2"]


def test_no_documents_have_no_matches() -> None:
    assert match() == []


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "vendor": st.text(max_size=8),
        "date": st.sampled_from(["2024-03-02", "3/3/2024", "soon", ""]),
        "amount": st.one_of(st.integers(90, 140), st.sampled_from(["100,00", "€ 130", None])),
    },
)


@given(st.lists(FIELDS, max_size=4))
def test_scores_times_weights_add_up_to_the_confidence(
    documents: list[dict[str, FieldValue]],
) -> None:
    for result in match(*documents):
        for candidate in result.candidates:
            total = sum(field.score * field.weight for field in evidence_of(candidate).values())
            assert total == pytest.approx(candidate.confidence, abs=1e-3)
            assert 0 <= candidate.confidence <= 1


@given(st.lists(FIELDS, min_size=2, max_size=4))
def test_a_match_is_the_same_alone_and_among_others(
    documents: list[dict[str, FieldValue]],
) -> None:
    assert match(*documents) == [match(document)[0] for document in documents]
