"""Is there one first workspace, however many processes start at once?"""

import asyncio

from service.store import workspaces
from service.store.database import Database


async def test_the_first_workspace_is_made_once(database_url: str) -> None:
    async with Database.open(database_url, pool_size=8) as database:

        async def ensure() -> object:
            async with database.connection() as connection:
                return await workspaces.ensure_default(connection)

        async with asyncio.TaskGroup() as tasks:
            made = [tasks.create_task(ensure()) for _ in range(8)]
        async with database.connection() as connection:
            rows = await connection.fetch("SELECT id, name FROM workspaces")
    assert {task.result() for task in made} == {rows[0]["id"]}
    assert [row["name"] for row in rows] == ["default"]
