"""How does a program use a running service? Through one small client of its public API.

async with Client(url, key) as client:
    run = await client.start_run(config_id)
    async for event in run.events():
        print(event.type, event.data)
    results = [result async for result in run.results()]
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, ClassVar, Self, TypeAlias

import httpx2

from service.cli.csv_form import form_of
from service.domain.errors import MatchstreamError

JsonObject: TypeAlias = dict[str, Any]

TERMINAL = frozenset({"completed", "failed", "cancelled"})
# A stream says that it lives every 15 seconds.
TIMEOUT_SECONDS = 40.0
# The reply to an upload comes when all of it is stored.
UPLOAD_TIMEOUT_SECONDS = 3600.0
# A stream that was cut is resumed so often without a new event in between.
MAX_RECONNECTS = 8
RECONNECT_SECONDS = 0.5
LONGEST_RECONNECT_SECONDS = 8.0
PAGE_SIZE = 200
_PASSING = frozenset({429, 500, 502, 503, 504})


class ClientError(MatchstreamError):
    """The service refused a request, or could not be reached; `code` is the problem's own."""

    code: ClassVar[str] = "client_error"

    def __init__(self, detail: str, status: int | None = None, problem: str = "") -> None:
        """Keep the HTTP status (None: no answer came) and the code of the problem."""
        super().__init__(detail)
        self.status = status
        self.problem = problem

    @property
    def is_passing(self) -> bool:
        """Whether the same may succeed in a moment: no answer came, or one that says so."""
        return self.status is None or self.status in _PASSING


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """One event as the stream tells it; the snapshot of a fresh stream is one too."""

    number: str
    type: str
    data: JsonObject


