"""Are the results the same bytes, however many processes share the work, and however it is cut?"""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from service.domain.documents import RunDocument
from service.domain.identifiers import DocumentId, RunId, new_id
from service.engine import index_cache
from service.engine.chunks import ChunkJob, ChunkOutcome, match_chunk
from service.engine.executors import local_pool
from service.matching.index import build
from tests.data import tasks

TASK = tasks.load_invoices()
DOCUMENTS = tuple(
    RunDocument(DocumentId(f"doc_{place:03}"), None, msgspec.json.encode(fields).decode())
    for place, fields in enumerate(TASK.documents)
)


async def test_results_are_the_same_bytes_from_any_pool(tmp_path: Path) -> None:
    path = tmp_path / "invoices.index"
    index_cache.ensure(path, lambda: build(TASK.rules, TASK.row_ids, TASK.columns))
    run_id = RunId(new_id())

    async def match(processes: int, length: int) -> list[list[bytes]]:
        async def jobs() -> AsyncIterator[ChunkJob]:
            for start in range(0, len(DOCUMENTS), length):
                yield ChunkJob(
                    run_id=run_id,
                    index=path,
                    rules=TASK.rules,
                    is_first=start == 0,
                    documents=DOCUMENTS[start : start + length],
                )

        rows = b""
        async with local_pool(processes) as pool:
            async for outcome in pool.run(match_chunk, jobs()):
                assert isinstance(outcome, ChunkOutcome)
                rows += outcome.rows
        # The third column is the result's own id, drawn anew each time.
        split = [line.split(b"\t") for line in rows.splitlines()]
        return [[*columns[:2], *columns[3:]] for columns in split]

    expected = await match(1, 500)
    assert len(expected) == len(DOCUMENTS)
    assert await match(2, 37) == expected
    assert await match(4, 7) == expected
