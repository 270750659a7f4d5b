"""What does `match` leave on the service, and what of it is there already?

The same file is uploaded once: its content is part of its name there, so that the next match finds
it. What a match has made goes again when it comes to nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from service.api import config_body
from service.api.config_body import ConfigBody, Contents
from service.cli import input_file
from service.cli.answers import ClientError, JsonObject
from service.cli.client import (
    CONFIGS,
    DOCUMENTS,
    REFERENCE_DATA,
    RUNS,
    TERMINAL,
    Client,
    RunHandle,
)
from service.cli.input_file import InputFile
from service.domain.errors import InvalidInputError, MatchstreamError

CLEANING_SECONDS = 10.0
LONGEST_NAME = 100
_NEWEST_RUNS = "50"


class Keep(StrEnum):
    """What stays on the service after a match."""

    ALWAYS = "always"
    ENDED = "ended"
    NEVER = "never"


@dataclass(slots=True)
class Traces:
    """What this match has made, and may have to take away again."""

    client: Client
    keep: Keep
    run: RunHandle | None = None
    config_id: str | None = None
    reference_id: str | None = None
    collection: str | None = None
    has_ended: bool = False
    left: list[str] = field(default_factory=list)

    async def remove(self) -> None:
        """Delete what was made; what another run needs stays."""
        if self.run is not None:
            await self._delete(f"{RUNS}/{self.run.id}")
        if self.config_id is not None:
            await self._delete(f"{CONFIGS}/{self.config_id}")
        if self.reference_id is self.collection is None or await self._is_in_use():
            return
        if self.reference_id is not None:
            await self._delete(f"{REFERENCE_DATA}/{self.reference_id}")
        if self.collection is not None:
            await self._delete(DOCUMENTS, {"collection": self.collection})

    async def _delete(self, path: str, params: Mapping[str, str] | None = None) -> None:
        try:
            await self.client.ask("DELETE", path, params=params)
        except ClientError as error:
            if error.problem != "not_found":
                raise

    async def _is_in_use(self) -> bool:
        """Whether another run is under way, which may be of the same tables."""
        page = await self.client.ask("GET", RUNS, params={"limit": _NEWEST_RUNS})
        return any(run["status"] not in TERMINAL for run in page["data"])


@asynccontextmanager
async def traces(client: Client, keep: Keep, say: Callable[[str], None]) -> AsyncIterator[Traces]:
    """Lend the record of what is made; at the end what need not stay is deleted.

    It stays when a run has ended, so that one can go on with it; `keep`, which may change
    meanwhile, says otherwise.
    """
    made = Traces(client, keep)
    try:
        yield made
    finally:
        if made.keep is Keep.NEVER or (made.keep is Keep.ENDED and not made.has_ended):
            await asyncio.shield(_clean(made, say))


async def _clean(made: Traces, say: Callable[[str], None]) -> None:
    """Delete within a time; what cannot be deleted is told, and hides no other error."""
    try:
        async with asyncio.timeout(CLEANING_SECONDS):
            await made.remove()
    except (MatchstreamError, TimeoutError) as error:
        reason = str(error) or "it takes too long"
        say(f"Some of what this match has uploaded stays on the service: {reason}")


async def reference(made: Traces, table: InputFile, id_column: str | None) -> JsonObject:
    """Return the reference data with the content of the file; upload it where there is none."""
    name = _named(table, id_column)
    async for found in made.client.walk(REFERENCE_DATA, {}):
        # Rows that were changed since make another version.
        if (found["name"], found["status"], found["version"]) == (name, "ready", 1):
            return found
    with _naming(table):
        uploaded = await made.client.upload_reference_data(table.name, table.file, name, id_column)
    made.reference_id = str(uploaded["id"])
    return uploaded


async def documents(made: Traces, table: InputFile, id_column: str | None) -> str:
    """Return the collection with the documents of the file; upload them where it is empty.

    With ids they are sent in any case: what is there is replaced by the same.
    """
    collection = _named(table, id_column)
    is_there = False
    async for found in made.client.walk("/v1/collections", {}):
        is_there = is_there or found["name"] == collection
    if not is_there:
        made.collection = collection
    if not is_there or id_column is not None:
        with _naming(table):
            await made.client.upload_documents(table.name, table.file, collection, id_column)
    return collection


async def config(made: Traces, body: JsonObject) -> str:
    """Return the id of the config that says the same; make one where there is none.

    It may have been given another name meanwhile. A new one has the time in its name, as those of
    other mappings, or of what the same files had in them before, are named after these files too.
    """
    wanted = config_body.read_new(body)
    taken = set()
    async for found in made.client.walk(CONFIGS, {}):
        taken.add(found["name"])
        if found["reference_data_id"] == body["reference_data_id"]:
            there = {**found, "name": body["name"]}
            if _contents(there) == wanted:
                return str(found["id"])
    named = {**body, "name": told_apart(str(body["name"]), datetime.now().astimezone(), taken)}
    made.config_id = str((await made.client.create_config(named))["id"])
    return made.config_id


def _contents(config: JsonObject) -> Contents | None:
    """Read what a config says; None where a service of another release says what we do not know."""
    said = {name: value for name, value in config.items() if name in ConfigBody.model_fields}
    try:
        return config_body.read_new(said)
    except InvalidInputError:
        return None


def told_apart(name: str, now: datetime, taken: Container[str]) -> str:
    """Return the name with the time behind it, to the second or with a number where it must be."""
    number = 1
    end = f", {now:%Y-%m-%d %H:%M}"
    while (told := f"{name[: LONGEST_NAME - len(end)]}{end}") in taken:
        end = f", {now:%Y-%m-%d %H:%M:%S}{f' ({number})' if number > 1 else ''}"
        number += 1
    return told


@contextmanager
def _naming(table: InputFile) -> Iterator[None]:
    """Say of which of the files the service speaks, where it does not say so itself."""
    try:
        yield
    except ClientError as error:
        if error.problem != "validation_error" or table.name in str(error):
            raise
        sentence = f"{table.name}: {input_file.for_a_file(str(error))}"
        raise ClientError(sentence, error.status, error.problem) from error


def _named(table: InputFile, id_column: str | None) -> str:
    return f"{table.name[:LONGEST_NAME]} ({table.digest(id_column)})"
