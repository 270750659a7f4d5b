"""How do arrays lie in a file that many processes map into memory, so that damage is noticed?

    magic, SHA-256 of what follows up to the arrays, versions and sizes │ JSON │ array │ array │ …
    fixed 56 bytes                                                       places, notes, digest

Numbers are little endian, places in the file are divisible by ALIGNMENT.
"""

import hashlib
import json
import mmap
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

MAGIC = b"MSARRAYS"
FORMAT = 1
ALIGNMENT = 64
# Format, length of the JSON text and of the whole file.
_SIZES = struct.Struct("<IIQ")
_HEAD_BYTES = len(MAGIC) + hashlib.sha256().digest_size + _SIZES.size
_DIGEST_BLOCK_WORDS = 8192
_NO_DIGEST = "0" * 64


class DamagedFileError(Exception):
    """The file is not what was written: cut off, changed, or of another format."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an array lies; one that holds the same value everywhere is kept as one element."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    is_constant: bool


def write(file: BinaryIO, arrays: Arrays, notes: Any) -> None:
    """Write the arrays, which hold no objects, and `notes` of JSON values; sync them to the disk.

    `file` is empty and open for reading and writing. An array that has several names is written
    once, one with strides of 0 only (`np.broadcast_to`) as one element.
    """
    places, stored, length = _plan(arrays)
    header = _header(places, notes, _NO_DIGEST, length)
    # The digest is of a fixed length, so that the final header fits where this one did.
    for start, array in stored:
        file.seek(len(header) + start)
        file.write(np.ascontiguousarray(array).data)
    file.truncate(len(header) + length)
    file.flush()
    with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        digest = _digest(mapped, len(header))
    file.seek(0)
    file.write(_header(places, notes, digest, length))
    file.flush()
    os.fsync(file.fileno())


def read(file: BinaryIO) -> tuple[dict[str, NDArray[Any]], Any]:
    """Map an open file and return its read-only arrays by name, and its notes.

    The content is checked whole. The map, and a lock on the open file with it, lasts as long as
    any of the arrays, whatever becomes of `file`. Raises DamagedFileError.
    """
    size = os.fstat(file.fileno()).st_size
    if size < _HEAD_BYTES:
        raise DamagedFileError("The file is cut off.")
    mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    checked_from = len(MAGIC) + hashlib.sha256().digest_size
    version, header_length, length = _SIZES.unpack(mapped[checked_from:_HEAD_BYTES])
    if mapped[: len(MAGIC)] != MAGIC or version != FORMAT or length != size:
        raise DamagedFileError("The file is cut off or of another format.")
    start = _HEAD_BYTES + header_length
    if hashlib.sha256(mapped[checked_from:start]).digest() != mapped[len(MAGIC) : checked_from]:
        raise DamagedFileError("The file's header was changed.")
    header = json.loads(mapped[_HEAD_BYTES:start])
    if _digest(mapped, start) != header["digest"]:
        raise DamagedFileError("The file's arrays were changed.")
    places = {name: _Place(*place) for name, place in header["places"].items()}
    return {name: _array(mapped, start, place) for name, place in places.items()}, header["notes"]


def _plan(arrays: Arrays) -> tuple[dict[str, _Place], list[tuple[int, NDArray[Any]]], int]:
    """Return the place of each name, each array to write with its start, and their length."""
    places: dict[str, _Place] = {}
    stored: list[tuple[int, NDArray[Any]]] = []
    start_of: dict[int, int] = {}
    length = 0
    for name, array in arrays.items():
        is_constant = array.size > 1 and not any(array.strides)
        if id(array) not in start_of:
            start_of[id(array)] = length
            element = array.reshape(-1)[:1] if is_constant else array
            stored.append((length, element))
            length += -(-element.nbytes // ALIGNMENT) * ALIGNMENT
        places[name] = _Place(array.dtype.str, array.shape, start_of[id(array)], is_constant)
    return places, stored, length


def _header(places: Mapping[str, _Place], notes: Any, digest: str, length: int) -> bytes:
    listed = {
        name: (place.dtype, place.shape, place.start, place.is_constant)
        for name, place in places.items()
    }
    text = json.dumps({"digest": digest, "places": listed, "notes": notes}).encode()
    text += b" " * (-(_HEAD_BYTES + len(text)) % ALIGNMENT)
    sizes = _SIZES.pack(FORMAT, len(text), _HEAD_BYTES + len(text) + length)
    return MAGIC + hashlib.sha256(sizes + text).digest() + sizes + text


def _digest(mapped: mmap.mmap, start: int) -> str:
    """Digest what follows `start`: SHA-256 over the sums of blocks of 64-bit words.

    A change within one word changes its block's sum. Runs at the speed of memory.
    """
    words = np.frombuffer(mapped, dtype="<u8", offset=start)
    whole = len(words) // _DIGEST_BLOCK_WORDS * _DIGEST_BLOCK_WORDS
    sums = np.add.reduce(words[:whole].reshape(-1, _DIGEST_BLOCK_WORDS), axis=1)
    rest = np.add.reduce(words[whole:])
    return hashlib.sha256(np.append(sums, rest).tobytes()).hexdigest()


def _array(mapped: mmap.mmap, start: int, place: _Place) -> NDArray[Any]:
    count = 1 if place.is_constant else int(np.prod(place.shape))
    array: NDArray[Any] = np.frombuffer(mapped, place.dtype, count, start + place.start)
    if place.is_constant:
        return np.broadcast_to(array[0], place.shape)
    return array.reshape(place.shape)
