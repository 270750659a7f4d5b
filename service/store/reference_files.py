"""How do all rows of a version get into a file that matching reads?"""

from pathlib import Path

from service.domain.reference import ReferenceVersion
from service.store.database import Connection

# Far above what any table takes; a server that stands still is noticed all the same.
EXPORT_TIMEOUT_SECONDS = 3600.0

# A row may be stored shorter than the columns: values missing at its end are not kept.
_EXPORT = """
SELECT json_build_array(row_id, CASE
    WHEN cardinality(row_values) < $3
    THEN row_values || array_fill(NULL::text, ARRAY[$3 - cardinality(row_values)])
    ELSE row_values END)::text
FROM reference_rows
WHERE generation = $1 AND position < $2
ORDER BY position
"""


async def export_version(connection: Connection, version: ReferenceVersion, output: Path) -> None:
    """Write the rows of the version to `output`, in order of position.

    A line per row: `["row id", ["value", null, …]]`, with a value for each column.
    """
    # Opened here: asyncpg would open it in a thread, and whoever is cancelled meanwhile could
    # neither close nor remove what comes to be afterwards.
    with output.open("wb") as file:
        # Quote and delimiter never stand in JSON text unescaped, nor do line ends: each value is
        # written as it is, and Python touches no row.
        await connection.copy_from_query(
            _EXPORT,
            version.generation,
            version.row_count,
            len(version.columns),
            output=file,
            format="csv",
            quote="\x01",
            delimiter="\x02",
            timeout=EXPORT_TIMEOUT_SECONDS,
        )
