"""What do the routes about the service itself promise? They need no key."""

from collections.abc import Mapping

from service.api.contract.models import Health, Readiness
from service.api.contract.operation import JSON, TEXT, Operation, Reply, json_reply

TAG = "Service"

OPEN_OPERATIONS: Mapping[str, Operation] = {
    "/healthz": Operation(
        id="get_health",
        tag=TAG,
        summary="Whether the process answers",
        replies={200: json_reply("It does.", Health)},
    ),
    "/readyz": Operation(
        id="get_readiness",
        tag=TAG,
        summary="Whether the service can work",
        replies={
            200: json_reply("Requests are served.", Readiness),
            503: json_reply("They are not, and why.", Readiness, "Retry-After"),
        },
    ),
    "/openapi.json": Operation(
        id="get_openapi",
        tag=TAG,
        summary="This description",
        headers=("If-None-Match",),
        replies={200: Reply("OpenAPI 3.1.", {JSON: {"type": "object"}}, ("ETag",))},
    ),
    "/metrics": Operation(
        id="get_metrics",
        tag=TAG,
        summary="Figures for Prometheus",
        description="Of this process: requests by route and status, how fast replies begin, the "
        "lag of the event loop, connections to the database; and the runs that are alive.",
        replies={200: Reply("Prometheus's text format.", {"text/plain": TEXT})},
    ),
}
