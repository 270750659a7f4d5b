"""How do the rows of a table, or JSON objects, become documents?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from service.domain.identifiers import CLIENT_ID_MAX_LENGTH, new_id
from service.ingest import row_ids
from service.ingest.instructions import Instructions
from service.ingest.json_table import JsonRow
from service.ingest.json_values import JsonValue, encode, encode_text, fault_of, text_fault
from service.ingest.limits import (
    BLOCK_CHARACTERS,
    BLOCK_ROWS,
    MAX_COLUMN_NAME_CHARACTERS,
    MAX_COLUMNS,
    MAX_FILENAME_CHARACTERS,
)
from service.ingest.problems import Problems
from service.ingest.tables import Cells, TableReader

_KEYS = ("id", "filename", "collection", "fields")


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document of an upload; `fields` is the JSON text of an object of scalars.

    Without an `id` it is named by its number, when it is stored.
    """

    number: int
    collection: str
    id: str | None
    filename: str | None
    fields: str


def from_table(
    table: TableReader, instructions: Instructions, problems: Problems
) -> Iterator[list[DocumentRow]]:
    """Yield documents whose fields are all columns of the row; without ids where none are asked."""
    for block in table.blocks():
        columns, id_column = table.columns, instructions.id_column
        id_place = row_ids.locate(columns, id_column, "id_column", problems)
        name_place = row_ids.locate(
            columns, instructions.filename_column, "filename_column", problems
        )
        ids: Sequence[str | None] = [None] * len(block.rows)
        if id_place is not None:
            ids = row_ids.read(block, id_place, id_column or "", problems)
        keys = _object_keys(columns)
        documents = []
        for number, (row_id, row) in enumerate(zip(ids, block.rows, strict=True), block.first):
            filename = row[name_place] or None if name_place is not None else None
            _check_filename(filename, number, problems)
            fields = _object_text(keys, row)
            documents.append(DocumentRow(number, instructions.collection, row_id, filename, fields))
        if not problems:
            yield documents


def _object_keys(columns: list[str]) -> list[str]:
    return [f"{encode_text(column)}: " for column in columns]


def _object_text(keys: list[str], row: Cells) -> str:
    members = [key + encode(value) for key, value in zip(keys, row, strict=True)]
    return "{" + ", ".join(members) + "}"


def from_objects(
    rows: Iterable[JsonRow], instructions: Instructions, problems: Problems
) -> Iterator[list[DocumentRow]]:
    """Yield documents from JSON objects with `fields` and perhaps `id, filename, collection`."""
    documents: list[DocumentRow] = []
    characters = 0
    for number, row, _ in rows:
        document = _from_object(number, row, instructions, problems)
        if document is None:
            continue
        documents.append(document)
        characters += len(document.fields)
        if len(documents) == BLOCK_ROWS or characters >= BLOCK_CHARACTERS:
            if not problems:
                yield documents
            documents, characters = [], 0
    if documents and not problems:
        yield documents


def _from_object(
    number: int, row: JsonValue, instructions: Instructions, problems: Problems
) -> DocumentRow | None:
    if not isinstance(row, dict):
        problems.add("not_an_object", f"Row {number} is not a JSON object.", row=number)
        return None
    for key in row:
        if key not in _KEYS:
            message = (
                f"Row {number}: there is no key {key[:80]!r}; the keys are {', '.join(_KEYS)}."
            )
            problems.add("unknown_key", message, row=number, column=key)
    fields = row.get("fields")
    if not isinstance(fields, dict):
        message = f"Row {number} needs `fields`, a JSON object."
        problems.add("not_an_object", message, row=number, column="fields")
        return None
    filename = _text(row, "filename", number, problems)
    _check_filename(filename, number, problems)
    return DocumentRow(
        number,
        _short_text(row, "collection", number, problems) or instructions.collection,
        _short_text(row, "id", number, problems) or str(new_id()),
        filename,
        _fields_text(fields, number, problems),
    )


def _text(row: dict[str, JsonValue], key: str, number: int, problems: Problems) -> str | None:
    value = row.get(key)
    if value is None:
        return None
    # Not isinstance: a number as it was written is a kind of text.
    fault = text_fault(value) if type(value) is str else "is not a string"
    if fault:
        message = f"Row {number}: `{key}` {fault}."
        problems.add("bad_value", message, row=number, column=key)
        return None
    return str(value)


def _short_text(row: dict[str, JsonValue], key: str, number: int, problems: Problems) -> str | None:
    text = _text(row, key, number, problems)
    if text is not None and not 1 <= len(text) <= CLIENT_ID_MAX_LENGTH:
        message = f"Row {number}: `{key}` must have 1 to {CLIENT_ID_MAX_LENGTH} characters."
        problems.add("bad_id", message, row=number, column=key)
    return text


def _check_filename(filename: str | None, number: int, problems: Problems) -> None:
    if filename is not None and len(filename) > MAX_FILENAME_CHARACTERS:
        message = f"Row {number}: `filename` is longer than {MAX_FILENAME_CHARACTERS} characters."
        problems.add("bad_value", message, row=number, column="filename")


def _fields_text(fields: dict[str, JsonValue], number: int, problems: Problems) -> str:
    if len(fields) > MAX_COLUMNS:
        message = f"Row {number} has {len(fields):,} fields; at most {MAX_COLUMNS:,} are read."
        problems.add("too_many_fields", message, row=number, column="fields")
    members = []
    for name, value in fields.items():
        fault = text_fault(name)
        if not 1 <= len(name) <= MAX_COLUMN_NAME_CHARACTERS:
            fault = f"must have 1 to {MAX_COLUMN_NAME_CHARACTERS} characters"
        if fault:
            message = f"Row {number}: the name of a field {fault}."
            problems.add("bad_field_name", message, row=number, column="fields")
        fault = fault_of(value)
        if isinstance(value, list | dict) or fault:
            message = f"Row {number}, field {name[:80]!r}: the value {fault}."
            problems.add("bad_value", message, row=number, column=name)
            continue
        members.append(f"{encode_text(name)}: {encode(value)}")
    return "{" + ", ".join(members) + "}"
