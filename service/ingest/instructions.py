"""What is asked of the reader of one upload, and what does it answer?"""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from service.domain.errors import Problem
from service.domain.identifiers import DEFAULT_COLLECTION
from service.domain.reference import Column, ColumnType
from service.ingest.encodings import Encoding


class UploadFormat(StrEnum):
    """How an upload is written."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"
    NDJSON = "ndjson"
    JSON = "json"


FORMATS_BY_SUFFIX: Final = {
    ".csv": UploadFormat.CSV,
    ".tsv": UploadFormat.CSV,
    ".txt": UploadFormat.CSV,
    ".ndjson": UploadFormat.NDJSON,
    ".jsonl": UploadFormat.NDJSON,
    ".xlsx": UploadFormat.XLSX,
    ".parquet": UploadFormat.PARQUET,
}
UNREAD_SUFFIXES: Final = frozenset(
    {".xls", ".xlsb", ".ods", ".numbers", ".zip", ".gz", ".json", ".pdf", ".doc", ".docx"}
)

# A small file of these may hold far more than it has bytes.
PACKED = frozenset({UploadFormat.XLSX, UploadFormat.PARQUET})


_TABLES = frozenset({UploadFormat.CSV, UploadFormat.XLSX, UploadFormat.PARQUET})


class UploadTarget(StrEnum):
    """What an upload is to become."""

    REFERENCE_DATA = "reference_data"
    DOCUMENTS = "documents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """How to read one upload.

    `delimiter` and `encoding` are for CSV alone, `sheet` for XLSX, `filename_column` for tables;
    an empty delimiter is one that got lost. `file_name` is what the file is called, if it is one;
    `collection` is where documents go that name none; `generation` is written into every row of
    reference data.
    Rows are put behind the `first_position` ones that are there; with `columns`, only these are
    taken, and written in this order. `needs_name` asks a JSON body for one.
    `repeats_of` asks for nothing but the rows that have the id of the row with that number.
    """

    target: UploadTarget
    format: UploadFormat
    file_name: str | None = None
    id_column: str | None = None
    filename_column: str | None = None
    collection: str = DEFAULT_COLLECTION
    delimiter: str | None = None
    encoding: Encoding | None = None
    sheet: str | None = None
    generation: int = 1
    first_position: int = 0
    columns: tuple[str, ...] | None = None
    needs_name: bool = True
    repeats_of: int | None = None

    @property
    def has_header(self) -> bool:
        """Whether a first row gives the columns their names, which is not counted as a row."""
        return self.format in {UploadFormat.CSV, UploadFormat.XLSX}

    @property
    def numbers_documents(self) -> bool:
        """Whether documents are named by the numbers of their rows: tables do so without ids."""
        return self.id_column is None and self.format in _TABLES

    @property
    def place(self) -> str:
        """Where the rows are, as a part of a sentence; empty where that has no name."""
        return f" in {self.file_name}" if self.file_name else ""

    def to_json(self) -> str:
        """Write for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Instructions":
        """Read what `to_json` wrote."""
        values = json.loads(text)
        values["target"] = UploadTarget(values["target"])
        values["format"] = UploadFormat(values["format"])
        if values["encoding"] is not None:
            values["encoding"] = Encoding(values["encoding"])
        if values["columns"] is not None:
            values["columns"] = tuple(values["columns"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found in an upload; with problems, nothing of it counts.

    `name` is the one that a JSON body brought with it, `id_column` where the row ids came from;
    `summary` says all problems in one sentence, where one does.
    """

    row_count: int = 0
    columns: tuple[Column, ...] = ()
    name: str | None = None
    id_column: str | None = None
    problems: tuple[Problem, ...] = ()
    summary: str | None = None

    def to_json(self) -> str:
        """Write for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Outcome":
        """Read what `to_json` wrote."""
        values = json.loads(text)
        columns = values.pop("columns")
        problems = values.pop("problems")
        return cls(
            columns=tuple(
                Column(each["name"], ColumnType(each["type"]), each["has_values"])
                for each in columns
            ),
            problems=tuple(Problem(**each) for each in problems),
            **values,
        )
