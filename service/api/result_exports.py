"""How do all results of a run leave as one file, for a spreadsheet or for a program?"""

import codecs
from collections.abc import AsyncIterator, Callable, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.api import exports, filters, parameters, replies
from service.api.context import Caller, services
from service.api.exports import ExportCutError, FileResponse, harmless
from service.api.lookup import find_run
from service.api.results import FILTERS, read_filter, write_result
from service.api.wire import invalid
from service.domain import configs, representation
from service.domain.documents import FieldValue
from service.domain.results import MatchResult
from service.domain.runs import Run
from service.store import configs as matching_configs
from service.store import results, run_lifecycle, runs
from service.store.database import Connection, Database
from service.store.results import Position, ResultFilter, Sort

EXPORT_RESULTS = 200
_FILTERS = tuple(name for name in FILTERS if name != "sort")
_COLUMNS = (
    "document_id",
    "document_filename",
    "matched_reference_row_id",
    "confidence",
    "rule_confidence",
    "status",
    "resolved_by",
    "uncertain",
    "reviewed_by",
    "reviewed_at",
    "notes",
    "error",
)
# Whose values the evidence shows where nothing is matched.
_BEST = "best_candidate_id"
_PARTS = ("document_value", "reference_value", "score")
_UNREADABLE = "unreadable"

# A mapping's key in the evidence, and a part of what it said.
_Told: TypeAlias = tuple[str, str]
_Write: TypeAlias = Callable[[Sequence[MatchResult]], bytes]
_evidence = msgspec.json.Decoder(dict[str, dict[str, FieldValue]])


class _Named(msgspec.Struct):
    reference_row_id: str


_candidates = msgspec.json.Decoder(list[_Named])


class Delimiter(StrEnum):
    """What stands between the values of a CSV file."""

    COMMA = ","
    SEMICOLON = ";"


class ExportFormat(StrEnum):
    """How results are written into a file."""

    CSV = "csv"
    NDJSON = "ndjson"


async def export(request: Request, caller: Caller) -> Response:
    """Send a run's results in document order, as CSV or NDJSON."""
    values = parameters.query(request, ("format", "bom", "delimiter", *_FILTERS))
    run = await find_run(request, caller)
    chosen = filters.one_of(values, "format", ExportFormat)
    if chosen is None:
        raise invalid((parameters.wrong("format", "is required: `csv` or `ndjson`"),))
    has_mark = filters.truth(values, "bom") or False
    delimiter = filters.one_of(values, "delimiter", Delimiter) or Delimiter.COMMA
    wanted = read_filter(values)
    database = services(request).database
    async with database.connection() as connection:
        filename = f"{await _name(connection, run)}.{chosen.value}"
    if chosen is ExportFormat.NDJSON:
        parts = _parts(database, run, wanted, b"", _write_lines)
        return FileResponse(parts, filename, exports.NDJSON_TYPE)
    async with database.connection() as connection:
        told = await _evidence_told(connection, run)
    head = (codecs.BOM_UTF8 if has_mark else b"") + _csv_head(told, delimiter)
    parts = _parts(database, run, wanted, head, _csv_writer(told, delimiter))
    return FileResponse(parts, filename, exports.CSV_TYPE)


async def _name(connection: Connection, run: Run) -> str:
    """Name the file by its match and the day of the run; by the run where the match is deleted."""
    config = await matching_configs.fetch(connection, run.workspace_id, run.matching_config_id)
    name = exports.plain_name(config.name) if config else ""
    return f"{name} {run.created_at:%Y-%m-%d}" if name else f"results-{run.id}"


async def _parts(
    database: Database, run: Run, wanted: ResultFilter, head: bytes, write: _Write
) -> AsyncIterator[bytes]:
    if head:
        yield head
    after = results.START
    while True:
        async with database.connection() as connection:
            page = await results.page(
                connection, run.id, wanted, Sort.DOCUMENT, after, EXPORT_RESULTS
            )
            # Results go after their run: as long as that is there, none is missing.
            if await runs.fetch(connection, run.workspace_id, run.id) is None:
                raise ExportCutError("The run was deleted while its results were exported.")
        if page:
            yield write(page)
        if len(page) < EXPORT_RESULTS or wanted.document_id is not None:
            return
        after = Position(page[-1].confidence, page[-1].document_id)


def _write_lines(page: Sequence[MatchResult]) -> bytes:
    return b"".join(replies.encode(write_result(result)) + b"\n" for result in page)


async def _evidence_told(connection: Connection, run: Run) -> Sequence[_Told]:
    if run.started_at is None:
        return ()
    mappings = (await run_lifecycle.fetch_rules(connection, run)).field_mappings
    return [
        (key, part)
        for key, mapping in zip(configs.evidence_keys(mappings), mappings, strict=True)
        for part in (*_PARTS, *((_UNREADABLE,) if configs.needs_number(mapping) else ()))
    ]


def _csv_head(told: Sequence[_Told], delimiter: str) -> bytes:
    named = [harmless(f"{key}.{part}") for key, part in told]
    return exports.csv_lines([[*_COLUMNS, _BEST, *named]], delimiter)


def _csv_writer(told: Sequence[_Told], delimiter: str) -> _Write:
    def write(page: Sequence[MatchResult]) -> bytes:
        return exports.csv_lines((_csv_row(result, told) for result in page), delimiter)

    return write


def _csv_row(result: MatchResult, told: Sequence[_Told]) -> list[str | None]:
    written = representation.result(result)
    evidence = _evidence.decode(result.evidence)
    fields = (evidence.get(key, {}).get(part) for key, part in told)
    candidates = _candidates.decode(result.candidates)
    best = candidates[0].reference_row_id if candidates else None
    named = (written[column] for column in _COLUMNS)
    return [_cell(value) for value in (*named, best, *fields)]


def _cell(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return harmless(value) if isinstance(value, str) else str(value)