class Client:
    """A connection to one service with one API key; use it as an async context manager."""

    def __init__(self, url: str, key: str, reconnect_seconds: float = RECONNECT_SECONDS) -> None:
        """Talk to the service at `url`, for example `http://127.0.0.1:8000`.

        A stream that is cut is opened again after `reconnect_seconds`, then after twice that and
        so on, up to LONGEST_RECONNECT_SECONDS.
        """
        self.reconnect_seconds = reconnect_seconds
        self._http = httpx2.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_SECONDS,
            # The key must not travel through a proxy that the environment names.
            trust_env=False,
        )
        self.url = url

    async def __aenter__(self) -> Self:
        """Open nothing yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what is open."""
        await self._http.aclose()

    async def upload_reference_data(
        self, file_name: str, file: IO[bytes], name: str, id_column: str | None = None
    ) -> JsonObject:
        """Upload a table to match with, from a file that can be read anew; return the resource."""
        fields = {"name": name, **({"id_column": id_column} if id_column else {})}
        fields |= form_of(file_name, file)
        return await self._upload("/v1/reference-data", file_name, file, fields)

    async def upload_documents(
        self, file_name: str, file: IO[bytes], collection: str, id_column: str | None = None
    ) -> JsonObject:
        """Upload a table of documents, from a file that can be read anew; return the counts."""
        fields = {"collection": collection, **({"id_column": id_column} if id_column else {})}
        fields |= form_of(file_name, file)
        return await self._upload("/v1/documents", file_name, file, fields)

    async def create_config(self, body: Mapping[str, object]) -> JsonObject:
        """Say what compares to what; return the config."""
        return await self.ask("POST", "/v1/matching/configs", json=dict(body))

    async def start_run(self, config_id: str, **options: object) -> "RunHandle":
        """Start a run of a config; options as in the body of the request."""
        path = f"/v1/matching/configs/{config_id}/run"
        started = await self.ask("POST", path, json=options)
        return RunHandle(self, str(started["id"]))

    def run(self, run_id: str) -> "RunHandle":
        """Speak of a run that was started before."""
        return RunHandle(self, run_id)

    async def walk(self, path: str, params: Mapping[str, str]) -> AsyncIterator[JsonObject]:
        """Yield the items of a list, page by page, to its end."""
        asked = {"limit": str(PAGE_SIZE), **params}
        while True:
            page = await self.ask("GET", path, params=asked)
            for item in page["data"]:
                yield item
            if not page["pagination"]["has_more"]:
                return
            asked["cursor"] = page["pagination"]["next_cursor"]

    async def ask(self, method: str, path: str, **content: Any) -> JsonObject:
        """Send a request; return the JSON that comes back.

        Raises ClientError with the service's own sentence where it refuses, and with one of ours
        where it does not answer.
        """
        try:
            reply = await self._http.request(method, path, **content)
        except httpx2.HTTPError as error:
            raise _no_answer(self.url, error) from error
        if not reply.is_success:
            raise _refusal(reply)
        answer: JsonObject = reply.json()
        return answer

    async def download(self, path: str, params: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a file that the service makes as it sends it."""
        try:
            async with self._http.stream("GET", path, params=dict(params)) as reply:
                if not reply.is_success:
                    await reply.aread()
                    raise _refusal(reply)
                async for part in reply.aiter_bytes():
                    yield part
        except httpx2.HTTPError as error:
            raise _no_answer(self.url, error) from error

    async def stream(self, path: str, after: str | None) -> AsyncIterator[StreamedEvent]:
        """Yield the events of one connection, those after `after` if given, until it ends."""
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = after
        try:
            async with self._http.stream("GET", path, headers=headers) as reply:
                if not reply.is_success:
                    await reply.aread()
                    raise _refusal(reply)
                async for event in _events(reply.aiter_lines()):
                    yield event
        except httpx2.HTTPError as error:
            raise _no_answer(self.url, error) from error

    async def _upload(
        self, path: str, name: str, file: IO[bytes], fields: Mapping[str, str]
    ) -> JsonObject:
        timeout = httpx2.Timeout(TIMEOUT_SECONDS, read=UPLOAD_TIMEOUT_SECONDS)
        files = {"file": (name, file)}
        return await self.ask("POST", path, data=dict(fields), files=files, timeout=timeout)


@dataclass(frozen=True, slots=True)
class RunHandle:
    """One run of the service."""

    client: Client
    id: str

    @property
    def path(self) -> str:
        """Where the run is."""
        return f"/v1/matching/runs/{self.id}"

    async def state(self) -> JsonObject:
        """Return the run as it stands."""
        return await self.client.ask("GET", self.path)

    async def cancel(self) -> JsonObject:
        """Stop the run; what is done is kept."""
        return await self.client.ask("POST", f"{self.path}/cancel")

    async def events(
        self, after: str | None = None, when_cut: Callable[[str], None] | None = None
    ) -> AsyncIterator[StreamedEvent]:
        """Yield the run's events until it has ended, each once, over as many streams as it takes.

        `when_cut` is told why the stream is opened again. Raises ClientError when it cannot be had
        several times in a row.
        """
        failures = 0
        while True:
            try:
                async for event in self.client.stream(f"{self.path}/events", after):
                    after, failures = event.number, 0
                    yield event
                if (await self.state())["status"] in TERMINAL:
                    return
            except ClientError as error:
                if not error.is_passing or failures == MAX_RECONNECTS:
                    raise
                if when_cut is not None:
                    when_cut(str(error))
            failures += 1
            if failures > MAX_RECONNECTS:
                raise ClientError("The stream of the run's events ended too early, too often.")
            wait = self.client.reconnect_seconds * 2**failures
            await asyncio.sleep(min(wait, LONGEST_RECONNECT_SECONDS))

    def results(self, **filters: str) -> AsyncIterator[JsonObject]:
        """Yield the run's results in the order of the documents."""
        return self.client.walk(f"{self.path}/results", {"sort": "document", **filters})


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[StreamedEvent]:
    """Read server-sent events; what a cut leaves unfinished is none."""
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(":")
        if line:
            fields[name] = value.removeprefix(" ")
            continue
        if "data" in fields:
            number, kind = fields.get("id", "0"), fields.get("event", "")
            yield StreamedEvent(number, kind, json.loads(fields["data"]))
        fields = {}


def _refusal(reply: httpx2.Response) -> ClientError:
    """Read the problem that the service answered with."""
    try:
        problem = reply.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    detail = problem.get("detail") or f"The service answered with {reply.status_code}."
    # A single problem is the detail itself.
    places = [_place(each) for each in problem.get("errors", ()) if each["message"] != detail]
    sentence = " ".join([str(detail), *places])
    return ClientError(sentence, reply.status_code, str(problem.get("code", "")))


def _place(error: Mapping[str, object]) -> str:
    """Say where one part of the input is wrong."""
    where = [f"{name} {error[name]}" for name in ("row", "column") if error.get(name) is not None]
    pointer = error.get("pointer")
    if pointer:
        where.insert(0, str(pointer))
    return f"{', '.join(where)}: {error.get('message')}" if where else str(error.get("message"))


def _no_answer(url: str, error: httpx2.HTTPError) -> ClientError:
    return ClientError(f"The service at {url} did not answer ({type(error).__name__}).")
