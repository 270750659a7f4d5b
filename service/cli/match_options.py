"""Which words and options does `matchstream match` take?"""

from typing import Annotated

import typer

_SHARE = "write a number from 0 to 1, with a point: 0.85."


def share(text: str) -> float:
    """Read a confidence; says how one is written where this is none."""
    try:
        found = float(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no confidence: {_SHARE}") from error
    if not 0 <= found <= 1:
        raise typer.BadParameter(f"{text} is no confidence: {_SHARE}")
    return found


Documents = Annotated[
    str,
    typer.Argument(
        metavar="DOCUMENTS", help="CSV, XLSX, NDJSON or Parquet file; - for standard input."
    ),
]
Against = Annotated[str, typer.Option(metavar="FILE", help="File of the reference data. Required.")]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="MAPPING", help="What compares to what; again and again."),
]
Suggest = Annotated[
    bool,
    typer.Option("--suggest", help="Only propose ids and mappings, from names and values."),
]
Out = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Table to write: .csv, .json or .ndjson; - for CSV on standard output.",
    ),
]
Threshold = Annotated[
    float, typer.Option(metavar="0-1", parser=share, help="Least confidence of a match.")
]
ReviewThreshold = Annotated[
    float, typer.Option(metavar="0-1", parser=share, help="Least that is worth a look.")
]
DocumentId = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Column with the documents' ids; by default row_1, row_2 and so on."
    ),
]
ReferenceId = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Column with the reference rows' ids; by default row_1 and so on."
    ),
]
Ai = Annotated[bool, typer.Option("--ai", help="Ask the AI about what is unsure.")]
KeepTables = Annotated[
    bool | None,
    typer.Option(
        "--keep/--no-keep",
        help="Whether tables, config and run stay on the service. By default they do once the run "
        "has ended, and go when it is interrupted or refused.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the run, or what is proposed, as JSON.")
]
Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Service to use, with the key in MATCHSTREAM_API_KEY; by default that of "
        "MATCHSTREAM_URL, else the one on the data directory, else one of its own.",
    ),
]
