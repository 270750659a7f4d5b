"""What is in a workspace that has one of everything, and how is it asked for?"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from service.api.routes import Endpoint
from service.domain.identifiers import new_id
from tests.api.live import Live, running

# What a route cannot be asked without.
QUERIES = {"/v1/matching/runs/{run_id}/results/export": "?format=ndjson"}
# What is another one in every reply.
_VARIES = ("x-request-id", "date", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit")


@dataclass(frozen=True, slots=True)
class Known:
    """A workspace with one of everything, and the ids of it all."""

    live: Live
    client: httpx2.AsyncClient
    ids: dict[str, str]

    def path(self, endpoint: Endpoint, ids: dict[str, str] | None = None) -> str:
        """The path of the endpoint for these ids, or for what there is."""
        chosen = self.ids if ids is None else ids
        missing = set(re.findall(r"{(\w+)", endpoint.path)) - set(chosen)
        assert missing == set(), f"name what {missing} stands for in this test"
        path = re.sub(r"{(\w+)(:\w+)?}", lambda found: quote(chosen[found[1]]), endpoint.path)
        return path + QUERIES.get(endpoint.path, "")

    def made_up(self) -> dict[str, str]:
        """Ids of nothing."""
        return {name: str(new_id()) for name in self.ids}

    async def ask(
        self, endpoint: Endpoint, headers: dict[str, str], path: str, body: Any = None
    ) -> "Told":
        """Send the request; of a stream, take the first part."""
        sent: dict[str, Any] = {} if body is None else {"json": body}
        asked = self.client.stream(endpoint.method, path, headers=headers, **sent)
        async with asked as reply:
            if "event-stream" in reply.headers.get("content-type", ""):
                text = (await anext(reply.aiter_bytes())).decode()
            else:
                text = (await reply.aread()).decode()
        kept = {name: value for name, value in reply.headers.items() if name not in _VARIES}
        return Told(reply.status_code, kept, text)


@dataclass(frozen=True, slots=True)
class Told:
    """A reply."""

    status: int
    headers: dict[str, str]
    text: str

    def without(self, *ids: str) -> tuple[int, dict[str, str], str]:
        """The reply as it is for any ids."""
        text = re.sub(r'"request_id":"[^"]+"', "", self.text)
        headers = dict(self.headers)
        for each in ids:
            text = text.replace(each, "ID").replace(quote(each), "ID")
        # Ids of different lengths.
        headers.pop("content-length", None)
        headers.pop("etag", None)
        return self.status, headers, text


@asynccontextmanager
async def knowing(database_url: str, tmp_path: Path) -> AsyncIterator[Known]:
    """Bring up a service, and make one of everything."""
    async with running(database_url, tmp_path, documents=5) as live:
        run = await live.completed()
        result = (await live.get(run["links"]["results"]))["data"][0]
        rows = await live.get(f"/v1/reference-data/{live.world.reference_id}/rows")
        hook = await live.client.post("/v1/webhooks", json={"url": "https://hooks.example/secret"})
        assert hook.status_code == 201, hook.text
        webhook_id = hook.json()["id"]
        ping = await live.client.post(f"/v1/webhooks/{webhook_id}/ping")
        assert ping.status_code < 300, ping.text
        deliveries = await live.get(f"/v1/webhooks/{webhook_id}/deliveries")
        keys = await live.get("/v1/api-keys")
        ids = {
            "reference_data_id": str(live.world.reference_id),
            "row_id": rows["data"][0]["id"],
            "document_id": result["document_id"],
            "config_id": str(live.world.config_id),
            "run_id": run["id"],
            "result_id": result["id"],
            "api_key_id": keys["data"][0]["id"],
            "webhook_id": webhook_id,
            "delivery_id": deliveries["data"][0]["id"],
        }
        async with httpx2.AsyncClient(base_url=live.client.base_url) as client:
            yield Known(live, client, ids)
