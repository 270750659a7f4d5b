"""Does a stored config change, disappear and list exactly as asked, for its workspace alone?"""

import json
from typing import Any

import pytest

from service.domain.identifiers import new_id
from tests.api.conftest import CONFIGS, FUZZY, Configs

DATE = {"source": "day", "target": "date", "strategy": "date_range", "weight": 1}
NUMBER = {"source": "amount", "target": "total", "strategy": "numeric_range", "weight": 1}


async def change(configs: Configs, made: dict[str, Any], body: Any, **headers: str) -> Any:
    return await configs.api.client.put(
        made["links"]["self"],
        content=json.dumps(body),
        headers={
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )


PARTIAL_CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"name": "New"}, {"name": "New"}),
    ({"threshold": 0.7}, {"threshold": 0.7}),
    ({"missing": "zero"}, {"missing": "zero"}),
    (
        {"ai": {"min_margin": 0.1}},
        {"ai": {"min_margin": 0.1, "max_cost_usd": 5.0, "max_share": None}},
    ),
    (
        {"ai": {"max_cost_usd": None}},
        {"ai": {"min_margin": 0.03, "max_cost_usd": None, "max_share": None}},
    ),
    ({"target_type": "run"}, {"target_type": "run", "target_value": {}}),
    ({"target_value": {"collection": "2025"}}, {"target_value": {"collection": "2025"}}),
    (
        {"target_type": "document_filter", "target_value": {"field": "a", "equals": "b"}},
        {"target_type": "document_filter", "target_value": {"field": "a", "equals": "b"}},
    ),
    (
        {"field_mappings": [NUMBER]},
        {
            "field_mappings": [
                {**NUMBER, "tolerance_percent": 5.0, "tolerance_absolute": None, "flat": False}
            ]
        },
    ),
]


@pytest.mark.parametrize(("body", "changed"), PARTIAL_CHANGES)
async def test_a_put_changes_what_it_says_and_nothing_else(
    configs: Configs, body: dict[str, Any], changed: dict[str, Any]
) -> None:
    made = await configs.make(
        # Weights whose normalised sum is not exactly 1, so that dividing again would show.
        field_mappings=[
            {**FUZZY, "source": f"field {index}", "weight": weight}
            for index, weight in enumerate([0.1, 0.7, 0.3, 0.35])
        ],
        target_type="collection",
        target_value={"collection": "2024"},
        ai={"max_cost_usd": 5},
    )
    reply = await change(configs, made, body)
    after = reply.json()
    assert (reply.status_code, reply.headers["etag"]) == (200, '"2"')
    assert after["updated_at"] >= made["updated_at"]
    expected = {**made, **changed, "version": 2, "updated_at": after["updated_at"]}
    assert after == expected
    assert (await configs.api.client.get(made["links"]["self"])).json() == expected


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"name": None}, "/name", "wrong_type"),
        ({"version": 1}, "/version", "unknown_key"),
        ({"threshold": 0.4}, "/review_threshold", "thresholds_crossed"),
        ({"target_type": "collection"}, "/target_value/collection", "required"),
        ({"reference_data_id": str(new_id())}, "/reference_data_id", "immutable"),
        ({"field_mappings": [{**FUZZY, "target": "nam"}]}, "/field_mappings/0/target", None),
        ([], "", "wrong_type"),
        (None, "", "wrong_type"),
    ],
)
async def test_a_wrong_put_changes_nothing(
    configs: Configs, body: Any, pointer: str, code: str | None
) -> None:
    made = await configs.make()
    reply = await change(configs, made, body)
    assert reply.status_code == 400
    problem = reply.json()["errors"][0]
    assert (problem["pointer"], problem["code"]) == (pointer, code or "unknown_column")
    assert (await configs.api.client.get(made["links"]["self"])).json() == made


async def test_the_same_reference_data_may_be_sent_again(configs: Configs) -> None:
    made = await configs.make()
    body = {"reference_data_id": made["reference_data_id"]}
    assert (await change(configs, made, body)).status_code == 200


async def test_a_config_outlives_its_reference_data(configs: Configs) -> None:
    made = await configs.make()
    async with configs.api.database.connection() as connection:
        await connection.execute("DELETE FROM reference_data")
    assert (await change(configs, made, {"name": "New"})).status_code == 200
    assert (await change(configs, made, {"field_mappings": [DATE]})).status_code == 404


@pytest.mark.parametrize(
    ("if_match", "status"),
    [('"1"', 200), ("*", 200), ('"7", "1"', 200), ('"2"', 412), ('W/"1"', 412), ("1", 412)],
)
async def test_a_stale_if_match_changes_nothing(
    configs: Configs, if_match: str, status: int
) -> None:
    made = await configs.make()
    reply = await change(configs, made, {"name": "New"}, if_match=if_match)
    assert reply.status_code == status
    stored = (await configs.api.client.get(made["links"]["self"])).json()
    assert stored["name"] == ("New" if status == 200 else "Invoices")
    if status == 412:
        assert reply.json()["code"] == "precondition_failed"
        assert '"1"' in reply.json()["detail"]


