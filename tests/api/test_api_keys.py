"""Can an administrator make, see and revoke the keys of a workspace, and of no other?"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.domain.api_keys import Scope
from service.domain.representation import timestamp
from tests.api.conftest import CONFIGS, Api

KEYS = "/v1/api-keys"


async def make(api: Api, **body: Any) -> Any:
    reply = await api.client.post(KEYS, json={"name": "new", "scopes": ["read"], **body})
    assert reply.status_code == 201, reply.text
    assert reply.headers["location"] == f"{KEYS}/{reply.json()['id']}"
    assert reply.headers["cache-control"] == "no-store"
    return reply.json()


async def test_a_key_is_shown_once_and_opens_as_far_as_its_scopes(api: Api) -> None:
    made = await make(api)
    header = {"Authorization": f"Bearer {made.pop('key')}"}
    assert (await api.client.get(CONFIGS, headers=header)).status_code == 200
    assert (await api.client.post(CONFIGS, headers=header)).status_code == 403
    assert (await api.client.get(KEYS, headers=header)).status_code == 403
    shown = (await api.client.get(f"{KEYS}/{made['id']}")).json()
    assert shown.pop("last_used_at") is not None
    assert (made.pop("last_used_at"), made) == (None, shown)
    assert made["status"] == "active"


async def test_keys_are_listed_newest_first_without_secrets(api: Api) -> None:
    made = [await make(api, name=name) for name in ("a", "b")]
    page = await api.client.get(KEYS, params={"limit": 2})
    assert [key["name"] for key in page.json()["data"]] == ["b", "a"]
    assert page.json()["pagination"]["total"] == 3
    rest = await api.client.get(page.links["next"]["url"])
    assert [key["name"] for key in rest.json()["data"]] == ["test"]
    assert not any(key["key"] in page.text + rest.text for key in made)


async def test_a_revoked_key_opens_nothing_at_once_and_stays_listed(api: Api) -> None:
    made = await make(api)
    header = {"Authorization": f"Bearer {made['key']}"}
    assert (await api.client.get(CONFIGS, headers=header)).status_code == 200
    path = f"{KEYS}/{made['id']}"
    revoked = await api.client.delete(path)
    assert (revoked.status_code, revoked.json()) == (200, {"deleted": True, "id": made["id"]})
    assert (await api.client.get(CONFIGS, headers=header)).status_code == 401
    shown = (await api.client.get(path)).json()
    assert (shown["status"], shown["revoked_at"] is None) == ("revoked", False)
    assert (await api.client.delete(path)).status_code == 404


async def test_a_key_expires_when_it_was_told_to(api: Api) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)
    made = await make(api, expires_at=ends.isoformat())
    assert made["expires_at"] == timestamp(ends)
    async with api.database.connection() as connection:
        await connection.execute("UPDATE api_keys SET expires_at = now() WHERE name = 'new'")
    header = {"Authorization": f"Bearer {made['key']}"}
    assert (await api.client.get(CONFIGS, headers=header)).status_code == 401
    assert (await api.client.get(f"{KEYS}/{made['id']}")).json()["status"] == "expired"


@pytest.mark.parametrize(
    ("changes", "pointer", "says"),
    [
        ({"name": ""}, "/name", "at least 1"),
        ({"name": None}, "/name", "must be a text"),
        ({"name": "x" * 201}, "/name", "at most 200"),
        ({"scopes": []}, "/scopes", "at least 1"),
        ({"scopes": ["wrte"]}, "/scopes/0", "Did you mean `write`?"),
        ({"scopes": "read"}, "/scopes", "must be a list"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "/expires_at", "in the future"),
        ({"expires_at": "2031-01-01T00:00:00"}, "/expires_at", "timezone"),
        ({"expires_at": 1900000000}, "/expires_at", "a time like"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "/expires_at", "before the year 10000"),
        ({"expires": "2031-01-01T00:00:00Z"}, "/expires", "Did you mean `expires_at`?"),
    ],
)
async def test_a_wrong_key_is_told_where(
    api: Api, changes: dict[str, Any], pointer: str, says: str
) -> None:
    body = {"name": "new", "scopes": ["read"], **changes}
    reply = await api.client.post(KEYS, json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, "validation_error"), reply.text
    (problem,) = reply.json()["errors"]
    assert problem["pointer"] == pointer
    assert says in problem["message"]


async def test_an_administrator_elsewhere_sees_and_closes_none_of_them(api: Api) -> None:
    made = await make(api)
    stranger = await api.key(frozenset({Scope.ADMIN}), await api.other_workspace())
    listed = (await api.client.get(KEYS, headers=stranger)).json()
    assert (len(listed["data"]), listed["pagination"]["total"]) == (1, 1)
    for method in ("GET", "DELETE"):
        path = f"{KEYS}/{made['id']}"
        assert (await api.client.request(method, path, headers=stranger)).status_code == 404
    header = {"Authorization": f"Bearer {made['key']}"}
    assert (await api.client.get(CONFIGS, headers=header)).status_code == 200


async def test_a_key_can_ask_whose_it_is(api: Api) -> None:
    told = (await api.client.get("/v1/session")).json()
    assert told["workspace"] == {"id": str(api.workspace_id), "name": "default"}
    assert told["api_key"]["name"] == "test"
    assert told["api_key"]["scopes"] == ["admin", "read", "write"]
    assert told["session_expires_at"] is None
    assert told["service"] == {"has_ai": False, "reads_parquet": True}
