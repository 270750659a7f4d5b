"""Is an export that cannot go on cut off, and does a slow reader hold nothing of the database?"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Message

from service.api.exports import FileResponse, SlowReaderError
from service.domain.identifiers import new_id
from service.engine import cleaning
from tests.api.conftest import Api
from tests.api.test_reference_data import URL, upload

ROWS = 5_000
POOL = 4


class Reader:
    """A client at the end of ASGI that takes one part and then waits until it is told to go on."""

    def __init__(self, api: Api, path: str) -> None:
        self.got: list[Message] = []
        self.has_some = asyncio.Event()
        self.go_on = asyncio.Event()
        self._api = api
        target, _, query = path.partition("?")
        key = api.client.headers["authorization"]
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "headers": [(b"authorization", key.encode())],
        }

    @property
    def is_whole(self) -> bool:
        return self.got[-1]["type"] == "http.response.body" and not self.got[-1]["more_body"]

    async def read(self) -> None:
        await self._api.app(self._scope, self._receive, self._send)

    async def _receive(self) -> Message:
        await asyncio.Event().wait()
        return {}

    async def _send(self, message: Message) -> None:
        self.got.append(message)
        if message["type"] == "http.response.body" and not self.has_some.is_set():
            self.has_some.set()
            await self.go_on.wait()


async def insert_run(api: Api, results: int) -> Any:
    """Store an ended run with so many results; return its id."""
    run_id = new_id()
    async with api.database.connection() as connection:
        await connection.execute(
            """
            INSERT INTO runs (id, workspace_id, matching_config_id, reference_data_id, status,
                              phase, triggered_by, collection)
            VALUES ($1, $2, $1, $1, 'completed', 'done', 'api', 'default')
            """,
            run_id,
            api.workspace_id,
        )
        await connection.execute(
            """
            INSERT INTO results (run_id, document_id, id, confidence, rule_confidence, evidence,
                                 candidates)
            SELECT $1, n::text, gen_random_uuid(), 0, 0, '{}', '[]'
            FROM generate_series(1, $2::int) AS n
            """,
            run_id,
            results,
        )
    return run_id


async def exported(api: Api, kind: str) -> tuple[str, str]:
    """Store something that takes several parts to export; return it and its export."""
    if kind == "results":
        run = f"/v1/matching/runs/{await insert_run(api, ROWS)}"
        return run, f"{run}/results/export?format=ndjson"
    content = b"name\n" + b"".join(b"%d\n" % number for number in range(ROWS))
    data = (await upload(api, content)).json()
    return data["links"]["self"], data["links"]["export"]


@pytest.mark.parametrize("kind", ["results", "rows"])
async def test_readers_that_wait_hold_no_connection(api: Api, kind: str) -> None:
    _, export = await exported(api, kind)
    readers = [Reader(api, export) for _ in range(POOL + 2)]
    async with asyncio.TaskGroup() as tasks:
        for reader in readers:
            tasks.create_task(reader.read())
        for reader in readers:
            await reader.has_some.wait()
        assert (await api.client.get(URL)).status_code == 200
        for reader in readers:
            reader.go_on.set()
    bodies = {b"".join(each.get("body", b"") for each in reader.got) for reader in readers}
    assert all(reader.is_whole for reader in readers)
    assert [body.count(b"\n") for body in bodies] == [ROWS if kind == "results" else ROWS + 1]


@pytest.mark.parametrize("kind", ["results", "rows"])
async def test_an_export_of_what_goes_meanwhile_never_looks_whole(api: Api, kind: str) -> None:
    resource, export = await exported(api, kind)
    reader = Reader(api, export)

    async def delete_meanwhile() -> None:
        await reader.has_some.wait()
        assert (await api.client.delete(resource)).status_code == 200
        await cleaning.clean(api.database)
        reader.go_on.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(delete_meanwhile())
        # What the server is told: it cuts the connection.
        with pytest.raises(Exception, match="deleted while"):
            await reader.read()
    assert not reader.is_whole


async def test_rows_that_are_being_removed_are_never_left_out_unseen(api: Api) -> None:
    _, export = await exported(api, "rows")
    reader = Reader(api, export)

    async def remove_some() -> None:
        await reader.has_some.wait()
        async with api.database.connection() as connection:
            await connection.execute("DELETE FROM reference_rows WHERE position < 2500")
        reader.go_on.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(remove_some())
        with pytest.raises(Exception, match="deleted while"):
            await reader.read()
    assert not reader.is_whole


async def test_a_reader_that_takes_nothing_is_cut_off() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"all there is"

    async def never(_message: Message | None = None) -> Message:
        await asyncio.Event().wait()
        return {}

    response = FileResponse(parts(), "x.csv", "text/csv", send_timeout_seconds=0.01)
    scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
    with pytest.raises(SlowReaderError):
        await response(scope, never, never)  # type: ignore[arg-type]
