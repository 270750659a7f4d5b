"""What is reference data: a named, versioned table whose rows documents are matched against."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Column:
    """A column of reference data."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class ReferenceVersion:
    """Which rows a version of reference data consists of.

    A replace starts a new `generation`, an append makes the current one longer: the rows of a
    version are those of its generation with `position < row_count`, in order of position.
    """

    reference_data_id: ReferenceDataId
    version: int
    generation: int
    row_count: int
    columns: tuple[Column, ...]


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
