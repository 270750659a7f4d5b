"""What is a document: the fields extracted from one paper, form or record, to be matched."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from service.domain.identifiers import DocumentId, ReferenceRowId

# A field's value as JSON knows it: text, number, truth value or nothing.
FieldValue = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Document:
    """A document of one collection; (collection, id) is its identity within the workspace."""

    id: DocumentId
    collection: str
    filename: str | None
    fields: Mapping[str, FieldValue]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CollectionFigures:
    """A collection that has documents, and when one of them was last stored or deleted."""

    name: str
    document_count: int
    created_at: datetime
    updated_at: datetime


class RunDocument(msgspec.Struct, frozen=True):
    """A document of a run; `fields` is its JSON text, None when it was deleted meanwhile.

    `excluded` are the rows that a reviewer has said are no match. A structure rather than a
    dataclass: each goes to another process, at a fifth of the cost.
    """

    id: DocumentId
    filename: str | None
    fields: str | None
    excluded: tuple[ReferenceRowId, ...] = ()
