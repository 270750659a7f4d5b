"""How large is a workbook once it is unpacked, whatever it says of itself?"""

import struct
import zlib
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

_STEP = 1_048_576
_LOCAL_HEADER_BYTES = 30


class NotAWorkbookError(Exception):
    """The file is no archive that a workbook can be in; the message goes on from "The file "."""


def measure(file: BinaryIO, most: int) -> int:
    """Return how many bytes all members unpack to; a number above `most` when they are more.

    Unpacks them, a part at a time: what the directory says may be a lie. Raises NotAWorkbookError.
    """
    try:
        with ZipFile(file) as archive:
            members = archive.infolist()
    except (BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise NotAWorkbookError("is not an XLSX workbook, or is cut off.") from error
    total = 0
    for member in members:
        if member.header_offset < 0:
            raise NotAWorkbookError("is damaged.")
        total += _measure_member(file, member, most - total)
        if total > most:
            break
    return total


def _measure_member(file: BinaryIO, member: ZipInfo, most: int) -> int:
    if member.flag_bits & 1:
        raise NotAWorkbookError("is protected by a password.")
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER_BYTES)
    if len(header) < _LOCAL_HEADER_BYTES:
        raise NotAWorkbookError("is cut off.")
    file.seek(sum(struct.unpack("<HH", header[26:30])), 1)
    if member.compress_type == ZIP_STORED:
        return member.compress_size
    if member.compress_type != ZIP_DEFLATED:
        raise NotAWorkbookError("is packed in a way that XLSX workbooks are not.")
    return _unpack(file, member.compress_size, most)


def _unpack(file: BinaryIO, packed: int, most: int) -> int:
    unpacker, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    waiting = b""
    try:
        while not unpacker.eof and total <= most:
            if not waiting:
                waiting = file.read(min(_STEP, packed))
                packed -= len(waiting)
                if not waiting:
                    raise NotAWorkbookError("is cut off.")
            total += len(unpacker.decompress(waiting, _STEP))
            waiting = unpacker.unconsumed_tail
    except zlib.error as error:
        raise NotAWorkbookError("is damaged.") from error
    return total
