"""What stays of an upload whose client goes away in the middle? Nothing."""

import asyncio
from pathlib import Path

import pytest

from tests.api.conftest import Api
from tests.api.live import served

FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na\n'
KINDS = {
    "form": ("/v1/reference-data", "multipart/form-data; boundary=b", FORM),
    "ndjson": ("/v1/documents", "application/x-ndjson", b'{"fields": {"a": 1}}\n'),
}


def open_spools() -> list[str]:
    """The nameless files that this process has open."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.endswith(" (deleted)"):
            found.append(target)
    return found


@pytest.mark.parametrize(("path", "content_type", "start"), KINDS.values(), ids=KINDS)
async def test_a_client_that_goes_away_leaves_nothing(
    api: Api, path: str, content_type: str, start: bytes
) -> None:
    before = open_spools()
    key = (await api.key())["Authorization"]
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: 300000\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    async with served(api.app) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(head.encode())
        # The service asks for the body once the handler reads it: the upload has begun.
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert len(open_spools()) == len(before) + 1
        writer.write(start)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    # The server has let every request end.

    assert open_spools() == before
    async with api.database.connection() as connection:
        for table in ("reference_data", "reference_rows", "documents"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
