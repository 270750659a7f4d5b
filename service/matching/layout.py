"""How are the rows of an index laid out beside its columns, so that a search passes most over?"""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from service.domain.configs import FieldMapping
from service.matching.reference_column import ReferenceColumn


def lay_out(
    mappings: Sequence[FieldMapping],  # noqa: ARG001
    row_count: int,  # noqa: ARG001
    columns: Sequence[ReferenceColumn],  # noqa: ARG001
) -> dict[str, NDArray[Any]]:
    """Return the arrays that a search needs beside the columns, by name; none yet."""
    return {}
