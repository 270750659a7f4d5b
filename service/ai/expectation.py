"""How many tokens will a request take? Learned from those before it."""

from service.ai.buckets import Load

# The weight of the newest observation in what is learned.
LEARNING_WEIGHT = 0.2


class Expectation:
    """How many tokens a request will take, as far as was learned."""

    _learned = 0
    # A start that is rather too high, for text with many numbers.
    _input_per_byte = 0.4
    _output_per_document = 100.0

    def of(self, size_bytes: int, documents: int) -> Load:
        """Return what a request of this size, over so many documents, should take."""
        return Load(size_bytes * self._input_per_byte, documents * self._output_per_document)

    def learn(self, size_bytes: int, documents: int, real: Load) -> None:
        """Take what a request really took into account; the first ones teach the most."""
        self._learned += 1
        weight = max(1 / self._learned, LEARNING_WEIGHT)
        self._input_per_byte = blend(self._input_per_byte, real.input_tokens / size_bytes, weight)
        self._output_per_document = blend(
            self._output_per_document, real.output_tokens / documents, weight
        )


def blend(old: float, new: float, weight: float = LEARNING_WEIGHT) -> float:
    """Return the learned value after one more observation."""
    return old + weight * (new - old)
