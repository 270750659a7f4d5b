"""How does an index lie in a file, from which all processes that search it map it?"""

from dataclasses import asdict
from typing import Any, BinaryIO, cast

from numpy.typing import NDArray

from service.matching import array_file
from service.matching.columns import Column, Kind, Reading, Values
from service.matching.idf import TokenWeights
from service.matching.index import ReferenceIndex
from service.matching.parsing_numbers import NumberStyle
from service.matching.reference_column import ReferenceColumn, UnreadableReference
from service.matching.text_lookup import TextLookup, TextTable
from service.matching.texts import Texts

_LAYOUT = "layout."

_Arrays = dict[str, NDArray[Any]]
_Notes = dict[str, Any]


def save(index: ReferenceIndex, file: BinaryIO) -> None:
    """Write the index to an empty file that is open for reading and writing; sync it."""
    arrays: _Arrays = {f"{_LAYOUT}{name}": array for name, array in index.layout.items()}
    _put_texts(arrays, "row_ids", index.rows.texts)
    arrays |= {"row_ids.places": index.rows.places, "row_ids.hashes": index.rows.hashes}
    notes = [_put_column(arrays, f"{n}.", column) for n, column in enumerate(index.columns)]
    array_file.write(file, arrays, notes)


def load(file: BinaryIO) -> ReferenceIndex:
    """Map the index in an open file; see `array_file.read`. Raises DamagedFileError."""
    arrays, notes = array_file.read(file)
    return ReferenceIndex(
        TextLookup(
            _take_texts(arrays, "row_ids"), arrays["row_ids.places"], arrays["row_ids.hashes"]
        ),
        tuple(_take_column(arrays, f"{n}.", each) for n, each in enumerate(notes)),
        {
            name.removeprefix(_LAYOUT): array
            for name, array in arrays.items()
            if name.startswith(_LAYOUT)
        },
    )


def _put_column(arrays: _Arrays, prefix: str, column: ReferenceColumn) -> _Notes:
    """Name the column's arrays, and return what else there is to know of it."""
    arrays[f"{prefix}codes"] = column.column.codes
    arrays[f"{prefix}numbers"] = column.column.values.numbers
    arrays[f"{prefix}raw_codes"] = column.raw_codes
    _put_texts(arrays, f"{prefix}raw_texts", column.raw_texts)
    _put_texts(arrays, f"{prefix}texts", cast(Texts, column.column.values.texts))
    weights = TextTable.of(column.reading.token_weights.by_token)
    _put_texts(arrays, f"{prefix}tokens", weights.texts)
    arrays[f"{prefix}token_weights"] = weights.numbers
    style = column.reading.number_style
    return {
        "kind": column.reading.kind,
        "day_first": column.reading.day_first,
        "decimal_marks": [sorted(style.own_decimal_marks), sorted(style.three_place_marks)],
        "holds_identifiers": column.reading.holds_identifiers,
        "unknown_token_weight": column.reading.token_weights.unknown,
        "unreadable": None if column.unreadable is None else asdict(column.unreadable),
    }


def _take_column(arrays: _Arrays, prefix: str, notes: _Notes) -> ReferenceColumn:
    values = Values(_take_texts(arrays, f"{prefix}texts"), arrays[f"{prefix}numbers"])
    weights = TextTable(_take_texts(arrays, f"{prefix}tokens"), arrays[f"{prefix}token_weights"])
    own_marks, three_place_marks = map(frozenset, notes["decimal_marks"])
    unreadable = notes["unreadable"]
    return ReferenceColumn(
        Column(values, arrays[f"{prefix}codes"]),
        Reading(
            Kind(notes["kind"]),
            notes["day_first"],
            NumberStyle(own_marks, three_place_marks),
            TokenWeights(weights, notes["unknown_token_weight"]),
            notes["holds_identifiers"],
        ),
        arrays[f"{prefix}raw_codes"],
        _take_texts(arrays, f"{prefix}raw_texts"),
        None if unreadable is None else UnreadableReference(**unreadable),
    )


def _put_texts(arrays: _Arrays, name: str, texts: Texts) -> None:
    arrays |= {f"{name}.blob": texts.blob, f"{name}.offsets": texts.offsets}


def _take_texts(arrays: _Arrays, name: str) -> Texts:
    return Texts(arrays[f"{name}.blob"], arrays[f"{name}.offsets"])
