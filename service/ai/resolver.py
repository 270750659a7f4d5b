"""Who answers a prompt? Whoever the account is with; the vendor's code comes when it is needed."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from service.ai.buckets import ToldLimits
from service.ai.prompt import Prompt
from service.domain.ai import Account, Usage

# Measured: the SDK is .9 s of the 1.5 s that importing the service takes, and most commands and
# services ask nobody.
_VENDOR = "service.ai.anthropic_messages"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a prompt: the text, what it took, and what the reply told of limits."""

    text: str
    usage: Usage
    told: ToldLimits


class Resolver(Protocol):
    """Something that answers prompts."""

    @property
    def model(self) -> str:
        """The name of the model that answers."""

    async def ask(self, prompt: Prompt) -> Answer:
        """Return the model's answer; raises an `AiError` that says what follows."""


@asynccontextmanager
async def connected(account: Account) -> AsyncIterator[Resolver]:
    """Keep a connection to the account's vendor as long as the block lasts."""
    async with importlib.import_module(_VENDOR).connected(account) as resolver:
        yield resolver
