"""Do the modules behind Run and Review compute what they should: differences, sums, bins, words?"""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
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
    ("7.200,30", "7161.62", "numeric_range", "", ""),
    ("07.10.2025", "2025-11-10", "date_range", "", ""),
    ("", "x", "fuzzy", "", "x"),
]


# Two values, the strategy, and how far the second is from the first, in words.
APART = [
    ("07.10.2025", "2025-11-10", "date_range", "34 days later"),
    ("2024-09-15", "14 Sep 2024", "date_range", "1 day earlier"),
    ("March 3rd, 2024", "20.3.2024", "date_range", "17 days later"),
    ("13/03/2024", "03/15/2024", "date_range", "2 days later"),
    ("27.06.25", "12/31/69", "date_range", "20,267 days earlier"),
    ("03/04/2024", "2024-04-05", "date_range", None),  # the 3rd of April, or the 4th of March?
    ("3. März 2024", "2024-04-05", "date_range", None),
    ("31.02.2024", "2024-04-05", "date_range", None),
    ("7.200,30", "7161.62", "numeric_range", "38.68 less"),
    ("EUR 1,250.00", "1.250,01 €", "numeric_range", "0.01 more"),
    ("-12,5", "1'000'000", "numeric_range", "1,000,012.5 more"),
    (3070.5, "0.125", "numeric_range", "3,070.375 less"),
    ("1.250", "1250.50", "numeric_range", None),  # thousands, or thousandths?
    ("1.250", "1,250", "numeric_range", None),
    ("(12.00)", "12.50", "numeric_range", None),
    ("12.00", "12", "numeric_range", None),
    ("see attachment", "12", "numeric_range", None),
    ("7.200,30", "7161.62", "fuzzy", None),
]


@pytest.mark.parametrize(("one", "other", "strategy", "told"), APART)
async def test_how_far_dates_and_numbers_are_apart_is_told_where_there_is_no_doubt(
    page: Page, one: object, other: object, strategy: str, told: str | None
) -> None:
    evidence = {"document_value": one, "reference_value": other, "strategy": strategy}
    assert await call(page, "apart", "apart", {**evidence, "score": 0.5}) == told
    assert await call(page, "apart", "apart", {**evidence, "score": 1}) is None


async def test_a_confidence_below_a_threshold_never_looks_as_if_it_reached_it(page: Page) -> None:
    shown = [await call(page, "words", "confidence", each) for each in (0.8499, 0.85, 1, 0.9999)]
    assert shown == ["84.9 %", "85 %", "100 %", "99.9 %"]
    assert [await call(page, "words", "ofPercent", each) for each in ("85", "84.99")] == [
        0.85,
        0.8499,
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

    # A busy machine is no fault of the examples.
    @settings(suppress_health_check=[HealthCheck.too_slow])
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
      return all.map((each) => waterfall(each));
    }"""
    for evidence, fall in zip(all_evidence, await page.evaluate(script, all_evidence), strict=True):
        steps = fall["steps"]
        assert [step["name"] for step in steps] == [name for name in evidence if name != "ai"]
        confidence = sum(step["score"] * step["weight"] for step in steps)
        assert -1e-5 < confidence - fall["sum"] < 0.001  # rounded down to tenths of a percent
        assert sum(step["shown"] for step in steps) == pytest.approx(fall["sum"], abs=1e-9)
        for before, after in itertools.pairwise(steps):
            assert after["from"] == pytest.approx(before["from"] + before["share"], abs=1e-12)


async def test_a_field_that_agrees_shows_its_weight_as_its_share(page: Page) -> None:
    parts = {"name": 6, "amount": 4, "currency": 1, "text": 2}
    evidence = {name: {"score": 1, "weight": part / 13} for name, part in parts.items()}
    fall = await call(page, "waterfall", "waterfall", evidence)
    told = [0.461, 0.308, 0.077, 0.154]  # rounded one by one they would be 100.1 % together
    assert [step["shown"] for step in fall["steps"]] == told
    assert [step["weighs"] for step in fall["steps"]] == told


async def test_a_waterfall_ends_at_the_figure_of_the_service(page: Page) -> None:
    steps = {"a": {"score": 0.5001, "weight": 0.5}, "b": {"score": 0.6, "weight": 1}}
    assert (await call(page, "waterfall", "waterfall", steps))["sum"] == 0.85
    fall = await call(page, "waterfall", "waterfall", steps, 0.8499)
    assert fall["sum"] == 0.849
    assert sum(step["shown"] for step in fall["steps"]) == pytest.approx(0.849)


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "0 %"), (1, "100 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %"), (0.3335, "33.4 %")],
)
async def test_only_all_is_a_hundred_percent(page: Page, share: float, shown: str) -> None:
    assert await call(page, "words", "percent", share) == shown


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ((144, 45, 11), ["72 %", "22.5 %", "5.5 %"]),
        ((7, 0, 0), ["100 %", "0 %", "0 %"]),
        ((1, 1, 1), ["33.4 %", "33.3 %", "33.3 %"]),
        ((99_998, 1, 1), ["99.8 %", "0.1 %", "0.1 %"]),
    ],
)
async def test_shares_of_the_verdicts_add_up_as_they_are_shown(
    page: Page, parts: tuple[int, ...], shown: list[str]
) -> None:
    assert await call(page, "run_figures", "sharesOf", parts) == shown


async def test_time_is_told_of_what_goes_on_and_of_what_was_worked(page: Page) -> None:
    script = """async (run) => {
      const moment = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
      const panel = (await import("/run_figures.js")).progressPanel();
      const times = { created_at: moment(800), started_at: moment(800), resumed_at: moment(20) };
      panel.update({ ...times, completed_at: moment(0), ...run }, Date.now());
      return panel.element.querySelector(".rates").textContent;
    }"""
    alive = {"status": "ai_resolving", "phase": "ai_resolving", "ai": {"to_resolve": None}}
    assert await page.evaluate(script, alive) == "20 s so far"
    ended = {"status": "completed", "phase": "done", "ai": None, "seconds_worked": 21.4}
    assert await page.evaluate(script, ended) == "took 21 s"


async def test_verdicts_add_up_to_the_documents_that_are_done(page: Page) -> None:
    run = {"rows_processed": 200, "rows_matched": 144}
    parts = await call(page, "verdicts", "parted", run, {"unsure": 50, "ties": 6})
    assert parts == {"sure": 138, "unsure": 50, "low": 12}
    # Counters of a run that goes on are ahead of what was counted.
    parts = await call(page, "verdicts", "parted", run, {"unsure": 20, "ties": 150})
    assert parts == {"sure": 0, "unsure": 20, "low": 180}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(59.4, "59 s"), (59.6, "1 min"), (3571, "1 h 0 min"), (7190, "2 h 0 min")],
)
async def test_times_are_said_without_sixty_of_anything(
    page: Page, seconds: float, said: str
) -> None:
    assert await call(page, "words", "duration", seconds) == said


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
        ("unsure", {"status": "pending", "uncertain": "true"}),
        ("matched", {"status": "pending", "matched": "true", "uncertain": "false"}),
        ("none", {"status": "pending", "matched": "false", "uncertain": "false"}),
        ("rejected", {"status": "rejected"}),
        ("range", {"status": "pending", "min_confidence": "0.9000", "max_confidence": "0.9499"}),
    ],
)
async def test_a_queue_asks_for_its_results(
    page: Page, mode: str, expected: dict[str, Any]
) -> None:
    wanted = {"mode": mode, "range": [18, 18]}
    assert await call(page, "queue", "filtersOf", wanted) == expected
