"""What does a newcomer see first? The shipped sample, matched live through the public API."""

from service.domain.errors import MatchstreamError


class SampleError(MatchstreamError):
    """The sample could not be loaded, run or shown."""

    code = "sample_failed"


async def run(url: str, key: str) -> None:
    """Load the sample."""
    raise SampleError(f"{url} {key}")
