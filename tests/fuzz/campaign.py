"""What does a campaign of fuzzing consist of: a real service with data, requests, and a verdict?"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import httpx2

from service.cli.demo import COLLECTION
from tests.fuzz.checks import KEPT_VARIABLE
from tests.service_process import ServiceProcess, running

COMMAND = str(Path(sys.executable).with_name("schemathesis"))
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
ROOT = Path(__file__).parents[2]
KEPT = "kept.json"
PLENTY = "1000000000"
SETTINGS = {
    "MATCHSTREAM_READS_PER_MINUTE": PLENTY,
    "MATCHSTREAM_WRITES_PER_MINUTE": PLENTY,
    "MATCHSTREAM_UPLOADS_PER_MINUTE": PLENTY,
    "MATCHSTREAM_WEBHOOK_ALLOW_HTTP": "true",
    "MATCHSTREAM_WEBHOOK_NETWORKS": "127.0.0.0/8",
    "MATCHSTREAM_LOG_LEVEL": "warning",
}
# A port where nothing listens.
NOBODY = "http://127.0.0.1:1024/"
# How often a value is one of something that is there.
KNOWN_SHARE = 0.7


def run(folder: Path, examples: int, seed: int, output: TextIO) -> list[str]:
    """Fuzz a service of its own; return what is wrong; the report goes to `output`."""
    log = folder / "service.log"
    faults = []
    with running(folder / "data", "demo", SETTINGS, stderr=log) as service:
        known = known_values(service)
        (folder / CONFIGURATION.name).write_text(configuration(known))
        (folder / KEPT).write_text(json.dumps(sum(known.values(), own_key(service))))
        if fuzz(service, folder, ("--max-examples", str(examples), "--seed", str(seed)), output):
            faults.append("Replies are not as the description says: see the report above.")
        ready = httpx2.get(f"{service.url}/readyz")
        if ready.status_code != 200:
            faults.append(f"The service is not ready any more: {ready.text}")
        if service.stop() != 0:
            faults.append(f"The service ended with {service.process.returncode}.")
    logged = [line for line in log.read_text().splitlines() if "request_failed" in line]
    return faults + [f"The service logged a fault: {line}" for line in logged]


def fuzz(service: ServiceProcess, folder: Path, options: Sequence[str], output: TextIO) -> bool:
    """Let schemathesis send its requests; return whether it found anything."""
    command = [COMMAND, "--config-file", str(folder / CONFIGURATION.name), "run", "--no-color"]
    command += [f"{service.url}/openapi.json", *options]
    command += ["--header", f"Authorization: Bearer {service.key}"]
    environment = {**os.environ, KEPT_VARIABLE: str(folder / KEPT)}  # noqa: TID251 - passed on
    done = subprocess.run(
        command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env=environment, check=False
    )
    return done.returncode != 0


def own_key(service: ServiceProcess) -> list[str]:
    """The id of the key that the requests carry: the first one, and the only one so far."""
    with httpx2.Client(base_url=service.url, headers=service.headers) as client:
        return ids(listed(client, "/v1/api-keys"))


def known_values(service: ServiceProcess) -> Mapping[str, list[str]]:
    """What the sample made, by the places of requests that may name it."""
    with httpx2.Client(base_url=service.url, headers=service.headers) as client:
        tables = listed(client, "/v1/reference-data")
        configs = listed(client, "/v1/matching/configs")
        runs = listed(client, "/v1/matching/runs")
        results = listed(client, f"/v1/matching/runs/{ids(runs)[0]}/results")
        webhook = add_webhook(client)
        deliveries = listed(client, f"/v1/webhooks/{webhook}/deliveries")
    rows = [result["matched_reference_row_id"] or "row_1" for result in results]
    documents = [result["document_id"] for result in results]
    return {
        "path.reference_data_id": ids(tables),
        "path.row_id": rows,
        "path.document_id": documents,
        "path.config_id": ids(configs),
        "path.run_id": ids(runs),
        "path.result_id": ids(results),
        "path.webhook_id": [webhook],
        "path.delivery_id": ids(deliveries),
        "query.config_id": ids(configs),
        "query.document_id": documents,
        "query.collection": [COLLECTION],
        "body.reference_data_id": ids(tables),
        "body.field_mappings[*].target": [column["name"] for column in tables[0]["columns"]],
        "body.collection": [COLLECTION],
        "body.matched_reference_row_id": rows,
        # Any version: what is named is changed, whatever it was.
        "header.If-Match": ["*"],
    }


def add_webhook(client: httpx2.Client) -> str:
    """Make a webhook whose deliveries nobody takes, with one of them; return its id."""
    made = client.post("/v1/webhooks", json={"url": NOBODY, "types": ["run.failed"]})
    assert made.status_code == 201, made.text
    webhook: str = made.json()["id"]
    sent = client.post(f"/v1/webhooks/{webhook}/ping")
    assert sent.is_success, sent.text
    return webhook


def listed(client: httpx2.Client, path: str) -> list[Any]:
    """A list's first items."""
    reply = client.get(path, params={"limit": 5})
    assert reply.status_code == 200, reply.text
    return list(reply.json()["data"])


def ids(items: list[Any]) -> list[str]:
    """The ids of items."""
    return [item["id"] for item in items]


def configuration(known: Mapping[str, list[str]]) -> str:
    """The configuration of schemathesis, with the values that are there."""
    parts = [CONFIGURATION.read_text()]
    for number, (place, values) in enumerate(known.items()):
        # A list of plain texts is written in TOML as it is in JSON.
        parts.append(f"[dictionaries.known_{number}]\nvalues = {json.dumps(values)}")
        parts.append(
            f'[parameters."{place}"]\ndictionary = "known_{number}"\nprobability = {KNOWN_SHARE}'
        )
    return "\n".join(parts)
