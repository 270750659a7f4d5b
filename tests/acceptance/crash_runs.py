"""What does a test of crashes run, and how does it see that nothing was lost or doubled?"""

import json
from typing import Any

import httpx2

from tests.service_process import ServiceProcess

ROWS = 2_000


class Client(httpx2.Client):
    """A client of a service that is running, with its key."""

    def __init__(self, service: ServiceProcess) -> None:
        """Talk to the service and to nothing else."""
        super().__init__(base_url=service.url, headers=service.headers, timeout=30, trust_env=False)


def make_rows(count: int) -> list[dict[str, str]]:
    """Reference rows of which many are alike."""
    return [
        {"name": f"vendor {place} of the {place % 97} quay", "number": f"N{place}"}
        for place in range(count)
    ]


def document_id(place: int) -> str:
    """The id of a document; ids sort as places do."""
    return f"doc_{place:05}"


def start_run(client: httpx2.Client, documents: int) -> Any:
    """Upload reference data, documents and a config, and start a run over them."""
    config = add_config(client, documents)
    return client.post(f"/v1/matching/configs/{config['id']}/run").raise_for_status().json()


def add_config(client: httpx2.Client, documents: int) -> Any:
    """Upload reference data, documents, and a config over them."""
    body = {"name": "Vendors", "data": make_rows(ROWS)}
    reference = client.post("/v1/reference-data", json=body).raise_for_status().json()
    lines = [
        json.dumps({"id": document_id(place), "fields": {"vendor": f"vendor {place} of the quay"}})
        for place in range(documents)
    ]
    headers = {"Content-Type": "application/x-ndjson"}
    client.post("/v1/documents", content="\n".join(lines), headers=headers).raise_for_status()
    # Of all scorers this one takes longest: what is to be interrupted must not be over by then.
    mapping = {"source": "vendor", "target": "name", "strategy": "fuzzy", "scorer": "token_set"}
    config = {
        "name": "Vendors",
        "reference_data_id": reference["id"],
        "field_mappings": [{**mapping, "weight": 1}],
    }
    return client.post("/v1/matching/configs", json=config).raise_for_status().json()


def wait_for_documents(client: httpx2.Client, run: Any, least: int) -> None:
    """Follow the stream until so many documents are done."""
    with client.stream("GET", run["links"]["events"]) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told = json.loads(line.removeprefix("data: "))
                if ((told.get("progress") or told["run"])["rows_processed"] or 0) >= least:
                    return
    raise AssertionError("the stream ended before enough documents were done")


def wait_until_ended(client: httpx2.Client, run: Any) -> Any:
    """Follow the stream to its end; return the run as it is then."""
    with client.stream("GET", run["links"]["events"]) as stream:
        for _ in stream.iter_lines():
            pass
    return client.get(run["links"]["self"]).raise_for_status().json()


def check_whole(client: httpx2.Client, run: Any, documents: int) -> None:
    """One result per document, counters equal to the rows, event numbers without gap or repeat."""
    results = all_results(client, run)
    assert [each["document_id"] for each in results] == [
        document_id(place) for place in range(documents)
    ]
    matched = [each for each in results if each["matched_reference_row_id"] is not None]
    assert (run["rows_processed"], run["rows_matched"]) == (documents, len(matched))
    events = all_events(client, run)
    assert [event["run_seq"] for event in events] == list(range(1, run["last_event_id"] + 1))
    done = [event["progress"]["rows_processed"] for event in events if "progress" in event]
    assert done == sorted(done)


def all_results(client: httpx2.Client, run: Any) -> list[Any]:
    """Return the run's results in the order of their documents."""
    results: list[Any] = []
    url = f"{run['links']['results']}?sort=document&limit=500"
    while url:
        page = client.get(url).raise_for_status()
        results += page.json()["data"]
        url = page.links["next"]["url"] if "next" in page.links else ""
    return results


def all_events(client: httpx2.Client, run: Any) -> list[Any]:
    """Return the events of a run that has ended."""
    events: list[Any] = []
    while len(events) < run["last_event_id"]:
        answer = client.get(
            run["links"]["events"],
            params={"after": len(events), "limit": 500},
            headers={"Accept": "application/json"},
        )
        events += answer.raise_for_status().json()["data"]
    return events
