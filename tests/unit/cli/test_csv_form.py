"""Is a CSV file of any spreadsheet told apart by its first bytes, and left where it was?"""

import io

import pytest

from service.cli.csv_form import PEEK_BYTES, form_of

ROWS = "Nr;Währung;Betrag\n1;€;1.250,00\n"


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.csv", b"id,name\n1,x\n", {}),
        ("a.csv", ROWS.encode(), {"delimiter": ";"}),
        ("a.csv", ROWS.encode("utf-8-sig"), {"delimiter": ";"}),
        ("a.CSV", ROWS.encode("cp1252"), {"encoding": "windows-1252", "delimiter": ";"}),
        ("a.csv", ROWS.encode("utf-16"), {"delimiter": ";"}),
        ("a.tsv", b"id\tname\n", {"delimiter": "\t"}),
        ("a.csv", b"id\n1\n", {}),
        ("a.csv", b'"a;b;c",name\n1,x\n', {}),
        ("a.csv", b'"a,\nb,c";name\n1;x\n', {"delimiter": ";"}),
        ("a.csv", b"", {}),
        ("a.csv", b"x" * (PEEK_BYTES - 1) + "ä".encode(), {}),
        ("a.xlsx", ROWS.encode(), {}),
    ],
)
def test_delimiter_and_encoding_are_told(name: str, content: bytes, form: dict[str, str]) -> None:
    file = io.BytesIO(content)
    assert form_of(name, file) == form
    assert file.read() == content
