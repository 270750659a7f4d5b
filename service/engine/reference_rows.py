"""Which values do the rows of a reference version have, column by column?"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from service.domain.identifiers import ReferenceRowId

_decoder = msgspec.json.Decoder(tuple[str, list[str | None]])


def read_columns(
    path: Path, columns: Sequence[str], wanted: frozenset[str]
) -> tuple[list[ReferenceRowId], dict[str, list[str | None]]]:
    """Read a file of `store.reference.export_version`: its row ids, and the wanted columns.

    `columns` name the values of a row, in their order.
    """
    places = [(place, name) for place, name in enumerate(columns) if name in wanted]
    row_ids: list[ReferenceRowId] = []
    values: dict[str, list[str | None]] = {name: [] for _, name in places}
    with path.open("rb") as lines:
        for line in lines:
            row_id, row = _decoder.decode(line)
            row_ids.append(ReferenceRowId(row_id))
            for place, name in places:
                values[name].append(row[place])
    return row_ids, values
