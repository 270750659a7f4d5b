"""How are documents deleted, one or a whole collection, while runs may be reading them?"""

from service.domain.identifiers import DocumentId
from service.store import erasure
from service.store.database import Database
from service.store.erasure import Collection

# Documents of a collection that are deleted in one transaction.
BATCH_DOCUMENTS = 500


async def erase_document(database: Database, place: Collection, document_id: DocumentId) -> bool:
    """Delete a document and what results tell of it, at once; False when it is not there."""
    async with database.connection() as connection:
        began = await erasure.begin(connection, place)
    async with database.transaction() as connection:
        if not await erasure.delete_one(connection, place, document_id):
            return False
    async with database.connection() as connection:
        readers = await erasure.mark_runs(connection, place, began)
        for run_id in readers:
            await erasure.wait_for_writer(connection, run_id)
    if readers:
        async with database.transaction() as connection:
            await erasure.forget(connection, place, [document_id])
    return True


async def erase_collection(database: Database, place: Collection) -> int:
    """Delete all documents of a collection and what results tell of them; return how many.

    Each batch is a transaction: what is cut short has deleted some wholly and the rest not at
    all, and goes on where it is asked again.
    """
    async with database.connection() as connection:
        began = await erasure.begin(connection, place)
    total = 0
    while True:
        async with database.transaction() as connection:
            deleted = await erasure.delete_some(connection, place, BATCH_DOCUMENTS)
        total += deleted
        if deleted < BATCH_DOCUMENTS:
            break
    async with database.connection() as connection:
        readers = await erasure.mark_runs(connection, place, began)
    for run_id in readers:
        async with database.connection() as connection:
            written = await erasure.wait_for_writer(connection, run_id)
        async with database.transaction() as connection:
            await erasure.forget_missing(connection, place, run_id, (0, written))
    return total
