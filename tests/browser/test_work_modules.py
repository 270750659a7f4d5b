"""Do the modules behind Run and Review compute what they should: differences, sums, bins, words?"""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import Page

from service.engine.chunks import DOCUMENT_FAILED
from service.store import ai_passes
from tests.browser.conftest import call

# Two values, the strategy, and what is marked in each of them.
DIFFERENCES = [
    ("Vega Logistik", "VEGA  logistik", "fuzzy", "", ""),
    ("Müller & Söhne", "Muller and Sohne", "fuzzy", "", ""),
    ("Straße 5", "STRASSE 5", "fuzzy", "", ""),
    ("Logistik, Vega", "Vega Logistik", "fuzzy", "", ""),
    ("PO 4711", "PO-4711", "exact", "", ""),
    ("Vega Logistik", "Logistik Vega", "exact", "Vega", "Vega"),
    ("Vega Logistik GmbH", "Vega Logistik", "fuzzy", "GmbH", ""),
    ("Nordwind Energy", "Nordwind Energie", "fuzzy", "y", "ie"),
    ("Alpha", "Omega", "fuzzy", "Alpha", "Omega"),
    ("3070.53", "3017.53 EUR", "numeric_range", "0", "1"),
    ("1,250.00", "1.250,01", "numeric_range", "0", "1"),
    ("14.09.2024", "2024-09-02", "date_range", "14", "02"),
    ("14 Sep 2024", "2024-09-15", "date_range", "14", "15"),
    ("", "x", "fuzzy", "", "x"),
]


def marked(parts: list[dict[str, Any]]) -> str:
    """The text that is marked."""
    return "".join(part["text"] for part in parts if part["differs"])


@pytest.mark.parametrize(("one", "other", "strategy", "left", "right"), DIFFERENCES)
async def test_what_differs_is_marked_and_nothing_that_means_the_same(
    page: Page, one: str, other: str, strategy: str, left: str, right: str
) -> None:
    parts = await call(page, "differences", "differences", one, other, strategy)
    assert [marked(side) for side in parts] == [left, right]
    assert ["".join(part["text"] for part in side) for side in parts] == [one, other]


async def test_values_of_any_length_are_compared_at_once_and_shown_short(page: Page) -> None:
    one, other = "W0rd" * 500, "W0rd" * 499 + "W0rt"
    parts = await call(page, "differences", "differences", one, other, "fuzzy")
    assert [marked(side) for side in parts] == ["d", "t"]
    short = await call(page, "differences", "shortened", parts[0])
    assert not short["isWhole"]
    assert marked(short["parts"]) == "d"
    assert len("".join(part["text"] for part in short["parts"])) < 100
    many = " ".join(f"word{place}" for place in range(400))
    parts = await call(page, "differences", "differences", many, many.upper() + " more", "fuzzy")
    assert [marked(side) for side in parts] == ["", "more"]


async def test_the_bars_of_a_waterfall_add_up_to_the_confidence(page: Page) -> None:
    share = st.floats(0, 1, allow_subnormal=False)
    examples: list[list[tuple[float, float]]] = []

    @given(st.lists(st.tuples(share, share), min_size=1, max_size=32))
    def collect(pairs: list[tuple[float, float]]) -> None:
        examples.append(pairs)

    collect()
    all_evidence = []
    for pairs in examples:
        weights = sum(weight for _, weight in pairs) or 1
        all_evidence.append(
            {
                **{
                    f"field {place}": {
                        "strategy": "fuzzy",
                        "score": score,
                        "weight": weight / weights,
                    }
                    for place, (score, weight) in enumerate(pairs)
                },
                "ai": {"model": "m", "decision": "none", "confidence": 0.5, "rationale": ""},
            }
        )
    script = """async (all) => {
      const { waterfall } = await import("/waterfall.js");
      return all.map(waterfall);
    }"""
    for evidence, fall in zip(all_evidence, await page.evaluate(script, all_evidence), strict=True):
        steps = fall["steps"]
        assert [step["name"] for step in steps] == [name for name in evidence if name != "ai"]
        confidence = sum(step["score"] * step["weight"] for step in steps)
        assert fall["sum"] == pytest.approx(confidence, abs=6e-5)
        assert sum(step["shown"] for step in steps) == pytest.approx(fall["sum"], abs=1e-9)
        for before, after in itertools.pairwise(steps):
            assert after["from"] == pytest.approx(before["from"] + before["share"], abs=1e-12)


async def test_bins_meet_and_leave_no_confidence_out(page: Page) -> None:
    bounds = [await call(page, "histogram", "bounds", place) for place in range(20)]
    assert (bounds[0]["min_confidence"], bounds[-1]["max_confidence"]) == ("0.0000", "1")
    for before, after in itertools.pairwise(bounds):
        step = float(after["min_confidence"]) - float(before["max_confidence"])
        assert step == pytest.approx(0.0001, abs=1e-9)


@pytest.mark.parametrize(
    ("place", "kinds"),
    [(0, ["low"]), (9, ["low"]), (10, ["unsure"]), (16, ["unsure", "sure"]), (19, ["sure"])],
)
async def test_a_bar_says_what_its_results_are(page: Page, place: int, kinds: list[str]) -> None:
    limits = {"threshold": 0.83, "review_threshold": 0.5}
    found = await call(page, "histogram", "kinds", place, limits)
    assert [kind for kind, _ in found] == kinds
    assert sum(share for _, share in found) == pytest.approx(1)


@pytest.mark.parametrize(
    "code",
    [
        "no_documents",
        "field_not_found",
        "unreadable_document_value",
        "unreadable_reference_value",
        "deleted_document",
        DOCUMENT_FAILED,
        *sorted(ai_passes.AI_WARNINGS),
    ],
)
async def test_each_warning_is_a_sentence_and_says_what_to_do(page: Page, code: str) -> None:
    said = await call(page, "warnings", "worded", {"code": code, "count": 2, "sample": "x"})
    assert code not in said["what"]
    assert said["what"].endswith(".")
    assert said["act"].endswith(".")


async def test_a_warning_that_is_new_speaks_for_itself(page: Page) -> None:
    said = await call(page, "warnings", "worded", {"code": "brand_new", "count": 2, "sample": "x"})
    assert said["what"] == "brand_new (2)"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("unsure", {"status": "pending", "min_confidence": 0.5, "max_confidence": "0.7999"}),
        ("matched", {"status": "pending", "matched": "true"}),
        ("rejected", {"status": "rejected"}),
        ("range", {"status": "pending", "min_confidence": "0.9000", "max_confidence": "0.9499"}),
    ],
)
async def test_a_queue_asks_for_its_results(
    page: Page, mode: str, expected: dict[str, Any]
) -> None:
    limits = {"threshold": 0.8, "review_threshold": 0.5}
    wanted = {"mode": mode, "range": [18, 18], "limits": limits}
    assert await call(page, "queue", "filtersOf", wanted) == expected
