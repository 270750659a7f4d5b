"""How does Claude answer a prompt? By the vendor's SDK, whose errors are translated here.

The SDK's own retries are off: `service/ai/pacing.py` decides when something is sent. So is its
reading of replies: it checks nothing, and a reply may come from a proxy on the way.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Annotated, NoReturn, TypeAlias

import anthropic
import httpx2
import msgspec

from service.ai.buckets import Told, ToldLimits
from service.ai.failures import (
    PassFailedError,
    ThrottledError,
    UnansweredError,
    UnusableError,
)
from service.ai.prompt import SCHEMA, SYSTEM, Prompt
from service.ai.resolver import Answer
from service.domain.ai import Account, Usage

CONNECT_SECONDS = 10.0
# No answer takes as many: what counts more is no count.
MOST_TOKENS = 2**31 - 1

_Tokens: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)]


class _Usage(msgspec.Struct):
    input_tokens: _Tokens
    output_tokens: _Tokens
    cache_read_input_tokens: _Tokens | None = None
    cache_creation_input_tokens: _Tokens | None = None


class _Block(msgspec.Struct):
    type: str
    text: str = ""


class _Message(msgspec.Struct):
    content: list[_Block]
    usage: _Usage
    stop_reason: str | None = None


class AnthropicResolver:
    """Claude, by its own SDK; a `Resolver`; use `connected`."""

    def __init__(self, client: anthropic.AsyncAnthropic, model: str, limit_seconds: float) -> None:
        """Ask the model through the client, which the caller closes, for so long at most."""
        self._client = client
        self._model = model
        self._limit_seconds = limit_seconds

    @property
    def model(self) -> str:
        """The name of the model that answers."""
        return self._model

    async def ask(self, prompt: Prompt) -> Answer:
        """Send one request; see `Resolver.ask`."""
        try:
            # The SDK's limits are those of a step: a reply that drips in would never break them.
            async with asyncio.timeout(self._limit_seconds):
                reply = await self._client.messages.with_raw_response.create(
                    model=self._model,
                    max_tokens=prompt.max_tokens,
                    # The same for every request: paid once, then read from the vendor's cache.
                    system=[
                        {"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}
                    ],
                    messages=[{"role": "user", "content": prompt.text}],
                    thinking={"type": "adaptive"},
                    output_config={
                        "effort": "low",
                        "format": {"type": "json_schema", "schema": dict(SCHEMA)},
                    },
                )
                body = await reply.read()
        except anthropic.APIStatusError as error:
            _raise_for_status(error, self._model)
        except (anthropic.APITimeoutError, TimeoutError) as error:
            sentence = "The Anthropic API did not answer in time."
            raise UnansweredError(sentence, may_have_cost=True) from error
        except anthropic.APIConnectionError as error:
            raise UnansweredError(
                f"The Anthropic API at {self._client.base_url} cannot be reached: check the "
                "network, a proxy, and MATCHSTREAM_AI_BASE_URL.",
                may_have_cost=not isinstance(error.__cause__, httpx2.ConnectError),
            ) from error
        return _answer(_read(body), _told(reply.headers))


@asynccontextmanager
async def connected(account: Account) -> AsyncIterator[AnthropicResolver]:
    """Lend a resolver over an account, and close its connections after the block."""
    timeout = anthropic.Timeout(account.timeout_seconds, connect=CONNECT_SECONDS)
    async with anthropic.AsyncAnthropic(
        api_key=account.key, base_url=account.base_url, timeout=timeout, max_retries=0
    ) as client:
        yield AnthropicResolver(client, account.model, account.timeout_seconds)


def _read(body: bytes) -> _Message:
    try:
        return msgspec.convert(json.loads(body), _Message)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        sentence = (
            "The Anthropic API sent a reply that cannot be read: check a proxy, and "
            "MATCHSTREAM_AI_BASE_URL."
        )
        raise UnansweredError(sentence, may_have_cost=True) from error


def _answer(message: _Message, told: ToldLimits) -> Answer:
    usage = _usage(message)
    if message.stop_reason == "refusal":
        raise UnusableError("the model refused to answer", usage, told)
    if message.stop_reason == "max_tokens":
        raise UnusableError("the answer was cut off at its largest size", usage, told)
    if message.stop_reason != "end_turn":
        raise UnusableError("the answer stopped for an unknown reason", usage, told)
    text = "".join(block.text for block in message.content if block.type == "text")
    return Answer(text, usage, told)


def _usage(message: _Message) -> Usage:
    usage = message.usage
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read=usage.cache_read_input_tokens or 0,
        cache_written=usage.cache_creation_input_tokens or 0,
    )


def _raise_for_status(error: anthropic.APIStatusError, model: str) -> NoReturn:
    """Translate an error status into what follows from it."""
    status, told = error.status_code, _told(error.response.headers)
    if status == 529 or error.type == "overloaded_error":
        advice = _advice(error.response.headers)
        raise ThrottledError("The Anthropic API is overloaded.", advice, told) from error
    if status == 429:
        sentence = "The Anthropic API refuses requests for reaching its rate limit."
        raise ThrottledError(sentence, _advice(error.response.headers), told) from error
    # Told with the status 400, too.
    if error.type == "billing_error" or "credit balance" in str(error.api_message):
        raise PassFailedError(_PASS_FAILS[402]) from error
    if status in _PASS_FAILS:
        raise PassFailedError(_PASS_FAILS[status].format(model=model)) from error
    if status >= 500 or status in _WORTH_ANOTHER_TRY:
        raise UnansweredError(f"The Anthropic API answers with its error {status}.") from error
    raise UnusableError(f"the Anthropic API refused the request ({status})", None, told) from error


_WORTH_ANOTHER_TRY = frozenset({408, 409})
_PASS_FAILS: Mapping[int, str] = MappingProxyType(
    {
        401: "The Anthropic API does not accept the key: set ANTHROPIC_API_KEY to a valid one, "
        "start the service again, then ask for `ai-resolve`.",
        402: "The Anthropic account has no credit left: add credit in the Anthropic console, then "
        "ask for `ai-resolve`.",
        403: "The key in ANTHROPIC_API_KEY may not use the Messages API or the model {model}: "
        "change its rights in the Anthropic console, then ask for `ai-resolve`.",
        404: "The Anthropic API knows no model {model}: set MATCHSTREAM_AI_MODEL to one it has, "
        "start the service again, then ask for `ai-resolve`.",
    }
)


def _told(headers: Mapping[str, str]) -> ToldLimits:
    return ToldLimits(
        _told_of(headers, "requests"),
        _told_of(headers, "input-tokens"),
        _told_of(headers, "output-tokens"),
    )


def _told_of(headers: Mapping[str, str], name: str) -> Told:
    return Told(
        _number(headers, f"anthropic-ratelimit-{name}-limit"),
        _number(headers, f"anthropic-ratelimit-{name}-remaining"),
    )


def _advice(headers: Mapping[str, str]) -> float | None:
    return _number(headers, "retry-after")


def _number(headers: Mapping[str, str], name: str) -> float | None:
    """Read a header that should be a number of 0 or more; None when it is none."""
    try:
        number = float(headers.get(name, ""))
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
