"""What can an operator set of the AI pass? A part of the settings, which `settings.py` reads."""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, Field, PositiveFloat, PositiveInt, SecretStr, field_validator
from pydantic_settings import NoDecode

from service.domain.ai import Account, Plan, Prices

# What a value that cannot be used would have to be; the bounds are those of the fields below.
AI_EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "anthropic_api_key": "a key of visible ASCII characters",
        "ai_model": "the name of a model",
        "ai_base_url": "an address like https://host",
        "ai_prices": "four numbers of 0 or more, separated by commas",
        "ai_requests_per_minute": "a whole number, 1 or more",
        "ai_input_tokens_per_minute": "a whole number, 1 or more",
        "ai_output_tokens_per_minute": "a whole number, 1 or more",
        "ai_max_in_flight": "a whole number from 1 to 1000",
        "ai_documents_per_request": "a whole number from 1 to 50",
        "ai_timeout_seconds": "a number of seconds above 0 and up to 600",
        "ai_give_up_seconds": "a number of seconds above 0 and up to 86400",
    }
)


class AiSettings(BaseModel):
    """The settings of the AI pass."""

    anthropic_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="ANTHROPIC_API_KEY",
        description="Key for the Anthropic API; without it there is no AI pass.",
    )
    ai_model: str = Field(
        default="claude-haiku-5-5", min_length=1, description="Model that the AI pass asks."
    )
    ai_base_url: str = Field(
        default="https://api.anthropic.com",
        pattern=r"^https?://",
        description="Where the AI pass finds the Messages API.",
    )
    ai_prices: Annotated[tuple[float, float, float, float], NoDecode] = Field(
        default=(0.1, 0.5, 0.01, 0.125),
        description="US dollars per million tokens of the model, separated by commas: input, "
        "output, reading and writing the prompt cache.",
    )
    ai_requests_per_minute: PositiveInt = Field(
        default=50, description="Requests per minute, until the API tells its own limit."
    )
    ai_input_tokens_per_minute: PositiveInt = Field(
        default=50_000, description="Input tokens per minute, until the API tells its own limit."
    )
    ai_output_tokens_per_minute: PositiveInt = Field(
        default=10_000, description="Output tokens per minute, until the API tells its own limit."
    )
    ai_max_in_flight: PositiveInt = Field(
        default=64, le=1000, description="Most requests to the API that wait for their answers."
    )
    ai_documents_per_request: PositiveInt = Field(
        default=20, le=50, description="Most documents that one request asks about."
    )
    ai_timeout_seconds: PositiveFloat = Field(
        default=60, le=600, description="How long one answer of the API may take."
    )
    ai_give_up_seconds: PositiveFloat = Field(
        default=120,
        le=86_400,
        description="How long the AI pass goes on while the API answers nothing; then the rules' "
        "answers stay.",
    )

    @field_validator("ai_prices", mode="before")
    @classmethod
    def _read_prices(cls, value: object) -> object:
        """Read numbers separated by commas."""
        return tuple(value.split(",")) if isinstance(value, str) else value

    @field_validator("ai_prices")
    @classmethod
    def _check_prices(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        """Refuse what is no price."""
        if not all(0 <= price < math.inf for price in value):
            raise ValueError("a price is a number of 0 or more")
        return value

    @field_validator("anthropic_api_key")
    @classmethod
    def _check_key(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse what cannot stand in a header."""
        if value is not None and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError("a key has visible ASCII characters alone")
        return value

    @property
    def ai_plan(self) -> Plan:
        """How the AI pass asks, and what that costs."""
        return Plan(Prices(*self.ai_prices), self.ai_documents_per_request)

    @property
    def ai_account(self) -> Account | None:
        """How the AI pass reaches the vendor; None where no key is set."""
        if self.anthropic_api_key is None:
            return None
        return Account(
            key=self.anthropic_api_key.get_secret_value(),
            model=self.ai_model,
            base_url=self.ai_base_url,
            requests_per_minute=self.ai_requests_per_minute,
            input_tokens_per_minute=self.ai_input_tokens_per_minute,
            output_tokens_per_minute=self.ai_output_tokens_per_minute,
            max_in_flight=self.ai_max_in_flight,
            timeout_seconds=self.ai_timeout_seconds,
            give_up_seconds=self.ai_give_up_seconds,
        )
