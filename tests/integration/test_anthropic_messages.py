"""Is whatever an HTTP server sends in the vendor's place an answer, or an error that says so?"""

import json
from typing import Any

import pytest

from service.ai import anthropic_messages, prompt
from service.ai.failures import AiError, UnansweredError, UnusableError
from service.ai.prompt import Option, Question
from service.ai.resolver import Answer
from service.domain.ai import Usage
from tests.fake_ai import http_server
from tests.fake_ai.accounts import account
from tests.fake_ai.http_server import Reply, Request

QUESTION = Question({"name": "Vega"}, (Option(0.6, {"name": "Vega Ltd"}),))


def message(**changes: object) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "content": [{"type": "thinking", "thinking": "So."}, {"type": "text", "text": "{}"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 6, "cache_read_input_tokens": None},
        **changes,
    }


async def ask(reply: Reply, **changes: object) -> Answer | AiError:
    """Return what asking comes to when this is the reply."""

    async def handle(_: Request) -> Reply:
        return reply

    async with http_server.serving(handle) as port:
        reached = account(f"http://127.0.0.1:{port}", **changes)
        async with anthropic_messages.connected(reached) as resolver:
            try:
                return await resolver.ask(prompt.build([QUESTION]))
            except AiError as error:
                return error


async def test_an_answer_is_read_with_what_it_took() -> None:
    answer = await ask(Reply(200, message(), {"anthropic-ratelimit-requests-limit": "50"}))
    assert isinstance(answer, Answer)
    assert (answer.text, answer.usage, answer.told.requests.limit) == ("{}", Usage(5, 6), 50.0)


PAGE = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>Please sign in to the network.</html>", PAGE),
        Reply(204, b""),
        *(Reply(200, body) for body in (b"", b"{no JSON", b"null", b"[]", b'"hi"', b"{}")),
        Reply(200, b"[" * 100_000),
        Reply(200, json.dumps(message()).encode().replace(b"msg_1", b"\xe9")),
        *(
            Reply(200, message(usage=usage))
            for usage in (
                None,
                {"input_tokens": None, "output_tokens": 3},
                {"input_tokens": "12", "output_tokens": 3},
                {"input_tokens": 12.5, "output_tokens": 3},
                {"input_tokens": -12, "output_tokens": 3},
                {"input_tokens": 10**30, "output_tokens": 3},
            )
        ),
        *(
            Reply(200, message(content=content))
            for content in (None, "hello", [None], [{"type": "text", "text": None}])
        ),
    ],
)
async def test_a_reply_that_is_no_message_is_no_answer(reply: Reply) -> None:
    error = await ask(reply)
    assert isinstance(error, UnansweredError)
    assert "cannot be read" in str(error)
    assert error.may_have_cost


@pytest.mark.parametrize("body", [b"[]", b'"x"', b'{"error": 1}', b'{"error": {"message": 7}}'])
async def test_an_error_whose_body_is_no_error_is_known_by_its_status(body: bytes) -> None:
    assert isinstance(await ask(Reply(400, body)), UnusableError)
    assert isinstance(await ask(Reply(502, body)), UnansweredError)


async def test_a_reply_that_drips_in_is_not_waited_for() -> None:
    error = await ask(Reply(200, message(), pause_seconds=0.05), timeout_seconds=0.3)
    assert isinstance(error, UnansweredError)
    assert "did not answer in time" in str(error)
    assert error.may_have_cost
