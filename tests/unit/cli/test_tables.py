"""Do lists fit a terminal, and reach programs whole?"""

import io
import json
import sys

import pytest
from rich.cells import cell_len

from service.cli import tables

ROWS = [
    {"id": "01890000", "name": "a long name that goes on and on", "is_on": True, "last": None},
    {"id": "01890001", "name": "tab\there", "is_on": False, "last": ["x", "y"]},
]
COLUMNS = ("id", "name", "is_on", "last")


def test_a_pipe_gets_a_header_and_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_rows(ROWS, COLUMNS, as_json=False)
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split("\t") == list(COLUMNS)
    assert first.split("\t") == ["01890000", "a long name that goes on and on", "yes", "-"]
    assert second.split("\t") == ["01890001", "tab\ufffdhere", "no", "x,y"]


def test_a_pipe_gets_each_row_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    listed = tables.Listed(("id",), as_json=False)
    listed.add(ROWS[0])
    assert capsys.readouterr().out == "id\n01890000\n"
    listed.close()
    assert capsys.readouterr().out == ""


def test_json_is_one_object_a_line_with_all_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_rows(ROWS, ("id",), as_json=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS


@pytest.mark.parametrize("width", [20, 40, 60, 200])
def test_columns_are_aligned_and_cut_but_never_the_id(width: int) -> None:
    lines = [COLUMNS, ("01890000", ROWS[0]["name"], "yes", "-")]
    header, row = tables.aligned([tuple(map(str, line)) for line in lines], width)
    assert header.index("name") == row.index("a long")
    assert row.startswith("01890000")
    assert ("…" in row) == (width < 60)
    assert max(len(header), len(row)) <= width


def test_columns_without_any_room_are_left_out_but_never_the_id() -> None:
    lines = [COLUMNS, ("01890000", "Vega", "yes", "-")]
    assert tables.aligned(lines, 27) == ["id        name  is_on  last", "01890000  Vega  yes    -"]
    assert tables.aligned(lines, 26) == ["id        name  is_on", "01890000  Vega  yes"]
    assert tables.aligned(lines, 5) == ["id", "01890000"]


def test_signs_that_take_two_places_keep_the_columns_straight() -> None:
    lines = [("id", "name", "on"), ("1", "東京商事", "x"), ("2", "東京商事株式会社", "y")]
    wide = tables.aligned(lines, 80)
    assert {cell_len(line) for line in wide[1:]} == {len("id  ") + 16 + len("  y")}
    assert all(cell_len(line) <= 16 for line in tables.aligned(lines, 16))


def test_where_not_all_signs_can_be_shown_json_is_still_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))
    tables.print_json({"name": "東京 — Köln"})
    sys.stdout.flush()
    assert json.loads(written.getvalue().decode("ascii")) == {"name": "東京 — Köln"}


def test_times_are_shortened_before_ids_are_cut_or_columns_go() -> None:
    names = ("id", "name", "document_id", "created_at")
    line = ("0" * 36, "a long name that goes on and on", "d" * 20, "2026-01-02T03:04:05.678Z")
    whole = {width: tables.aligned([names, line], width)[1] for width in (120, 115, 100, 80, 70)}
    assert whole[120].endswith("2026-01-02T03:04:05.678Z")
    assert whole[115].endswith("and on  dddddddddddddddddddd  2026-01-02T03:04:05Z")
    assert "…  dddddddddddddddddddd  2026-01-02T03:04:05Z" in whole[100]
    assert whole[80].endswith(f"…  {'d' * 20}  2026-01-02")
    assert whole[70].endswith(f"…  {'d' * 20}")
    assert all(len(shown) <= width for width, shown in whole.items())
