"""Are a file's columns known before it is sent, whatever it is written in?"""

import codecs
import io
import json
import os
import threading
from pathlib import Path

import pytest

from service.cli import input_file
from service.cli.input_file import InputFile
from service.domain.errors import InvalidInputError
from tests.data import workbooks
from tests.data.workbooks import Sheet

CSV = "id;vendor;total\n1;Vega;2,50\n"
WORKBOOK = workbooks.make(Sheet("A", [["id", "vendor", "total"], ["1", "Vega", 2.5]]))
LINES = b'{"id": 1, "vendor": "Vega"}\n\n{"id": 2, "total": 2.50}\n'


def of(name: str, content: bytes) -> InputFile:
    """A file with that content."""
    return InputFile(name, io.BytesIO(content))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV.encode()),
        ("a.txt", CSV.encode("utf-16")),
        ("a.xlsx", WORKBOOK),
        ("a.ndjson", LINES),
    ],
)
def test_columns_are_those_that_the_service_will_read(name: str, content: bytes) -> None:
    file = of(name, content)
    assert file.columns(["total"]) == ["id", "vendor", "total"]
    assert file.file.read() == content


def test_of_lines_no_more_are_read_than_it_takes() -> None:
    assert of("a.jsonl", LINES).columns(["vendor"]) == ["id", "vendor"]


def test_what_cannot_be_read_is_a_sentence_with_the_file() -> None:
    with pytest.raises(InvalidInputError, match=r"a\.csv: The header names the column 'x'"):
        of("a.csv", b"x,x\n1,2\n").columns([])


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"", "a.csv: The file is empty."),
        ("a.csv", b"x,y\n", "a.csv has a header, and no row below it."),
        ("a.xlsx", workbooks.make(Sheet("A", [["x", "y"]])), "a.xlsx has a header, and no row"),
        ("a.ndjson", b"\n", "a.ndjson is empty."),
    ],
)
def test_a_file_without_rows_is_named(name: str, content: bytes, told: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        of(name, content).columns([])
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.ndjson", b'{"x": 1}\n\n{"x": \n', "a.ndjson: Row 2 is not a JSON object: write one a"),
        ("a.csv", b"x\x81,y\n1,2\n", "is not valid WINDOWS-1252: if it is text at all, save it as"),
        (
            "a.dat",
            b"x,y\n\x81,2\n",
            "a.dat: Row 1 is not valid UTF-8: save the file as CSV in UTF-8.",
        ),
    ],
)
def test_what_is_no_row_is_told_with_what_can_be_done_here(
    name: str, content: bytes, told: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        of(name, content).columns(["y"])
    assert told in str(refused.value)


def test_a_name_that_is_not_there_is_refused_with_the_nearest() -> None:
    input_file.check("vendor", ["vendor"], "a.csv", "--map")
    with pytest.raises(InvalidInputError, match=r"no column vender\. Did you mean vendor\? It has"):
        input_file.check("vender", ["vendor", "total"], "a.csv", "--map")


def test_the_content_and_how_it_is_read_name_a_file() -> None:
    one = of("a.csv", b"x\n1\n").digest("x")
    assert one == of("a.csv", b"x\n1\n").digest("x")
    others = [of("a.csv", b"x\n2\n").digest("x"), of("a.csv", b"x\n1\n").digest(None)]
    assert one not in others


def test_plain_rows_become_documents_with_their_numbers_as_written() -> None:
    with input_file.as_documents(of("a.ndjson", LINES), "id") as documents:
        lines = documents.file.read().splitlines()
    assert json.loads(lines[0]) == {"id": "1", "fields": {"id": 1, "vendor": "Vega"}}
    assert b"2.50" in lines[1]
    ready = b'{"id": "A", "fields": {"vendor": "Vega"}}\n'
    with input_file.as_documents(of("a.ndjson", ready), None) as documents:
        assert documents.file.read() == ready


def test_plain_rows_without_ids_are_named_by_their_numbers() -> None:
    with input_file.as_documents(of("a.ndjson", b'{"x": 1}\n\n' * 10), None) as documents:
        rows = [json.loads(line) for line in documents.file]
    assert [row["id"] for row in rows] == [*(f"row_0{number}" for number in range(1, 10)), "row_10"]


def test_a_mark_before_the_first_row_is_no_part_of_it() -> None:
    marked = of("a.ndjson", codecs.BOM_UTF8 + LINES)
    with input_file.as_documents(marked, None) as documents:
        first = documents.file.readline()
    assert json.loads(first) == {"id": "row_1", "fields": {"id": 1, "vendor": "Vega"}}


def test_rows_that_have_ids_beside_their_fields_need_no_column_for_them() -> None:
    ready = of("a.ndjson", b'{"id": "A", "fields": {"number": "7"}}\n')
    with (
        pytest.raises(InvalidInputError, match="leave out --document-id"),
        input_file.as_documents(ready, "number"),
    ):
        pass


def test_a_row_that_is_nested_without_end_is_none() -> None:
    with pytest.raises(InvalidInputError, match="Row 1 is not a JSON object"):
        of("a.ndjson", b"[" * 100_000 + b"\n" + LINES).columns(["total"])


def test_a_row_without_its_id_is_named() -> None:
    plain = of("a.ndjson", LINES)
    with (
        pytest.raises(InvalidInputError, match="row 1 has no number"),
        input_file.as_documents(plain, "number"),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("none.csv", "cannot be read: No such file"), ("a.xls", "files like this are not read")],
)
def test_a_file_that_cannot_be_opened_is_a_sentence(
    tmp_path: Path, name: str, sentence: str
) -> None:
    with pytest.raises(InvalidInputError, match=sentence), input_file.opened(str(tmp_path / name)):
        pass


def test_what_can_be_read_only_once_is_a_file_whose_begin_tells_its_format(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(LINES))
    writer.start()
    with input_file.opened(str(pipe)) as file:
        assert file.name == "pipe.ndjson"
        assert file.columns(["total"]) == ["id", "vendor", "total"]
        assert file.digest() == file.digest()
    writer.join()
