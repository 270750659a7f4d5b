"""What does the stand-in for the Messages API check, count and answer?"""

import asyncio
import json
import random
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.fake_ai import http_server
from tests.fake_ai.http_server import Reply, Request
from tests.fake_ai.limits import VendorBucket, VendorLimits
from tests.fake_ai.policies import Policy, by_score
from tests.fake_ai.request_check import BadRequestError, check_body

MODEL = "claude-haiku-5-5"
GOOD_KEY = "sk-ant-stand-in"
CACHE_MINIMUM_TOKENS = 512
CACHE_SECONDS = 300.0


class Trouble(StrEnum):
    """How a request may go wrong."""

    THROTTLED = "429"
    OVERLOADED = "529"
    ERROR = "500"
    CUT = "connection cut in the middle of the reply"
    SILENT = "no reply at all"
    NO_CREDIT = "402"
    FORBIDDEN = "403"
    MAX_TOKENS = "stopped at max_tokens"
    REFUSAL = "refused by the model"
    NOT_JSON = "a text that is no JSON"
    WRONG_SHAPE = "JSON of another schema"
    LEFT_OUT = "one document left out"
    TWICE = "one document decided twice, differently"
    FOREIGN = "candidates and documents that were not offered"
    UNSURE = "a confidence above 1"
    UNCOUNTED = "an answer that does not say what it took"


@dataclass
class Behaviour:
    """How the stand-in behaves now; a test may change it while it runs.

    `troubles` come first, one per request, None for none; `trouble_of` may then name one by the
    documents; `storm` meets every request as long as it is set.
    """

    policy: Policy = field(default_factory=by_score)
    latency_seconds: float = 0.02
    latency_spread: float = 0.2
    troubles: deque[Trouble | None] = field(default_factory=deque)
    trouble_of: Callable[[Sequence[Mapping[str, Any]]], Trouble | None] = lambda _: None
    storm: Trouble | None = None
    advice_seconds: float | None = None
    tells_limits: bool = True
    keys: frozenset[str] = frozenset({GOOD_KEY})
    models: frozenset[str] = frozenset({MODEL})


@dataclass(frozen=True, slots=True)
class Served:
    """A request that was answered: when (loop time), and what it took."""

    at: float
    input_tokens: int
    output_tokens: int
    cache_read: int
    documents: int


