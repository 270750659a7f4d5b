"""Would a reply that differs from the description be found, and does it name all parameters?"""

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.domain.identifiers import new_id
from tests.api import conformance
from tests.api.live import Live, running

UNKNOWN = "z1z2z3z4z5"
DELETED = {"deleted": True, "id": "x"}
CONFIG = "/v1/matching/configs/01934f30-17b2-7a58-8f0e-6f1f3f0c2a11"
WITH_ID = {"X-Request-Id": "x"}


def answer(body: Any, status: int = 200, headers: Any = None) -> httpx2.Response:
    """A reply to the deletion of a config."""
    request = httpx2.Request("DELETE", f"http://test{CONFIG}")
    return httpx2.Response(status, json=body, headers=headers or WITH_ID, request=request)


async def test_a_reply_as_described_is_let_through() -> None:
    await conformance.check(answer(DELETED))


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (answer(None, 204), "status 204"),
        (answer({**DELETED, "more": 1}), "more"),
        (answer({"deleted": True}), "required property"),
        (answer({**DELETED, "id": 1}), "string"),
        (answer(DELETED, headers={**WITH_ID, "X-New": "1"}), "header x-new"),
        (answer(DELETED, headers={"X-Other": "1"}), "no X-Request-Id"),
        (answer(DELETED, headers={**WITH_ID, "Content-Type": "text/json"}), "content type"),
    ],
)
async def test_a_reply_that_differs_is_refused(reply: httpx2.Response, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        await conformance.check(reply)


async def test_every_query_parameter_is_described(database_url: str, tmp_path: Path) -> None:
    async with running(database_url, tmp_path) as live:
        values = await identifiers(live)
        other = str(new_id())
        for each in conformance.described():
            if not each.template.startswith("/v1"):
                continue
            path = re.sub(r"{(\w+)}", lambda name: values.get(name[1], other), each.template)
            parameters = each.operation.get("parameters", ())
            described = {named["name"] for named in parameters if named.get("in") == "query"}
            assert await known_parameters(live, each.method, path) == described, (
                f"{each.method} {each.template}: its Operation in service/api/contract has to "
                "name the parameters that it takes."
            )


async def identifiers(live: Live) -> dict[str, str]:
    """Something that is there, where a route looks for it before it looks at parameters."""
    run = await live.completed()
    result = (await live.get(run["links"]["results"]))["data"][0]
    return {
        "reference_data_id": str(live.world.reference_id),
        "row_id": "ref_0",
        "document_id": "doc_000000",
        "config_id": str(live.world.config_id),
        "run_id": run["id"],
        "result_id": result["id"],
    }


async def known_parameters(live: Live, method: str, path: str) -> set[str]:
    """The parameters that a route names when it is asked with one that it does not know."""
    known: set[str] = set()
    for accept in ("application/json", "text/event-stream"):
        headers = {"Accept": accept, "Content-Type": "application/json"}
        reply = await live.client.request(method, path, params={UNKNOWN: "1"}, headers=headers)
        assert reply.status_code == 400, f"{method} {path} does not refuse unknown parameters first"
        known |= set(re.findall(r"`(\w+)`", reply.json()["detail"]))
    return known - {UNKNOWN}