async def test_a_stale_if_match_keeps_a_config_from_being_deleted(configs: Configs) -> None:
    made = await configs.make()
    url = made["links"]["self"]
    reply = await configs.api.client.delete(url, headers={"If-Match": '"9"'})
    assert reply.status_code == 412
    assert (await configs.api.client.get(url)).status_code == 200


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [('"1"', 304), ('W/"1"', 304), ("*", 304), ('"0", "1"', 304), ('"2"', 200), ("1", 200)],
)
async def test_what_the_client_has_is_not_sent_again(
    configs: Configs, if_none_match: str, status: int
) -> None:
    made = await configs.make()
    headers = {"If-None-Match": if_none_match}
    reply = await configs.api.client.get(made["links"]["self"], headers=headers)
    assert (reply.status_code, reply.headers["etag"]) == (status, '"1"')
    assert bool(reply.content) == (status == 200)


async def test_a_deleted_config_is_gone(configs: Configs) -> None:
    made = await configs.make()
    url = made["links"]["self"]
    reply = await configs.api.client.delete(url)
    assert (reply.status_code, reply.json()) == (200, {"deleted": True, "id": made["id"]})
    for method in ("GET", "PUT", "DELETE"):
        again = await configs.api.client.request(method, url, json={})
        assert (again.status_code, again.json()["code"]) == (404, "not_found")
        assert made["id"] in again.json()["detail"]


# The same in every process of the suite: tests are told apart by their parameters.
AN_ID = "01890000-0000-7000-8000-000000000001"


@pytest.mark.parametrize("name", ["x", "0", "%00", AN_ID[:-1], f"{{{AN_ID}}}"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_what_is_no_id_is_not_found(configs: Configs, method: str, name: str) -> None:
    reply = await configs.api.client.request(method, f"{CONFIGS}/{name}", json={})
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


async def test_another_workspace_finds_nothing(configs: Configs) -> None:
    made = await configs.make()
    stranger = await configs.api.key(workspace_id=await configs.api.other_workspace())
    for method in ("GET", "PUT", "DELETE"):
        reply = await configs.api.client.request(
            method, made["links"]["self"], json={"name": "Mine"}, headers=stranger
        )
        assert reply.status_code == 404
    listed = (await configs.api.client.get(CONFIGS, headers=stranger)).json()
    assert (listed["data"], listed["pagination"]["total"]) == ([], 0)
    assert (await configs.api.client.get(made["links"]["self"])).json() == made


async def test_the_list_is_walked_newest_first(configs: Configs) -> None:
    made = [await configs.make(name=f"Config {index}") for index in range(5)]
    seen, url = [], f"{CONFIGS}?limit=2"
    while url:
        reply = await configs.api.client.get(url)
        seen.extend(reply.json()["data"])
        assert reply.json()["pagination"]["total"] == 5
        url = reply.links["next"]["url"] if "next" in reply.links else ""
    assert seen == made[::-1]


async def test_a_new_config_does_not_disturb_a_walk(configs: Configs) -> None:
    made = [await configs.make(name=f"Config {index}") for index in range(3)]
    first = (await configs.api.client.get(f"{CONFIGS}?limit=2")).json()
    await configs.make(name="Later")
    cursor = first["pagination"]["next_cursor"]
    second = (await configs.api.client.get(f"{CONFIGS}?cursor={cursor}")).json()
    assert second["data"] == [made[0]]
    assert second["pagination"] == {
        "total": 3,
        "limit": 50,
        "has_more": False,
        "next_cursor": None,
    }


async def test_an_unchanged_list_is_not_sent_again(configs: Configs) -> None:
    await configs.make()
    etag = (await configs.api.client.get(CONFIGS)).headers["etag"]
    headers = {"If-None-Match": etag}
    assert (await configs.api.client.get(CONFIGS, headers=headers)).status_code == 304
    await configs.make()
    assert (await configs.api.client.get(CONFIGS, headers=headers)).status_code == 200


async def test_parameters_that_a_route_does_not_have_are_refused(configs: Configs) -> None:
    made = await configs.make()
    for method, url in [
        ("POST", CONFIGS),
        ("GET", CONFIGS),
        ("GET", made["links"]["self"]),
        ("PUT", made["links"]["self"]),
        ("DELETE", made["links"]["self"]),
    ]:
        reply = await configs.api.client.request(method, f"{url}?force=1", json={})
        assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (400, "force")
