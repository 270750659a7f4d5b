"""How would one send the requests at first? All at once, a few at a time, or by a rate limiter."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import anthropic
from aiolimiter import AsyncLimiter

from tests.benchmarks.ai_scenes import new_vendor, used_share
from tests.fake_ai import vendor
from tests.fake_ai.limits import MINUTE, VendorLimits
from tests.fake_ai.vendor import GOOD_KEY

AT_ONCE = 10

Send = Callable[[dict[str, Any]], Awaitable[None]]
Baseline = Callable[[Send, Sequence[dict[str, Any]], VendorLimits], Awaitable[None]]


async def all_at_once(send: Send, requests: Sequence[dict[str, Any]], limits: VendorLimits) -> None:
    """`asyncio.gather` over everything."""
    await asyncio.gather(*(send(each) for each in requests))


async def few_at_a_time(
    send: Send, requests: Sequence[dict[str, Any]], limits: VendorLimits
) -> None:
    """A semaphore of ten."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(request: dict[str, Any]) -> None:
        async with room:
            await send(request)

    await asyncio.gather(*(one(each) for each in requests))


async def by_limiter(send: Send, requests: Sequence[dict[str, Any]], limits: VendorLimits) -> None:
    """`aiolimiter` at the limit of requests that the limits come to."""
    per_request = sum(map(size_of, requests)) / len(requests)
    allowed = min(limits.requests, limits.input_tokens / per_request)
    limiter = AsyncLimiter(allowed, MINUTE)

    async def one(request: dict[str, Any]) -> None:
        async with limiter:
            await send(request)

    await asyncio.gather(*(one(each) for each in requests))


def size_of(request: dict[str, Any]) -> int:
    """The input tokens that count."""
    return vendor.count_tokens(request["messages"][0]["content"])


BASELINES: dict[str, Baseline] = {
    "gather, SDK retries": all_at_once,
    "semaphore of 10, SDK retries": few_at_a_time,
    "aiolimiter, SDK retries": by_limiter,
}


async def use(
    baseline: Baseline,
    limits: VendorLimits,
    requests: Sequence[dict[str, Any]],
    times: tuple[float, float],
) -> dict[str, Any]:
    """Send the requests so for as long as the pass had; return the figures.

    `times` are the seconds in all, and those that count as the beginning; `lost` are requests.
    """
    seconds, ramp = times
    stand_in = new_vendor(limits)
    failed = 0
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(vendor.running(stand_in))
        client = await stack.enter_async_context(
            anthropic.AsyncAnthropic(api_key=GOOD_KEY, base_url=url)
        )

        async def send(request: dict[str, Any]) -> None:
            nonlocal failed
            try:
                await client.messages.create(**request)
            except anthropic.APIError:
                failed += 1

        began = asyncio.get_running_loop().time()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds + 1):
                await baseline(send, requests, limits)
        end = began + seconds
    return {
        "steady": used_share(stand_in.served, limits, (began + ramp, end)),
        "whole": used_share(stand_in.served, limits, (began, end)),
        "refused": stand_in.replies[429],
        "lost": failed,
        "requests": len(stand_in.served),
    }
