"""Does the AI pass settle what the rules leave open, and can one see what it did?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api import ai_live
from tests.api.ai_live import AiLive


@pytest.fixture
async def ai(database_url: str, tmp_path: Path) -> AsyncIterator[AiLive]:
    """A service with six borderline documents and a stand-in that accepts them."""
    async with ai_live.running(database_url, tmp_path) as running:
        yield running


async def test_borderline_documents_are_matched_by_the_model(ai: AiLive) -> None:
    run = await ai.resolved()
    assert run["ai"]["status"] == "done", run
    assert (run["ai"]["to_resolve"], run["ai"]["resolved"], run["ai"]["unresolved"]) == (6, 6, 0)
    assert (run["rows_matched"], run["avg_confidence"]) == (6, 0.9)
    for result in await ai.results(run):
        assert result["matched_reference_row_id"] == result["candidates"][0]["reference_row_id"]
        assert (result["resolved_by"], result["confidence"]) == ("ai", 0.9)
        assert result["rule_confidence"] == result["candidates"][0]["confidence"] < 0.8
        assert result["evidence"]["ai"] == {
            "model": "claude-haiku-5-5",
            "decision": "match",
            "confidence": 0.9,
            "rationale": "The stand-in goes by the score of the rules alone.",
        }


async def test_what_was_used_is_counted_as_the_vendor_counts_it(ai: AiLive) -> None:
    figures = (await ai.resolved())["ai"]
    (served,) = ai.vendor.served
    assert figures["requests"] == 1
    assert figures["input_tokens"] == served.input_tokens
    assert figures["output_tokens"] == served.output_tokens
    assert 0 < figures["cost_usd"] < 0.001
