"""Does the AI pass settle what the rules leave open, and can one see what it did?"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.api import ai_live, live
from tests.api.ai_live import AiLive
from tests.fake_ai.policies import by_score
from tests.seeding import VENDORS, add_documents

RATIONALE = "The stand-in goes by the score of the rules alone."


@pytest.fixture
async def ai(database_url: str, tmp_path: Path) -> AsyncIterator[AiLive]:
    """A service with six borderline documents and a stand-in that accepts them."""
    async with ai_live.running(database_url, tmp_path) as running:
        yield running


def config_path(ai: AiLive, action: str = "") -> str:
    return f"/v1/matching/configs/{ai.live.world.config_id}{action}"


async def test_borderline_documents_are_matched_by_the_model(ai: AiLive) -> None:
    run = await ai.resolved()
    assert run["ai"]["status"] == "done", run
    assert (run["ai"]["to_resolve"], run["ai"]["resolved"], run["ai"]["unresolved"]) == (6, 6, 0)
    assert (run["rows_matched"], run["avg_confidence"]) == (6, 0.9)
    for result in await ai.results(run):
        assert result["matched_reference_row_id"] == result["candidates"][0]["reference_row_id"]
        assert (result["resolved_by"], result["confidence"]) == ("ai", 0.9)
        assert not result["uncertain"]
        assert result["rule_confidence"] == result["candidates"][0]["confidence"] < 0.8
        assert result["evidence"]["ai"] == {
            "model": "claude-haiku-5-5",
            "decision": "match",
            "confidence": 0.9,
            "rationale": RATIONALE,
        }
    figures, (served,) = run["ai"], ai.vendor.served
    assert figures["requests"] == 1
    assert figures["input_tokens"] == served.input_tokens
    assert figures["output_tokens"] == served.output_tokens
    assert 0 < figures["cost_usd"] < 0.001


async def test_the_events_tell_the_pass_step_by_step(ai: AiLive) -> None:
    ai.vendor.behaviour.latency_seconds = 0.3
    run = await ai.resolved()
    events = await ai.live.events(run)
    types = [event["type"] for event in events]
    assert types[0:2] == ["run.queued", "run.started"]
    assert types[-1] == "run.completed"
    begun = types.index("run.ai_resolving")
    assert events[begun]["run"]["ai"]["status"] == "pending"
    told = [event["progress"] for event in events[begun + 1 : -1]]
    assert {each["phase"] for each in told} == {"ai_resolving"}
    assert told[0]["ai"]["to_resolve"] == 6
    shares = [each["phase_progress"] for each in told]
    assert shares == sorted(shares)
    assert (told[-1]["phase_progress"], told[-1]["rows_matched"]) == (1.0, 6)


async def test_none_of_these_is_an_answer(ai: AiLive) -> None:
    ai.vendor.behaviour.policy = by_score(least=0.99)
    run = await ai.resolved()
    assert (run["ai"]["resolved"], run["rows_matched"], run["avg_confidence"]) == (6, 0, None)
    result = (await ai.results(run))[0]
    assert (result["matched_reference_row_id"], result["resolved_by"]) == (None, "ai")
    assert result["confidence"] == result["rule_confidence"]
    said = result["evidence"]["ai"]
    assert (said["decision"], said["confidence"]) == ("none", 0.8)


def choose_second(document: Any) -> dict[str, Any]:
    return {"candidate": "2", "confidence": 0.77, "rationale": "Because."}


async def test_another_candidate_brings_its_own_evidence(ai: AiLive) -> None:
    ai.vendor.behaviour.policy = choose_second
    result = (await ai.results(await ai.resolved()))[0]
    second = result["candidates"][1]
    assert result["matched_reference_row_id"] == second["reference_row_id"]
    assert (result["confidence"], result["rule_confidence"]) == (0.77, second["confidence"])
    evidence = {name: each for name, each in result["evidence"].items() if name != "ai"}
    assert evidence == second["evidence"]


async def test_only_mapped_fields_of_borderline_documents_are_sent(ai: AiLive) -> None:
    world = ai.live.world
    more = {
        "doc_secret": {"vendor": VENDORS[0].upper(), "number": "unknown", "iban": "DE02 1203"},
        "doc_sure": {"vendor": VENDORS[0], "number": "N0"},
        "doc_hopeless": {"vendor": "Quux", "number": "Z"},
    }
    await add_documents(world.database, world.workspace_id, more)
    run = await ai.resolved()
    assert run["ai"]["to_resolve"] == 7
    asked = [document["fields"]["number"] for batch in ai.vendor.asked for document in batch]
    assert sorted(asked) == ["unknown", *(f"unknown {place}" for place in range(6))]
    sent = str(ai.vendor.bodies)
    for kept in ("iban", "DE02", "doc_", "ref_", ".pdf", str(world.workspace_id)):
        assert kept not in sent


async def test_an_equal_question_is_not_asked_again(ai: AiLive) -> None:
    first = await ai.resolved()
    second = await ai.resolved()
    assert len(ai.vendor.served) == 1
    figures = second["ai"]
    assert (figures["resolved"], figures["cached"], figures["requests"]) == (6, 6, 0)
    assert (figures["input_tokens"], figures["cost_usd"]) == (0, 0)
    assert second["rows_matched"] == first["rows_matched"]
    assert (await ai.results(second))[0]["evidence"]["ai"]["rationale"] == RATIONALE
    async with ai.live.world.database.connection() as connection:
        await connection.execute("UPDATE ai_answers SET workspace_id = gen_random_uuid()")
    elsewhere = await ai.resolved()
    assert elsewhere["ai"]["cached"] == 0, "what another workspace asked is not known here"


async def test_smart_run_is_a_run_with_the_pass(ai: AiLive) -> None:
    reply = await ai.live.client.post(config_path(ai, "/smart-run"))
    assert (reply.status_code, reply.json()["triggered_by"]) == (202, "smart")
    assert reply.json()["ai"]["status"] == "pending"
    run = await ai.live.wait_until_ended(reply.json())
    assert (run["status"], run["ai"]["resolved"]) == ("completed", 6)


async def test_a_completed_run_can_be_resolved_but_for_what_a_person_reviewed(ai: AiLive) -> None:
    by_rules = await ai.live.completed()
    assert (by_rules["ai"], by_rules["rows_matched"]) == (None, 0)
    kept = (await ai.results(by_rules))[2]
    review = f"{by_rules['links']['results']}/{kept['id']}/review"
    await ai.live.client.post(review, json={"status": "rejected"})
    reply = await ai.live.client.post(f"{by_rules['links']['self']}/ai-resolve")
    assert (reply.status_code, reply.json()["status"]) == (202, "ai_resolving")
    run = await ai.live.wait_until_ended(by_rules)
    assert (run["status"], run["rows_matched"], run["ai"]["status"]) == ("completed", 5, "done")
    reviewed = (await ai.results(run))[2]
    assert (reviewed["status"], reviewed["resolved_by"]) == ("rejected", "rules")
    assert "ai" not in reviewed["evidence"]
    assert len([each for batch in ai.vendor.asked for each in batch]) == 5
    types = [event["type"] for event in await ai.live.events(run)]
    assert types.count("run.completed") == 2
    assert types.index("run.completed") < types.index("run.ai_resolving")
    before = seconds_between(by_rules["started_at"], by_rules["completed_at"])
    worked = before + seconds_between(run["resumed_at"], run["completed_at"])
    # What it lay there between the two is not worked.
    assert run["seconds_worked"] == pytest.approx(worked, abs=0.003)
    assert run["seconds_worked"] < seconds_between(run["started_at"], run["completed_at"])


def seconds_between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


async def test_only_a_completed_run_can_be_resolved(ai: AiLive) -> None:
    ai.live.executor.hold()
    run = await ai.live.start()
    reply = await ai.live.client.post(f"{run['links']['self']}/ai-resolve")
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    ai.live.executor.release()
    await ai.live.wait_until_ended(run)
    dry = await ai.live.completed(dry_run=True)
    reply = await ai.live.client.post(f"{dry['links']['self']}/ai-resolve")
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")


async def test_a_dry_run_says_what_the_pass_would_take_and_asks_nothing(ai: AiLive) -> None:
    estimated = (await ai.live.completed(dry_run=True, ai=True))["ai"]
    assert ai.vendor.asked == []
    assert (estimated["estimated"], estimated["status"]) == (True, "pending")
    assert (estimated["to_resolve"], estimated["requests"], estimated["resolved"]) == (6, 1, 0)
    real = (await ai.resolved())["ai"]
    for name in ("output_tokens", "cost_usd"):
        assert real[name] / 3 < estimated[name] < real[name] * 3, name


async def test_a_dry_run_knows_what_is_answered_and_what_requests_have_taken(ai: AiLive) -> None:
    first = (await ai.resolved())["ai"]
    again = (await ai.live.completed(dry_run=True, ai=True))["ai"]
    assert (again["to_resolve"], again["requests"], again["cost_usd"]) == (6, 0, 0)
    world = ai.live.world
    await add_documents(world.database, world.workspace_id, more_borderline(6, 6))
    more = (await ai.live.completed(dry_run=True, ai=True))["ai"]
    assert (more["to_resolve"], more["requests"]) == (12, first["requests"])
    for name in ("input_tokens", "output_tokens"):
        assert more[name] == pytest.approx(first[name], rel=0.2), name


async def test_without_a_key_every_way_to_the_pass_is_refused_up_front(
    database_url: str, tmp_path: Path
) -> None:
    async with live.running(database_url, tmp_path) as service:
        run = await service.completed()
        config = f"/v1/matching/configs/{service.world.config_id}"
        for path, body in (
            (f"{config}/run", {"ai": True}),
            (f"{config}/smart-run", {}),
            (f"{run['links']['self']}/ai-resolve", None),
        ):
            reply = await service.client.post(path, json=body)
            assert (reply.status_code, reply.json()["code"]) == (409, "ai_not_configured")
            assert "ANTHROPIC_API_KEY" in reply.json()["detail"]
        dry = await service.completed(dry_run=True, ai=True)
        assert (dry["ai"]["to_resolve"], dry["ai"]["estimated"]) == (0, True)


async def test_cancel_stops_new_requests_within_a_second(ai: AiLive) -> None:
    world = ai.live.world
    await add_documents(world.database, world.workspace_id, more_borderline(6, 500))
    ai.vendor.behaviour.latency_seconds = 0.2
    run = await ai.live.start(ai=True)
    async with asyncio.timeout(10):
        while len(ai.vendor.served) < 2:
            await ai.vendor.arrived.wait()
            ai.vendor.arrived.clear()
            await asyncio.sleep(0.01)
    reply = await ai.live.client.post(f"{run['links']['self']}/cancel")
    cancelled = reply.json()
    assert (reply.status_code, cancelled["status"]) == (200, "cancelled")
    assert cancelled["ai"]["status"] in ("partial", "failed")
    assert "cancelled" in cancelled["ai"]["error"]
    async with asyncio.timeout(1.0):
        await ai.vendor.idle.wait()
    stopped_at = len(ai.vendor.asked)
    await asyncio.sleep(0.3)
    assert len(ai.vendor.asked) == stopped_at < 20


def more_borderline(first: int, count: int) -> dict[str, Any]:
    return dict(list(ai_live.borderline(first + count).items())[first:])


async def test_a_share_is_taken_from_the_most_uncertain(ai: AiLive) -> None:
    await ai.live.client.put(config_path(ai), json={"ai": {"max_share": 0.5}})
    world = ai.live.world
    further = {"vendor": f"{VENDORS[0]} X", "number": "further from the threshold"}
    await add_documents(world.database, world.workspace_id, {"doc_9999": further})
    run = await ai.resolved()
    assert run["ai"]["to_resolve"] == 3
    numbers = [each["fields"]["number"] for batch in ai.vendor.asked for each in batch]
    assert further["number"] not in numbers
    warning = {"code": "ai_max_share_reached", "count": 4, "sample": "ai.max_share: 0.5"}
    assert warning in run["warnings"]


async def test_a_match_with_a_close_second_is_looked_at(ai: AiLive) -> None:
    changes = {"threshold": 0.5, "review_threshold": 0.5, "ai": {"min_margin": 0.9}}
    await ai.live.client.put(config_path(ai), json=changes)
    run = await ai.resolved()
    assert (run["ai"]["to_resolve"], run["rows_matched"]) == (6, 6)
    await ai.live.client.put(config_path(ai), json={"ai": {"min_margin": 0.0}})
    assert (await ai.resolved())["ai"]["to_resolve"] == 0


async def test_a_pass_stops_before_it_costs_too_much(ai: AiLive) -> None:
    world = ai.live.world
    await add_documents(world.database, world.workspace_id, more_borderline(6, 194))
    await ai.live.client.put(config_path(ai), json={"ai": {"max_cost_usd": 0.006}})
    run = await ai.resolved()
    assert (run["status"], run["ai"]["status"]) == ("completed", "partial")
    assert "ai.max_cost_usd" in run["ai"]["error"]
    assert 0 < run["ai"]["cost_usd"] <= 0.006
    assert run["ai"]["resolved"] + run["ai"]["unresolved"] == 200
    await ai.live.client.put(config_path(ai), json={"ai": {"max_cost_usd": 0}})
    none = await ai.live.completed(ai=True, document_ids=["doc_0199"])
    assert (none["ai"]["status"], none["ai"]["requests"]) == ("failed", 0)
