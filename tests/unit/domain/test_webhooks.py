"""What follows from an attempt, and what is sent?"""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier

from service.domain import webhook_messages
from service.domain.identifiers import EventId, new_id
from service.domain.webhook_messages import MAX_BODY_BYTES
from service.domain.webhooks import (
    DISABLED_AFTER,
    JITTER,
    LADDER,
    LONGEST_RETRY_AFTER,
    Attempt,
    DeliveryStatus,
    judge,
    reason_to_disable,
)

NOW = datetime(2026, 3, 2, 9, 17, tzinfo=UTC)


def attempt(status_code: int | None) -> Attempt:
    return Attempt(NOW, 5, status_code, None, None)


@pytest.mark.parametrize("status_code", [200, 201, 204, 299])
def test_any_2xx_is_success(status_code: int) -> None:
    verdict = judge(attempt(status_code), 1, NOW, None, 0.5)
    assert (verdict.status, verdict.next_attempt_at) == (DeliveryStatus.DELIVERED, None)


@pytest.mark.parametrize("status_code", [None, 100, 199, 300, 301, 304, 400, 404, 429, 500, 503])
def test_all_else_is_tried_again_until_the_ladder_ends(status_code: int | None) -> None:
    for tries in range(1, len(LADDER)):
        verdict = judge(attempt(status_code), tries, NOW, None, 0.0)
        assert verdict.status is DeliveryStatus.PENDING
        assert verdict.next_attempt_at == NOW + LADDER[tries]
    assert judge(attempt(status_code), len(LADDER), NOW, None, 0.0).status == "exhausted"


def test_410_is_the_end() -> None:
    assert judge(attempt(410), 1, NOW, None, 0.0).status is DeliveryStatus.EXHAUSTED
    assert reason_to_disable(attempt(410), None, NOW) == "The endpoint answered 410 Gone."


@given(
    tries=st.integers(1, len(LADDER) - 1),
    chance=st.floats(0, 1, exclude_max=True),
    asked=st.none() | st.timedeltas(timedelta(days=-2), timedelta(days=100)),
)
def test_a_wait_is_never_shorter_than_asked_nor_without_bound(
    tries: int, chance: float, asked: timedelta | None
) -> None:
    verdict = judge(attempt(503), tries, NOW, asked, chance)
    assert verdict.next_attempt_at is not None
    wait = verdict.next_attempt_at - NOW
    least = max(LADDER[tries], min(asked or timedelta(0), LONGEST_RETRY_AFTER))
    assert least <= wait <= least * (1 + JITTER)


@pytest.mark.parametrize(
    ("status_code", "failing_since", "is_disabled"),
    [
        (500, NOW - DISABLED_AFTER, True),
        (500, NOW - DISABLED_AFTER + timedelta(seconds=1), False),
        (500, None, False),
        (200, NOW - DISABLED_AFTER, False),
    ],
)
def test_failures_alone_for_five_days_disable(
    status_code: int, failing_since: datetime | None, is_disabled: bool
) -> None:
    assert (reason_to_disable(attempt(status_code), failing_since, NOW) is not None) is is_disabled


def test_secrets_have_the_length_the_standard_asks_for() -> None:
    secret = webhook_messages.new_secret()
    assert secret.startswith("whsec_")
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64
    assert secret != webhook_messages.new_secret()


@given(st.text())
def test_every_body_is_signed_as_the_standard_says(text: str) -> None:
    secret, event_id, moment = webhook_messages.new_secret(), EventId(new_id()), datetime.now(UTC)
    body = webhook_messages.body("run.queued", NOW, json.dumps({"run": {"error": text}}))
    headers = webhook_messages.headers(event_id, moment, body, (secret,))
    told = Verifier(secret).verify(body, headers)
    assert told == {
        "type": "run.queued",
        "timestamp": "2026-03-02T09:17:00.000Z",
        "data": {"run": {"error": text}},
    }


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=5),
        st.text(st.characters(codec="utf-8"), max_size=10).map(lambda text: text * 900),
        min_size=1,
        max_size=12,
    )
)
def test_a_long_body_says_what_it_left_out(thing: dict[str, str]) -> None:
    data = {"type": "run.failed", "id": "x", "run": thing, "run_seq": 7}
    body = webhook_messages.body("run.failed", NOW, json.dumps(data, ensure_ascii=False))
    assert len(body) < MAX_BODY_BYTES
    told = json.loads(body)["data"]
    omitted = told.pop("omitted", [])
    assert {f"/run/{name}" for name, value in told["run"].items() if value is None} == set(omitted)
    kept = {name: value for name, value in told["run"].items() if value is not None}
    assert told == {**data, "run": {**dict.fromkeys(thing), **kept}}
    assert all(thing[name] == value for name, value in kept.items())
