"""What did a client ask to be matched, and is it all there?"""

from typing import Annotated

from pydantic import Field

from service.api.wire import WireModel, invalid
from service.domain.configs import MatchingConfig, TargetType
from service.domain.errors import ConflictError, NotFoundError, Problem
from service.domain.identifiers import (
    CLIENT_ID_MAX_LENGTH,
    DEFAULT_COLLECTION,
    ConfigId,
    DocumentId,
    WorkspaceId,
)
from service.domain.reference import ReferenceDataStatus
from service.domain.runs import TriggeredBy
from service.store import configs, reference, reference_versions, runs
from service.store.database import Connection
from service.store.runs import NewRun

MAX_DOCUMENT_IDS = 10_000
MAX_PROBLEMS = 20

ClientId = Annotated[str, Field(min_length=1, max_length=CLIENT_ID_MAX_LENGTH)]


class RunRequest(WireModel):
    """The body of a run's start: all of it optional."""

    document_ids: Annotated[
        list[ClientId] | None, Field(min_length=1, max_length=MAX_DOCUMENT_IDS)
    ] = None
    collection: ClientId | None = None
    triggered_by: Annotated[TriggeredBy, Field(strict=False)] = TriggeredBy.API
    ai: bool = False
    dry_run: bool = False


async def resolve(
    connection: Connection, workspace_id: WorkspaceId, config_id: ConfigId, wanted: RunRequest
) -> NewRun:
    """Find what the request names.

    Raises NotFoundError for a config or reference data that is gone, ConflictError while the
    reference data is not ready, InvalidInputError for documents that are not there.
    """
    config = await configs.fetch(connection, workspace_id, config_id)
    if config is None:
        raise NotFoundError(f"There is no matching config `{config_id}`.")
    await _check_reference(connection, config)
    collection = _collection(config, wanted)
    document_ids = None
    if wanted.document_ids is not None:
        named = [DocumentId(each) for each in wanted.document_ids]
        await _check_documents(connection, workspace_id, collection, named)
        document_ids = tuple(dict.fromkeys(named))
    return NewRun(
        workspace_id=workspace_id,
        matching_config_id=config.id,
        reference_data_id=config.reference_data_id,
        triggered_by=wanted.triggered_by,
        collection=collection,
        document_ids=document_ids,
        dry_run=wanted.dry_run,
        ai=wanted.ai and not wanted.dry_run,
    )


async def _check_reference(connection: Connection, config: MatchingConfig) -> None:
    data = await reference.fetch(connection, config.workspace_id, config.reference_data_id)
    if data is None or not await reference_versions.keep(connection, data.id):
        raise NotFoundError(
            f"The reference data `{config.reference_data_id}` of this config is deleted: make a "
            "config for the data you have."
        )
    if data.status is not ReferenceDataStatus.READY:
        raise ConflictError(f"The reference data `{data.name}` is {data.status}, not ready.")


def _collection(config: MatchingConfig, wanted: RunRequest) -> str:
    if wanted.collection is not None:
        return wanted.collection
    if config.target.type is TargetType.COLLECTION and config.target.collection is not None:
        return config.target.collection
    return DEFAULT_COLLECTION


async def _check_documents(
    connection: Connection,
    workspace_id: WorkspaceId,
    collection: str,
    document_ids: list[DocumentId],
) -> None:
    missing = set(await runs.missing_documents(connection, workspace_id, collection, document_ids))
    if missing:
        places = [place for place, each in enumerate(document_ids) if each in missing]
        raise invalid(
            tuple(
                Problem(
                    "unknown_document",
                    f"The collection `{collection}` has no document `{document_ids[place]}`.",
                    pointer=f"/document_ids/{place}",
                )
                for place in places[:MAX_PROBLEMS]
            )
        )
