"""Is nothing lost to webhooks when the service is killed between commit and delivery?"""

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
from standardwebhooks import Webhook as Verifier

from tests import receiver
from tests.receiver import Receiver
from tests.service_process import ServiceProcess, running

HERE = {"MATCHSTREAM_WEBHOOK_ALLOW_HTTP": "true", "MATCHSTREAM_WEBHOOK_NETWORKS": "127.0.0.1"}
END_SECONDS = 30.0


async def test_what_was_committed_is_delivered_after_kill_9(tmp_path: Path) -> None:
    async with receiver.receiving(receiver.hang) as hook:
        with ExitStack() as stack:
            service = await start(stack, tmp_path)
            async with client_of(service) as client:
                webhook = await post(client, "/v1/webhooks", {"url": hook.url})
                run = await complete_a_run(client)
            # One message hangs, and the others wait for it.
            await hook.wait_for(1)
            service.process.send_signal(signal.SIGKILL)
            service.process.wait()
        before = list(hook.messages)
        hook.answering = receiver.take
        with ExitStack() as stack:
            service = await start(stack, tmp_path)
            after = (await hook.wait_for(len(before) + 4))[len(before) :]
            async with client_of(service) as client:
                listed = await delivered(client, webhook, hook)
            assert await asyncio.to_thread(service.stop) == 0
    about_run = [each for each in after if each.json["data"].get("run_id") == run["id"]]
    assert [each.json["type"] for each in about_run] == [
        "run.queued",
        "run.started",
        "run.completed",
    ]
    # Those that were under way come again, as the same messages.
    assert {each.id for each in before} <= {each.id for each in after}
    for message in after:
        Verifier(webhook["secret"]).verify(message.body, dict(message.headers))
    assert {each["event_id"] for each in listed} == {each.id for each in after}


async def start(stack: ExitStack, folder: Path) -> ServiceProcess:
    """Start a service that may send to this machine, without holding up who receives."""
    service = running(folder / "data", extra=HERE)
    return await asyncio.to_thread(stack.enter_context, service)


def client_of(service: ServiceProcess) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=service.url, headers=service.headers, timeout=30, trust_env=False
    )


async def post(client: httpx2.AsyncClient, path: str, body: Any = None) -> Any:
    return (await client.post(path, json=body)).raise_for_status().json()


async def complete_a_run(client: httpx2.AsyncClient) -> Any:
    rows = [{"name": f"vendor {number}"} for number in range(5)]
    data = await post(client, "/v1/reference-data", {"name": "Vendors", "data": rows})
    documents = [{"id": "a", "fields": {"vendor": "vendor 1"}}]
    await post(client, "/v1/documents", {"documents": documents})
    mapping = {"source": "vendor", "target": "name", "strategy": "fuzzy", "weight": 1}
    config = {"name": "V", "reference_data_id": data["id"], "field_mappings": [mapping]}
    made = await post(client, "/v1/matching/configs", config)
    run = await post(client, f"/v1/matching/configs/{made['id']}/run")
    async with client.stream("GET", run["links"]["events"]) as stream:
        async for _ in stream.aiter_lines():
            pass
    ended = (await client.get(run["links"]["self"])).json()
    assert ended["status"] == "completed"
    return ended


async def delivered(client: httpx2.AsyncClient, webhook: Any, hook: Receiver) -> Any:
    """Return the list of deliveries once all are done: a ping that comes last tells so."""
    count = len(hook.messages)
    ping = await post(client, f"{webhook['links']['self']}/ping")
    await hook.wait_for(count + 1)
    async with asyncio.timeout(END_SECONDS):
        while True:
            listed = (await client.get(webhook["links"]["deliveries"])).json()["data"]
            if all(each["status"] == "delivered" for each in listed):
                return [each for each in listed if each["id"] != ping["id"]]
