"""How does a person try the AI pass without a key? By this stand-in for the Messages API."""

import asyncio
import os

from tests.fake_ai.vendor import GOOD_KEY, Behaviour, Vendor, running

PORT = 8787
LATENCY_SECONDS = 0.5

HELP = """\
The stand-in for the Anthropic API is ready at {url}
It knows nothing: it goes by the score of the rules alone. Start the service with it, in another
shell, and nothing leaves this machine:

    ANTHROPIC_API_KEY={key} MATCHSTREAM_AI_BASE_URL={url} make run

Ctrl-C stops it."""


def main() -> None:
    """Serve until interrupted; FAKE_AI_PORT chooses the port."""
    try:
        asyncio.run(_serve(int(os.environ.get("FAKE_AI_PORT", PORT))))  # noqa: TID251 - a tool
    except KeyboardInterrupt:
        return


async def _serve(port: int) -> None:
    vendor = Vendor(Behaviour(latency_seconds=LATENCY_SECONDS), keeps_requests=False)
    async with running(vendor, port) as url:
        print(HELP.format(url=url, key=GOOD_KEY), flush=True)  # noqa: T201 - that is the point
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
