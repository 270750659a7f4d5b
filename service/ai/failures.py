"""How can asking the model fail, and what follows from it?"""

from service.ai.buckets import NOTHING_TOLD, ToldLimits
from service.domain.ai import Usage


class AiError(Exception):
    """Base of what asking may raise; the text is a sentence that a user can act on."""


class PassFailedError(AiError):
    """No request of this pass can succeed: the rest of its documents keep the rules' answers."""


class ThrottledError(AiError):
    """The vendor wants fewer requests now, for `advice_seconds` where it says for how long."""

    def __init__(self, sentence: str, advice_seconds: float | None, told: ToldLimits) -> None:
        """Keep what the reply advised and told."""
        super().__init__(sentence)
        self.advice_seconds = advice_seconds
        self.told = told


class UnansweredError(AiError):
    """No answer came, or an error of the vendor's own; asking again may help.

    `may_have_cost` says that the vendor may have worked on it all the same.
    """

    def __init__(self, sentence: str, *, may_have_cost: bool = False) -> None:
        """Keep whether it may have cost something."""
        super().__init__(sentence)
        self.may_have_cost = may_have_cost


class UnusableError(AiError):
    """An answer came, or the request was refused, that is of no use: it is about its documents.

    `usage` is what it took, where the vendor counted it.
    """

    def __init__(
        self, sentence: str, usage: Usage | None = None, told: ToldLimits = NOTHING_TOLD
    ) -> None:
        """Keep what the answer took and told."""
        super().__init__(sentence)
        self.usage = usage
        self.told = told
