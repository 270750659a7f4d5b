"""Are the rows of a file read alike by the kernel and by Python, and is a bad file noticed?"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.matching.compiled import load_kernel
from service.matching.numbering import Rows
from service.matching.rows_file import RowsFile, UnreadableRowsError

ODD = st.text(st.sampled_from('ab"\\/\b\f\n\r\t\x00\x1f é€😀[],'), max_size=20)
VALUES = st.one_of(st.none(), ODD, st.text(st.characters(exclude_categories=["Cs"])))
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.tuples(ODD, st.lists(VALUES, min_size=width, max_size=width)), min_size=1, max_size=80
    )
)


def read_by_kernel(file: RowsFile, wanted: Sequence[str]) -> Rows:
    kernel = load_kernel()
    assert kernel is not None
    return file.read_by_kernel(kernel, {name: file.columns.index(name) for name in wanted})


def read_here(file: RowsFile, wanted: Sequence[str]) -> Rows:
    return file.read_here({name: file.columns.index(name) for name in wanted})


def plain(rows: Rows) -> tuple[list[str], dict[str, tuple[list[str], list[int]]]]:
    columns = {
        name: (column.texts.tolist(), column.codes.tolist())
        for name, column in rows.columns.items()
    }
    return rows.row_ids.tolist(), columns


def write(path: Path, text: str, row_count: int, width: int) -> RowsFile:
    path.write_bytes(text.encode(errors="surrogatepass"))
    columns = [f"c{place}" for place in range(width)]
    return RowsFile(path=path, row_count=row_count, columns=columns)


@given(TABLES, st.booleans(), st.data())
def test_the_kernel_reads_rows_as_python_does(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[str, list[str | None]]],
    is_ascii: bool,
    data: st.DataObject,
) -> None:
    lines = [json.dumps(row, ensure_ascii=is_ascii) for row in table]
    width = len(table[0][1])
    file = write(
        tmp_path_factory.getbasetemp() / "rows", "\n".join(lines) + "\n", len(table), width
    )
    wanted = data.draw(st.lists(st.sampled_from(list(file.columns)), unique=True))
    expected = (
        [row_id for row_id, _ in table],
        {
            name: [row[place] for _, row in table]
            for place, name in enumerate(file.columns)
            if name in wanted
        },
    )
    for rows in (
        read_by_kernel(file, wanted),
        read_here(file, wanted),
        file.read(frozenset(wanted)),
    ):
        row_ids, columns = plain(rows)
        assert row_ids == expected[0]
        assert {
            name: [None if code < 0 else texts[code] for code in codes]
            for name, (texts, codes) in columns.items()
        } == expected[1]
        assert all(len(set(texts)) == len(texts) for texts, _ in columns.values())


@pytest.mark.parametrize("read", [read_by_kernel, read_here])
def test_rows_are_read_stretch_by_stretch(
    tmp_path: Path, read: Callable[[RowsFile, Sequence[str]], Rows]
) -> None:
    table = [[f"row {place}", [f"n{place % 7}", "x" * (place % 130)]] for place in range(500)]
    # The last line lacks its end.
    file = write(tmp_path / "rows", "\n".join(map(json.dumps, table)), 500, 2)
    row_ids, columns = plain(read(replace(file, stretch_bytes=50), ["c0"]))
    assert row_ids == [row_id for row_id, _ in table]
    assert columns == {"c0": ([f"n{n}" for n in range(7)], [place % 7 for place in range(500)])}


@pytest.mark.parametrize("read", [read_by_kernel, read_here])
def test_no_rows_are_read_from_an_empty_file(
    tmp_path: Path, read: Callable[[RowsFile, Sequence[str]], Rows]
) -> None:
    assert plain(read(write(tmp_path / "rows", "", 0, 1), ["c0"])) == ([], {"c0": ([], [])})


GOOD = '["a", ["x", null]]\n'


@pytest.mark.parametrize("read", [read_by_kernel, read_here])
@pytest.mark.parametrize(
    "bad",
    [
        "",
        "\n",
        GOOD + GOOD,
        '["b"]\n',
        '["b", ["x"]]\n',
        '["b", ["x", 7]]\n',
        '["b", ["x", "y"]\n',
        '["b", ["x", "y]]\n',
        '["b", ["x", "y\\"]]\n',
        '["b", ["x", "\\x"]]\n',
        '["b", ["x", "\\u12"]]\n',
        '["b", ["x", "\\u12g4"]]\n',
        '["b", ["x" "y"]]\n',
        '[null, "x", "y"]\n',
        "[",
    ],
)
def test_a_file_that_is_not_what_was_written_is_refused(
    tmp_path: Path, read: Callable[[RowsFile, Sequence[str]], Rows], bad: str
) -> None:
    file = write(tmp_path / "rows", GOOD + bad, 2, 2)
    with pytest.raises(UnreadableRowsError):
        read(file, ["c1"])


@pytest.mark.parametrize("read", [read_by_kernel, read_here])
def test_bytes_that_are_no_text_are_refused(
    tmp_path: Path, read: Callable[[RowsFile, Sequence[str]], Rows]
) -> None:
    file = write(tmp_path / "rows", "", 1, 1)
    file.path.write_bytes(b'["a", ["x\xff"]]\n')
    with pytest.raises(UnreadableRowsError):
        read(file, ["c0"])


def test_the_kernel_reads_whatever_json_may_escape(tmp_path: Path) -> None:
    text = r'["\u0041\u00e9\u20AC\uD83D\uDE00", [ "\/\"\\\b\f\n\r\t" , "\ud83dx\ude00" ] ]' + "\n"
    file = write(tmp_path / "rows", text, 1, 2)
    row_ids, columns = plain(read_by_kernel(file, ["c0", "c1"]))
    assert row_ids == ["Aé€😀"]
    assert columns["c0"][0] == ['/"\\\b\f\n\r\t']
    assert columns["c1"][0] == ["\ud83dx\ude00"]
