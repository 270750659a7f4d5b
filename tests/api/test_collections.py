"""Does a workspace's list of collections say what is stored, whatever came and went?"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from service.engine import erasing
from service.store import collections, documents
from service.store.copy_text import encode_rows
from service.store.erasure import Collection
from tests.api.conftest import Api

URL = "/v1/collections"
DOCUMENTS = "/v1/documents"


async def listed(api: Api) -> dict[str, int]:
    """How many documents each collection has."""
    page = (await api.client.get(URL)).json()
    assert page["pagination"]["total"] == len(page["data"])
    return {each["name"]: each["document_count"] for each in page["data"]}


async def post(api: Api, *named: tuple[str, str]) -> None:
    """Store documents, given as collection and id."""
    entries = [{"collection": place, "id": name, "fields": {}} for place, name in named]
    reply = await api.client.post(DOCUMENTS, json={"documents": entries})
    assert reply.status_code == 201, reply.text


async def test_a_workspace_without_documents_has_no_collection(api: Api) -> None:
    assert await listed(api) == {}


async def test_a_document_that_is_replaced_counts_once(api: Api) -> None:
    await post(api, ("scans", "a"), ("scans", "b"), ("mail", "a"))
    first = (await api.client.get(URL)).json()["data"]
    assert [each["name"] for each in first] == ["mail", "scans"]
    assert first[0]["created_at"] == first[0]["updated_at"]

    await post(api, ("scans", "b"), ("scans", "c"))

    assert await listed(api) == {"mail": 1, "scans": 3}
    mail, scans = (await api.client.get(URL)).json()["data"]
    assert mail == first[0]
    assert scans["created_at"] == first[1]["created_at"] < scans["updated_at"]
    counted = (await api.client.get(DOCUMENTS, params={"collection": "scans"})).json()
    assert counted["pagination"]["total"] == 3


async def test_a_collection_goes_with_its_last_document(api: Api) -> None:
    await post(api, ("scans", "a"), ("scans", "b"), ("mail", "a"))
    assert (await api.client.delete(f"{DOCUMENTS}/a?collection=scans")).status_code == 200
    assert (await api.client.delete(f"{DOCUMENTS}/a?collection=scans")).status_code == 404
    assert await listed(api) == {"mail": 1, "scans": 1}
    assert (await api.client.delete(f"{DOCUMENTS}?collection=scans")).json()["count"] == 1
    assert (await api.client.delete(f"{DOCUMENTS}?collection=scans")).json()["count"] == 0
    assert (await api.client.delete(f"{DOCUMENTS}/a?collection=mail")).status_code == 200
    assert await listed(api) == {}
    assert (await api.client.get(DOCUMENTS)).json()["pagination"]["total"] == 0


async def test_an_upload_that_fails_counts_nothing(api: Api) -> None:
    await post(api, ("scans", "a"))
    entries = [{"collection": place, "id": "b", "fields": {}} for place in ("scans", "scans")]
    reply = await api.client.post(DOCUMENTS, json={"documents": entries})
    assert reply.status_code == 400
    assert await listed(api) == {"scans": 1}


async def test_collections_are_listed_page_by_page_by_code_point(api: Api) -> None:
    names = ["B", "a", "ä", "10", "9", "😀", "\uffff"]
    await post(api, *((name, "1") for name in names))
    seen: list[str] = []
    url: str | None = f"{URL}?limit=3"
    while url is not None:
        reply = await api.client.get(url)
        assert reply.json()["pagination"]["total"] == len(names)
        seen += [each["name"] for each in reply.json()["data"]]
        url = reply.links["next"]["url"] if "next" in reply.links else None
    assert seen == sorted(names)
    again = await api.client.get(URL, headers={"If-None-Match": "*"})
    assert again.status_code == 304


async def test_a_stranger_sees_and_changes_none(api: Api) -> None:
    stranger = await api.key(workspace_id=await api.other_workspace())
    await post(api, ("scans", "a"))
    assert (await api.client.get(URL, headers=stranger)).json()["data"] == []
    gone = await api.client.delete(f"{DOCUMENTS}?collection=scans", headers=stranger)
    assert gone.json()["count"] == 0
    assert await listed(api) == {"scans": 1}


async def test_uploads_and_deletions_at_once_leave_the_true_counts(api: Api) -> None:
    """Uploads of the same collections, in opposite orders, and deletions of what they bring."""
    places = ["a", "b", "c"]
    async with asyncio.TaskGroup() as tasks:
        for turn in range(4):
            for order in (places, places[::-1]):
                named = [(place, f"{turn}-{number}") for place in order for number in range(20)]
                tasks.create_task(upload(api, named))
        for place in places:
            tasks.create_task(erase(api, place))
    await upload(api, [("a", "0-1"), ("c", "last")])

    async with api.database.connection() as connection:
        rows = await connection.fetch("SELECT collection FROM documents")
        found = await collections.list_page(connection, api.workspace_id, None, 10)
    assert {each.name: each.document_count for each in found} == Counter(row[0] for row in rows)


async def upload(api: Api, named: list[tuple[str, str]]) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        yield encode_rows(
            (number, place, name, None, "{}") for number, (place, name) in enumerate(named)
        )

    async with api.database.transaction() as connection:
        await documents.stage(connection, blocks())
        await documents.upsert_staged(connection, api.workspace_id)


async def erase(api: Api, place: str) -> None:
    await erasing.erase_collection(api.database, Collection(api.workspace_id, place))