@dataclass
class Vendor:
    """The account of one client, and all that happened to it."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    limits: VendorLimits = field(default_factory=VendorLimits)
    replies: Counter[int] = field(default_factory=Counter)
    served: list[Served] = field(default_factory=list)
    asked: list[list[dict[str, Any]]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    refused_by: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0
    keeps_requests: bool = True

    def __post_init__(self) -> None:
        """Fill the buckets."""
        self._draw = random.Random(1)
        self._cached: dict[str, float] = {}
        self.arrived = asyncio.Event()
        self.idle = asyncio.Event()
        self.set_limits(self.limits)

    def set_limits(self, limits: VendorLimits) -> None:
        """Change what is allowed."""
        self.limits = limits
        self._requests = VendorBucket("requests", limits.requests, 1.0, limits)
        self._input = VendorBucket("input-tokens", limits.input_tokens, 0.0, limits)
        self._output = VendorBucket("output-tokens", limits.output_tokens, 0.0, limits)

    async def handle(self, request: Request) -> Reply:
        """Answer one request."""
        self.in_flight += 1
        self.idle.clear()
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            reply = await self._answer(request)
        except BadRequestError as error:
            reply = _error(error.status, error.kind, str(error))
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self.idle.set()
        self.replies[reply.status] += 1
        return reply

    async def _answer(self, request: Request) -> Reply:
        body, documents = check_body(request, self.behaviour.keys, self.behaviour.models)
        if self.keeps_requests:
            self.asked.append(documents)
            self.bodies.append(body)
        self.arrived.set()
        behaviour = self.behaviour
        trouble = behaviour.storm
        if trouble is None and behaviour.troubles:
            trouble = behaviour.troubles.popleft()
        trouble = trouble or behaviour.trouble_of(documents)
        refusal = await self._refuse(trouble)
        if refusal is not None:
            return refusal
        usage = self._input_usage(body)
        throttled = self._throttle(usage["input_tokens"] + usage["cache_creation_input_tokens"])
        if throttled is not None:
            return throttled
        spread = 1 + behaviour.latency_spread * (2 * self._draw.random() - 1)
        await asyncio.sleep(behaviour.latency_seconds * spread)
        text, stop = self._text(documents, trouble)
        usage["output_tokens"] = count_tokens(text)
        now = asyncio.get_running_loop().time()
        self._output.take(usage["output_tokens"], now)
        self.served.append(
            Served(
                now,
                usage["input_tokens"] + usage["cache_creation_input_tokens"],
                usage["output_tokens"],
                usage["cache_read_input_tokens"],
                len(documents),
            )
        )
        message = {
            "id": f"msg_{len(self.served):08}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [{"type": "text", "text": text}],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {} if trouble is Trouble.UNCOUNTED else usage,
        }
        return Reply(200, message, self._headers(), is_cut=trouble is Trouble.CUT)

    async def _refuse(self, trouble: Trouble | None) -> Reply | None:
        match trouble:
            case Trouble.THROTTLED:
                return self._too_many("scripted", self.behaviour.advice_seconds)
            case Trouble.OVERLOADED:
                advice = self.behaviour.advice_seconds
                headers = {} if advice is None else {"retry-after": f"{advice:g}"}
                return _error(529, "overloaded_error", "Overloaded", headers)
            case Trouble.ERROR:
                return _error(500, "api_error", "Internal server error")
            case Trouble.NO_CREDIT:
                return _error(400, "invalid_request_error", "Your credit balance is too low.")
            case Trouble.FORBIDDEN:
                return _error(403, "permission_error", "Not allowed.")
            case Trouble.SILENT:
                await asyncio.Event().wait()
        return None

    def _throttle(self, input_tokens: int) -> Reply | None:
        now = asyncio.get_running_loop().time()
        wanted = ((self._requests, 1.0), (self._input, float(input_tokens)), (self._output, 1.0))
        waits = {bucket.name: bucket.missing_seconds(amount, now) for bucket, amount in wanted}
        name = max(waits, key=lambda each: waits[each])
        if waits[name] > 0:
            return self._too_many(name, waits[name])
        self._requests.take(1.0, now)
        self._input.take(input_tokens, now)
        return None

    def _too_many(self, name: str, seconds: float | None) -> Reply:
        self.refused_by[name] += 1
        headers = self._headers()
        if seconds is not None:
            headers["retry-after"] = str(max(1, round(seconds + 0.499)))
        return _error(429, "rate_limit_error", f"Above the limit of {name}.", headers)

    def _headers(self) -> dict[str, str]:
        if not self.behaviour.tells_limits:
            return {}
        now = asyncio.get_running_loop().time()
        for bucket in (self._requests, self._input, self._output):
            bucket.missing_seconds(0.0, now)
        tokens = {**self._input.headers(1_000), **self._output.headers(1_000)}
        return {**self._requests.headers(1), **tokens}

    def _input_usage(self, body: Mapping[str, Any]) -> dict[str, int]:
        content = body["messages"][0]["content"]
        system = "".join(block["text"] for block in body["system"])
        counted, prefix = count_tokens(content), count_tokens(system)
        usage = {
            "input_tokens": counted,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        }
        if prefix < CACHE_MINIMUM_TOKENS or "cache_control" not in body["system"][-1]:
            usage["input_tokens"] += prefix
            return usage
        now = asyncio.get_running_loop().time()
        is_warm = self._cached.get(system, 0.0) > now
        self._cached[system] = now + CACHE_SECONDS
        usage["cache_read_input_tokens" if is_warm else "cache_creation_input_tokens"] = prefix
        return usage

    def _text(
        self, documents: Sequence[Mapping[str, Any]], trouble: Trouble | None
    ) -> tuple[str, str]:
        decisions = [
            {"document": each["document"], **self.behaviour.policy(each)} for each in documents
        ]
        match trouble:
            case Trouble.REFUSAL:
                return "", "refusal"
            case Trouble.NOT_JSON:
                return "I would rather talk about something else.", "end_turn"
            case Trouble.WRONG_SHAPE:
                return json.dumps({"decisions": {"1": "yes"}}), "end_turn"
            case Trouble.LEFT_OUT:
                decisions = decisions[1:]
            case Trouble.TWICE:
                decisions.append({**decisions[0], "candidate": "none"})
            case Trouble.FOREIGN:
                decisions[0]["candidate"] = "5"
                decisions.append({**decisions[0], "document": "4711"})
            case Trouble.UNSURE:
                decisions[0]["confidence"] = 1.5
        text = json.dumps({"decisions": decisions})
        if trouble is Trouble.MAX_TOKENS:
            return text[: len(text) // 2], "max_tokens"
        return text, "end_turn"


_TOKEN = re.compile(r"\w{1,4}|[^\w\s]")


def count_tokens(text: str) -> int:
    """Count as a tokenizer might: pieces of words, and every other sign."""
    return len(_TOKEN.findall(text))


def _error(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return Reply(status, body, headers or {})


@asynccontextmanager
async def running(vendor: Vendor, port: int = 0) -> AsyncIterator[str]:
    """Serve the stand-in as long as the block lasts; yields its address."""
    async with http_server.serving(vendor.handle, port=port) as taken:
        yield f"http://127.0.0.1:{taken}"
