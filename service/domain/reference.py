"""What is reference data: a named, versioned table whose rows documents are matched against."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.domain.identifiers import ReferenceDataId, ReferenceRowId, WorkspaceId


class ReferenceDataStatus(StrEnum):
    """Where an import stands."""

    IMPORTING = "importing"
    READY = "ready"
    FAILED = "failed"


class ColumnType(StrEnum):
    """What all values of a column read as; an annotation, values stay the text that came."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"


class SourceType(StrEnum):
    """What the reference data was uploaded as."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"


# The types that all values of a column of this type have too, in the order of preference.
_ALSO: dict[ColumnType, tuple[ColumnType, ...]] = {
    ColumnType.STRING: (ColumnType.STRING,),
    ColumnType.INTEGER: (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.STRING),
    ColumnType.NUMBER: (ColumnType.NUMBER, ColumnType.STRING),
    ColumnType.DATE: (ColumnType.DATE, ColumnType.STRING),
    ColumnType.BOOLEAN: (ColumnType.BOOLEAN, ColumnType.STRING),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of reference data; without any value so far, more rows may give it any type."""

    name: str
    type: ColumnType
    has_values: bool = True

    def joined(self, more: "Column") -> "Column":
        """Return the column with the values of both, of the narrowest type that all have."""
        if not more.has_values or not self.has_values:
            return self if self.has_values else more
        both = next(each for each in _ALSO[self.type] if each in _ALSO[more.type])
        return replace(self, type=both)


@dataclass(frozen=True, slots=True)
class ReferenceVersion:
    """Which rows a version of reference data consists of.

    A replace starts a new `generation`, whose number no other rows have, an append makes the
    current one longer: the rows of a version are those of its generation with
    `position < row_count`, in order of position.
    `id_column` is where the row ids were read from, None where they are made from positions.
    """

    reference_data_id: ReferenceDataId
    version: int
    generation: int
    row_count: int
    columns: tuple[Column, ...]
    id_column: str | None = None


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """Reference data as it stands, with its current version."""

    id: ReferenceDataId
    workspace_id: WorkspaceId
    name: str
    source_type: SourceType
    status: ReferenceDataStatus
    error: str | None
    current: ReferenceVersion
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """One row; `values` follow the version's columns, None where a value is missing."""

    id: ReferenceRowId
    position: int
    values: tuple[str | None, ...]
