"""What do the routes of documents promise?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.api import collections, documents
from service.api.contract.models import ClientId, Count, Deleted, Page, example, optional
from service.api.contract.operation import (
    BINARY,
    JSON,
    Body,
    Operation,
    Query,
    json_reply,
    list_query,
    text,
)
from service.api.contract.reference_data import (
    DELIMITER,
    ENCODING,
    FILES,
    SHEET,
    File,
    Row,
    Scalar,
)
from service.api.multipart import MULTIPART_TYPE
from service.api.routes import Handler
from service.api.upload_requests import NDJSON_TYPE
from service.domain.identifiers import CLIENT_ID_MAX_LENGTH, DEFAULT_COLLECTION
from service.ingest.limits import MAX_FILENAME_CHARACTERS, MAX_JSON_DOCUMENTS

TAG = "Documents"


class NewDocument(BaseModel):
    """A document to be stored; one with the same collection and id is replaced."""

    model_config = ConfigDict(extra="forbid")

    id: ClientId | None = Field(default=None, description="Otherwise the service makes one.")
    filename: Annotated[str, Field(max_length=MAX_FILENAME_CHARACTERS)] | None = None
    collection: ClientId | None = Field(
        default=None, description=f"`{DEFAULT_COLLECTION}` unless named."
    )
    fields: Row


class NewDocuments(BaseModel):
    """Documents in a list."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "documents": [
                        {
                            "id": "INV-3310",
                            "filename": "INV-3310.pdf",
                            "fields": {"vendor_name": "ACME Tools", "amount": 1249.5},
                        }
                    ]
                }
            ]
        },
    )

    documents: Annotated[list[NewDocument], Field(min_length=1, max_length=MAX_JSON_DOCUMENTS)]


class DocumentsForm(BaseModel):
    """Documents as a file."""

    model_config = ConfigDict(extra="forbid")

    file: File = Field(description=FILES)
    id_column: str = optional(
        "The column whose values are the ids; otherwise rows of a table are named by their numbers "
        "(`row_007`), and replace none that are there."
    )
    filename_column: str = optional("The column with file names.")
    collection: ClientId = DEFAULT_COLLECTION
    delimiter: str = optional(DELIMITER)
    encoding: str = optional(ENCODING)
    sheet: str = optional(SHEET)


class DocumentId(BaseModel):
    """Names a document that was stored."""

    id: ClientId


class StoredDocuments(BaseModel):
    """What became of an upload."""

    model_config = example({"created": 1, "updated": 0, "documents": [{"id": "INV-3310"}]})

    created: Count
    updated: Count
    documents: list[DocumentId] = Field(description="The ids of the first 10,000.")


class Document(BaseModel):
    """A document with the fields that are matched."""

    model_config = example(
        {
            "id": "INV-3310",
            "collection": "default",
            "filename": "INV-3310.pdf",
            "fields": {"vendor_name": "ACME Tools", "amount": 1249.5},
            "created_at": "2026-03-02T09:16:00.000Z",
            "updated_at": "2026-03-02T09:16:00.000Z",
        }
    )

    id: ClientId
    collection: ClientId
    filename: str | None
    fields: dict[str, Scalar]
    created_at: datetime
    updated_at: datetime


class DocumentPage(Page[Document]):
    """A part of a collection."""


class Collection(BaseModel):
    """A collection that has documents."""

    model_config = example(
        {
            "name": "default",
            "document_count": 200,
            "created_at": "2026-03-02T09:16:00.000Z",
            "updated_at": "2026-03-02T09:16:00.000Z",
        }
    )

    name: ClientId
    document_count: Count
    created_at: datetime = Field(description="When the first of its documents came.")
    updated_at: datetime = Field(description="When a document was last stored or deleted.")


class CollectionPage(Page[Collection]):
    """A part of the workspace's collections."""


class DeletedCollection(BaseModel):
    """Says that all documents of a collection are gone."""

    deleted: Literal[True]
    collection: ClientId
    count: Count = Field(description="How many documents there were.")


_COLLECTION = Query(
    "collection",
    {**text(1, CLIENT_ID_MAX_LENGTH), "default": DEFAULT_COLLECTION},
    "The collection that the documents are in.",
)

OPERATIONS: Mapping[Handler, Operation] = {
    documents.upsert: Operation(
        id="upsert_documents",
        tag=TAG,
        summary="Store documents",
        description="Documents with a collection and id that are there already are replaced. "
        "NDJSON has one document a line and may be of any length.",
        body=Body({JSON: NewDocuments, NDJSON_TYPE: BINARY, MULTIPART_TYPE: DocumentsForm}),
        replies={201: json_reply("They are stored.", StoredDocuments)},
    ),
    collections.list_all: Operation(
        id="list_collections",
        tag=TAG,
        summary="List the collections of documents",
        description="A collection is there as long as it has documents.",
        query=list_query(collections.LISTING),
        headers=("If-None-Match",),
        replies={200: json_reply("A page, by name.", CollectionPage, "ETag", "Link")},
    ),
    documents.list_all: Operation(
        id="list_documents",
        tag=TAG,
        summary="List documents",
        query=list_query(documents.LISTING, _COLLECTION),
        headers=("If-None-Match",),
        replies={200: json_reply("A page, by id.", DocumentPage, "ETag", "Link")},
    ),
    documents.read: Operation(
        id="get_document",
        tag=TAG,
        summary="Show a document",
        query=(_COLLECTION,),
        replies={200: json_reply("The document.", Document)},
    ),
    documents.delete: Operation(
        id="delete_document",
        tag=TAG,
        summary="Delete a document",
        description="What past results tell of its fields goes in the same transaction: their "
        "evidence then has null where values of the document stood.",
        query=(_COLLECTION,),
        replies={200: json_reply("It is gone.", Deleted)},
    ),
    documents.delete_all: Operation(
        id="delete_documents",
        tag=TAG,
        summary="Delete the documents of a collection",
        description="With what past results tell of their fields. Each batch of documents is one "
        "transaction: a request that is cut short has deleted some wholly and the rest not at "
        "all; repeat it to go on.",
        query=(
            Query(
                "collection",
                text(1, CLIENT_ID_MAX_LENGTH),
                "The collection whose documents go.",
                is_required=True,
            ),
        ),
        replies={200: json_reply("They are gone.", DeletedCollection)},
    ),
}
