"""What does asking a model take? One door to the vendor for all runs of the process."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service.ai import admission
from service.ai.admission import Admission
from service.ai.buckets import Limits
from service.ai.expectation import Expectation
from service.ai.pacing import Pacer
from service.ai.resolver import Resolver, connected
from service.domain.ai import Account, Plan


@dataclass(frozen=True, slots=True)
class AiTools:
    """What asking takes; shared by all runs of the process.

    A pass gives up when nothing was answered for `give_up_seconds`.
    """

    resolver: Resolver
    admission: Admission
    expectation: Expectation
    give_up_seconds: float
    plan: Plan


@asynccontextmanager
async def running(account: Account, plan: Plan) -> AsyncIterator[AiTools]:
    """Keep the door to an account open as long as the block lasts; nothing is sent by itself."""
    clock = asyncio.get_running_loop().time
    limits = Limits(
        account.requests_per_minute,
        account.input_tokens_per_minute,
        account.output_tokens_per_minute,
    )
    pacer = Pacer(limits, clock(), account.max_in_flight, seed=os.getpid())
    async with connected(account) as resolver, admission.running(pacer, clock) as door:
        yield AiTools(resolver, door, Expectation(), account.give_up_seconds, plan)
