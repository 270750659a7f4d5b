"""What do the routes of reference data promise?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from service.api import reference_changes, reference_data
from service.api.contract.models import (
    ClientId,
    ColumnName,
    Count,
    Deleted,
    Page,
    example,
    optional,
)
from service.api.contract.operation import (
    BINARY,
    JSON,
    TEXT,
    Body,
    Operation,
    Query,
    Reply,
    json_reply,
    list_query,
    whole_number,
)
from service.api.mapping_body import NOT_BLANK
from service.api.multipart import MULTIPART_TYPE
from service.api.routes import Handler
from service.domain.reference import ColumnType, ReferenceDataStatus, SourceType
from service.ingest.limits import MAX_COLUMNS

TAG = "Reference data"
_ID = "01934f2e-8a4c-7c1e-9b3d-2f6a5c8e1d70"
_PATH = f"/v1/reference-data/{_ID}"

Scalar = str | bool | int | float | None
Row = Annotated[dict[ColumnName, Scalar], Field(max_length=MAX_COLUMNS)]
Rows = list[Row]
File = Annotated[bytes, WithJsonSchema(dict(BINARY))]


FILES = (
    "CSV, NDJSON, XLSX or, where the service has the extra for it, Parquet, by the file's name and "
    "type. CSV, NDJSON and Parquet stream; XLSX may unpack to 512 MB."
)
DELIMITER = "Of CSV: one character or `tab`; otherwise a comma."
ENCODING = (
    "Of CSV: `utf-8`, `utf-16`, `utf-16-le`, `utf-16-be` or `windows-1252`; otherwise UTF-16 with "
    "a byte order mark, and UTF-8 without one."
)
SHEET = "Of XLSX: the sheet's name; otherwise the first that is not hidden."


class NewReferenceData(BaseModel):
    """Reference data with its rows, for tables of up to 8 MB."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Purchase orders",
                    "id_column": "po_number",
                    "data": [
                        {"po_number": "PO-7001", "name": "Acme Tools GmbH", "total": 1249.5},
                        {"po_number": "PO-7002", "name": "Borealis Paper", "total": "310.00"},
                    ],
                }
            ]
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=NOT_BLANK)]
    data: Rows = Field(
        min_length=1, description="The rows; their columns are the keys of all of them."
    )
    id_column: str | None = Field(
        default=None,
        description="The column whose values are the rows' ids; otherwise they are `row_1` and "
        "so on, by position.",
    )


class ReferenceDataForm(BaseModel):
    """Reference data as a file, which may be far larger than JSON."""

    model_config = ConfigDict(extra="forbid")

    file: File = Field(description=FILES)
    name: str = optional("Otherwise the file's name.", min_length=1, max_length=200)
    id_column: str = optional("The column whose values are the rows' ids.")
    delimiter: str = optional(DELIMITER)
    encoding: str = optional(ENCODING)
    sheet: str = optional(SHEET)


class NewRows(BaseModel):
    """Rows for reference data that is there, up to 8 MB of them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"data": [{"po_number": "PO-7003", "name": "Cobalt Freight", "total": 75}]}
            ]
        },
    )

    data: Rows = Field(min_length=1)
    id_column: str | None = Field(
        default=None,
        description="The column whose values are the rows' ids; the same as before unless given, "
        "null for ids by position.",
    )


class RowsForm(BaseModel):
    """Rows as a file, which may be far larger than JSON."""

    model_config = ConfigDict(extra="forbid")

    file: File = Field(description=FILES)
    id_column: str = optional("The same as before unless given.")
    delimiter: str = optional(DELIMITER)
    encoding: str = optional(ENCODING)
    sheet: str = optional(SHEET)


class ReferenceDataColumn(BaseModel):
    """A column, with what all its values read as."""

    name: str
    type: ColumnType


class ReferenceDataLinks(BaseModel):
    """Where reference data and its rows are."""

    self: str
    rows: str
    export: str


class ReferenceData(BaseModel):
    """A table that documents are matched against, as it stands."""

    model_config = example(
        {
            "id": _ID,
            "name": "Purchase orders",
            "source_type": "csv",
            "status": "ready",
            "error": None,
            "row_count": 2,
            "version": 1,
            "columns": [
                {"name": "po_number", "type": "string"},
                {"name": "name", "type": "string"},
                {"name": "total", "type": "number"},
            ],
            "created_at": "2026-03-02T09:15:00.000Z",
            "updated_at": "2026-03-02T09:15:01.250Z",
            "links": {"self": _PATH, "rows": f"{_PATH}/rows", "export": f"{_PATH}/export"},
        }
    )

    id: UUID
    name: str
    source_type: SourceType
    status: ReferenceDataStatus
    error: str | None
    row_count: Count
    version: Annotated[int, Field(ge=0)] = Field(description="Rises with every change of rows.")
    columns: list[ReferenceDataColumn]
    created_at: datetime
    updated_at: datetime
    links: ReferenceDataLinks


class ReferenceDataPage(Page[ReferenceData]):
    """A part of the list of reference data."""


class ReferenceRow(BaseModel):
    """A row: its `id` and its columns, with the values as the text that came."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [{"id": "PO-7001", "po_number": "PO-7001", "name": "Acme Tools GmbH"}]
        },
    )
    __pydantic_extra__: dict[str, str | None]

    id: ClientId


