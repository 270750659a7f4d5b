"""How does an upload become COPY text for the table that it goes into?"""

from collections.abc import Iterator
from typing import BinaryIO

from service.ingest.instructions import Instructions, Outcome, UploadTarget
from service.ingest.uploads import DocumentUpload, ReferenceUpload, find_repeats
from service.store.copy_text import encode_arrays, encode_row, encode_texts


class UploadParser:
    """Reads one upload; `outcome` is there when `blocks` ends."""

    def __init__(self, file: BinaryIO, instructions: Instructions) -> None:
        """Read `file` from its start."""
        file.seek(0)
        self.outcome = Outcome()
        self._file = file
        self._instructions = instructions

    def blocks(self) -> Iterator[bytes]:
        """Yield COPY text in the columns of the store's table, a block at a time."""
        if self._instructions.repeats_of is not None:
            number = self._instructions.repeats_of
            self.outcome = find_repeats(self._file, self._instructions, number)
        elif self._instructions.target is UploadTarget.REFERENCE_DATA:
            yield from self._reference_data()
        else:
            yield from self._documents()

    def _reference_data(self) -> Iterator[bytes]:
        upload = ReferenceUpload(self._file, self._instructions)
        start = f"{self._instructions.generation}\t"
        behind = self._instructions.first_position
        for block in upload.blocks():
            # Rows count from 1, positions from 0.
            rows = zip(encode_texts(block.ids), encode_arrays(block.rows), strict=True)
            lines = [
                f"{start}{position}\t{row_id}\t{row}\n"
                for position, (row_id, row) in enumerate(rows, behind + block.first - 1)
            ]
            yield "".join(lines).encode()
        self.outcome = upload.outcome

    def _documents(self) -> Iterator[bytes]:
        upload = DocumentUpload(self._file, self._instructions)
        for block in upload.blocks():
            lines = [
                encode_row((row.number, row.collection, row.id, row.filename, row.fields))
                for row in block
            ]
            yield "".join(lines).encode()
        self.outcome = upload.outcome
