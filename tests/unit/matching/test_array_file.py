"""Do arrays come back from a file as they went in, or not at all?"""

import fcntl
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from numpy.typing import NDArray

from service.matching import array_file
from service.matching.array_file import DamagedFileError

ANY_ARRAY = arrays_of.arrays(
    dtype=st.sampled_from([np.uint8, np.int32, np.int64, np.float64, np.bool_]),
    shape=arrays_of.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=40),
)
SOME_ARRAYS: dict[str, NDArray[Any]] = {
    "codes": np.arange(-3, 20_000, dtype=np.int32),
    "nothing": np.empty((0, 2), dtype=np.float64),
    "cells": np.arange(6, dtype=np.int64).reshape(2, 3).T,
}


def write(path: Path, arrays: array_file.Arrays, notes: Any = None) -> None:
    with path.open("w+b") as file:
        array_file.write(file, arrays, notes)


def read(path: Path) -> tuple[dict[str, NDArray[Any]], Any]:
    with path.open("rb") as file:
        return array_file.read(file)


@given(st.dictionaries(st.text(), ANY_ARRAY, max_size=5))
def test_arrays_come_back_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, NDArray[Any]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.arrays"
    write(path, arrays)
    found, _ = read(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)
        assert not found[name].flags.writeable


def test_notes_come_back_as_they_went_in(tmp_path: Path) -> None:
    notes = {"weight": 0.1 + 0.2, "marks": [".", ","], "sample": "a\ud800ö", "nothing": None}
    write(tmp_path / "file", {}, notes)
    assert read(tmp_path / "file") == ({}, notes)


def test_each_array_begins_where_processors_like_it(tmp_path: Path) -> None:
    write(tmp_path / "file", SOME_ARRAYS)
    arrays, _ = read(tmp_path / "file")
    assert all(array.ctypes.data % array_file.ALIGNMENT == 0 for array in arrays.values())


def test_one_value_everywhere_and_one_array_twice_take_the_room_of_one(tmp_path: Path) -> None:
    numbers = np.arange(100_000)
    write(tmp_path / "one", {"a": numbers})
    twice: dict[str, NDArray[Any]] = {
        "a": numbers,
        "b": numbers,
        "c": np.broadcast_to(np.nan, 100_000),
    }
    write(tmp_path / "twice", twice)
    assert (tmp_path / "twice").stat().st_size < (tmp_path / "one").stat().st_size + 1000
    arrays, _ = read(tmp_path / "twice")
    np.testing.assert_array_equal(arrays["b"], numbers)
    assert arrays["c"].shape == (100_000,)
    assert np.isnan(arrays["c"]).all()


def test_a_flipped_byte_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    arrays = {"codes": np.arange(100, dtype=np.uint8), "names": np.frombuffer(b"Vega", np.uint8)}
    write(path, arrays, ["note"])
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(DamagedFileError):
            read(path)


@pytest.mark.parametrize("kept", [0, 7, 55, 300, 5000, -64, -1])
def test_a_file_that_is_cut_off_is_noticed(tmp_path: Path, kept: int) -> None:
    write(tmp_path / "file", SOME_ARRAYS)
    (tmp_path / "file").write_bytes((tmp_path / "file").read_bytes()[:kept])
    with pytest.raises(DamagedFileError):
        read(tmp_path / "file")


def test_blocks_that_changed_places_are_noticed(tmp_path: Path) -> None:
    write(tmp_path / "file", {"numbers": np.arange(1 << 20)})
    whole = (tmp_path / "file").read_bytes()
    half = len(whole) - (1 << 22)
    (tmp_path / "file").write_bytes(
        whole[: half - (1 << 21)] + whole[half:][: 1 << 21] + whole[half - (1 << 21) : half]
        + whole[half + (1 << 21) :]
    )  # fmt: skip
    with pytest.raises(DamagedFileError):
        read(tmp_path / "file")


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "file", SOME_ARRAYS)
    content = bytearray((tmp_path / "file").read_bytes())
    struct.pack_into("<I", content, 40, array_file.FORMAT + 1)
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DamagedFileError, match="another format"):
        read(tmp_path / "file")


def test_a_lock_on_the_open_file_lasts_as_long_as_its_arrays(tmp_path: Path) -> None:
    write(tmp_path / "file", SOME_ARRAYS)
    with (tmp_path / "file").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        arrays, _ = array_file.read(file)
    with (tmp_path / "file").open("rb") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        del arrays
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