class ReferenceRowPage(Page[ReferenceRow]):
    """A part of the rows."""


_VERSION = Query(
    "version",
    whole_number(1, reference_data.MAX_VERSION),
    "The version whose rows to show; otherwise the current one.",
)
_UPLOAD: Mapping[str, Any] = {JSON: NewReferenceData, MULTIPART_TYPE: ReferenceDataForm}
_ROWS: Mapping[str, Any] = {JSON: NewRows, MULTIPART_TYPE: RowsForm}

OPERATIONS: Mapping[Handler, Operation] = {
    reference_data.create: Operation(
        id="create_reference_data",
        tag=TAG,
        summary="Upload reference data",
        description="Values are stored as the text that came. A file streams: memory does not "
        "grow with it. What is wrong with it is told by row and column, and nothing is left "
        "behind.",
        body=Body(_UPLOAD),
        replies={201: json_reply("It is there and ready.", ReferenceData, "Location")},
    ),
    reference_data.list_all: Operation(
        id="list_reference_data",
        tag=TAG,
        summary="List reference data",
        query=list_query(reference_data.LISTING),
        headers=("If-None-Match",),
        replies={200: json_reply("A page, newest first.", ReferenceDataPage, "ETag", "Link")},
    ),
    reference_data.read: Operation(
        id="get_reference_data",
        tag=TAG,
        summary="Show reference data",
        headers=("If-None-Match",),
        replies={200: json_reply("The reference data.", ReferenceData, "ETag")},
    ),
    reference_data.list_rows: Operation(
        id="list_reference_rows",
        tag=TAG,
        summary="List rows",
        description="In the order of the upload. All pages of a cursor are of one version.",
        query=list_query(reference_data.ROWS_LISTING, _VERSION),
        headers=("If-None-Match",),
        replies={200: json_reply("A page of rows.", ReferenceRowPage, "ETag", "Link")},
    ),
    reference_data.read_row: Operation(
        id="get_reference_row",
        tag=TAG,
        summary="Show a row",
        query=(_VERSION,),
        replies={200: json_reply("The row.", ReferenceRow)},
    ),
    reference_changes.replace_rows: Operation(
        id="replace_reference_rows",
        tag=TAG,
        summary="Replace the rows",
        description="Makes a new version with these rows and their columns. Runs under way keep "
        "theirs. What is wrong is told by row and column, and the rows stay as they are.",
        body=Body(_ROWS),
        replies={200: json_reply("The reference data as it is now.", ReferenceData)},
        errors=("conflict",),
    ),
    reference_changes.append_rows: Operation(
        id="append_reference_rows",
        tag=TAG,
        summary="Add rows",
        description="Makes a new version that goes on with these rows. They may lack columns, "
        "but not bring new ones, and no id that is there.",
        body=Body(_ROWS),
        replies={200: json_reply("The reference data as it is now.", ReferenceData)},
        errors=("conflict",),
    ),
    reference_changes.export: Operation(
        id="export_reference_data",
        tag=TAG,
        summary="Export the rows",
        description="As CSV, with the values as they came. It streams; one that cannot go on is "
        "cut off, without the end that HTTP asks for.",
        query=(_VERSION,),
        replies={200: Reply("The file.", {"text/csv": TEXT}, ("Content-Disposition",))},
    ),
    reference_changes.delete: Operation(
        id="delete_reference_data",
        tag=TAG,
        summary="Delete reference data",
        description="Not while a run uses it. Configs and past runs stay; the next run of such a "
        "config answers 404.",
        replies={200: json_reply("It is gone.", Deleted)},
        errors=("conflict",),
    ),
}
