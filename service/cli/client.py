"""How does a program use a running service? Through one small client of its public API.

async with Client(url, key) as client:
    run = await client.start_run(config_id)
    async for event in run.events():
        print(event.type, event.data)
    results = [result async for result in run.results()]
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self, TypeAlias
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx2

from service.cli import answers
from service.cli.answers import ClientError, JsonObject, StreamedEvent
from service.cli.csv_form import form_of
from service.domain.errors import InvalidInputError

RUNS, CONFIGS = "/v1/matching/runs", "/v1/matching/configs"
REFERENCE_DATA, DOCUMENTS = "/v1/reference-data", "/v1/documents"
WEBHOOKS, API_KEYS = "/v1/webhooks", "/v1/api-keys"

TERMINAL = frozenset({"completed", "failed", "cancelled"})
# A stream says that it lives every 15 seconds.
TIMEOUT_SECONDS = 40.0
CONNECT_SECONDS = 10.0
# The reply to an upload comes when all of it is stored.
UPLOAD_TIMEOUT_SECONDS = 3600.0
# A stream that was cut is resumed so often without a new event in between: for five minutes.
MAX_RECONNECTS = 40
RECONNECT_SECONDS = 0.5
# The longest pause, in first ones.
MOST_PAUSES = 16
# So often a request is sent again: for 7.5 seconds.
MAX_REPEATS = 4
PAGE_SIZE = 200

# Where the service is now, None where that is not known.
Moved: TypeAlias = Callable[[], str | None]


class Client:
    """A connection to one service with one API key; use it as an async context manager."""

    def __init__(
        self,
        url: str,
        key: str,
        reconnect_seconds: float = RECONNECT_SECONDS,
        moved: Moved = lambda: None,
    ) -> None:
        """Talk to the service at `url`, for example `http://127.0.0.1:8000`.

        A stream that is cut is opened again after `reconnect_seconds`, then after twice that and
        so on, up to MOST_PAUSES times that, where `moved` says that the service is by then.
        Raises InvalidInputError for what cannot be a URL or a key.
        """
        self.reconnect_seconds = reconnect_seconds
        self.url = checked_url(url)
        self._moved = moved
        self._has_answered = False
        self._http = httpx2.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {_checked_key(key)}"},
            timeout=httpx2.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
            # The key must not travel through a proxy that the environment names.
            trust_env=False,
        )

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
        return await self._upload(REFERENCE_DATA, file_name, file, fields)

    async def upload_documents(
        self, file_name: str, file: IO[bytes], collection: str, id_column: str | None = None
    ) -> JsonObject:
        """Upload a table of documents, from a file that can be read anew; return the counts."""
        fields = {"collection": collection, **({"id_column": id_column} if id_column else {})}
        fields |= form_of(file_name, file)
        return await self._upload(DOCUMENTS, file_name, file, fields)

    async def create_config(self, body: Mapping[str, object]) -> JsonObject:
        """Say what compares to what; return the config."""
        return await self.ask("POST", CONFIGS, json=dict(body))

    async def start_run(self, config_id: str, **options: object) -> "RunHandle":
        """Start a run of a config; options as in the body of the request."""
        started = await self.ask("POST", f"{CONFIGS}/{segment(config_id)}/run", json=options)
        return RunHandle(self, str(started["id"]))

    def run(self, run_id: str) -> "RunHandle":
        """Speak of a run that was started before."""
        return RunHandle(self, run_id)

    async def walk(self, path: str, params: Mapping[str, str]) -> AsyncIterator[JsonObject]:
        """Yield the items of a list, page by page, to its end."""
        asked = {"limit": str(PAGE_SIZE), **params}
        while True:
            items, following = answers.page(self.url, await self.ask("GET", path, params=asked))
            for item in items:
                yield item
            if following is None:
                return
            asked["cursor"] = following

    async def ask(self, method: str, path: str, **content: Any) -> JsonObject:
        """Send a request; return the JSON that comes back.

        All but uploads is sent again a few times while the service that has answered before is
        away, or says that it cannot now: what changes something under a key by which that happens
        once. Raises ClientError with the service's own sentence where it refuses, and with one of
        ours where it does not answer.
        """
        is_upload = "files" in content
        if method != "GET" and not is_upload:
            content["headers"] = {"Idempotency-Key": str(uuid4())}
        repeats = 0
        while True:
            try:
                return await self._answer(method, path, content)
            except ClientError as error:
                if is_upload or repeats == MAX_REPEATS or not self._may_pass(error):
                    raise
            await self.wait(repeats)
            repeats += 1

    async def _answer(self, method: str, path: str, content: dict[str, Any]) -> JsonObject:
        try:
            reply = await self._http.request(method, path, **content)
        except httpx2.HTTPError as error:
            raise answers.no_answer(self.url, error) from error
        self._has_answered = True
        return answers.content(self.url, reply)

    def _may_pass(self, error: ClientError) -> bool:
        """Whether to try again at once; what took too long already is not."""
        is_away = isinstance(error.__cause__, httpx2.NetworkError | httpx2.RemoteProtocolError)
        return error.is_busy or (self._has_answered and is_away)

    async def download(self, path: str, params: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a file that the service makes as it sends it."""
        try:
            async with self._http.stream("GET", path, params=dict(params)) as reply:
                if not reply.is_success:
                    await reply.aread()
                    raise answers.refusal(self.url, reply)
                async for part in reply.aiter_bytes():
                    yield part
        except httpx2.HTTPError as error:
            raise answers.no_answer(self.url, error) from error

    async def stream(self, path: str, after: str | None) -> AsyncGenerator[StreamedEvent, None]:
        """Yield the events of one connection, those after `after` if given, until it ends."""
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = after
        try:
            async with self._http.stream("GET", path, headers=headers) as reply:
                if not reply.is_success:
                    await reply.aread()
                    raise answers.refusal(self.url, reply)
                async for event in answers.events(reply.aiter_bytes()):
                    yield event
        except httpx2.HTTPError as error:
            raise answers.no_answer(self.url, error) from error

    async def wait(self, failures: int) -> None:
        """Wait before a further try, the longer the more have failed; then go where it is now."""
        await asyncio.sleep(self.reconnect_seconds * min(2**failures, MOST_PAUSES))
        self.url = self._moved() or self.url
        self._http.base_url = httpx2.URL(self.url)

    async def _upload(
        self, path: str, name: str, file: IO[bytes], fields: Mapping[str, str]
    ) -> JsonObject:
        timeout = httpx2.Timeout(
            TIMEOUT_SECONDS, connect=CONNECT_SECONDS, read=UPLOAD_TIMEOUT_SECONDS
        )
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
        return f"{RUNS}/{segment(self.id)}"

    async def state(self) -> JsonObject:
        """Return the run as it stands."""
        return await self.client.ask("GET", self.path)

    async def cancel(self) -> JsonObject:
        """Stop the run; what is done is kept."""
        return await self.client.ask("POST", f"{self.path}/cancel")

    async def events(
        self, after: str | None = None, when_cut: Callable[[str], None] = lambda _: None
    ) -> AsyncGenerator[StreamedEvent, None]:
        """Yield the run's events until it has ended, each once, over as many streams as it takes.

        `when_cut` is told why there is a pause. Raises ClientError when the stream cannot be had
        MAX_RECONNECTS times in a row.
        """
        failures = 0
        while True:
            reason = "The stream ended before the run."
            try:
                async with aclosing(self.client.stream(f"{self.path}/events", after)) as stream:
                    async for event in stream:
                        after, failures = event.number, 0
                        yield event
                if (await self.state())["status"] in TERMINAL:
                    return
            except ClientError as error:
                if not error.is_passing or failures == MAX_RECONNECTS:
                    raise
                reason = str(error)
            if failures == MAX_RECONNECTS:
                raise ClientError("The stream of the run's events ended too early, too often.")
            if failures == 0:
                when_cut(reason)
            await self.client.wait(failures)
            failures += 1

    def results(self, **filters: str) -> AsyncIterator[JsonObject]:
        """Yield the run's results in the order of the documents."""
        return self.client.walk(f"{self.path}/results", {"sort": "document", **filters})


def segment(identifier: str) -> str:
    """Write an id as one part of a path, whatever signs are in it; raises InvalidInputError."""
    if identifier in {"", ".", ".."}:
        raise InvalidInputError(f"'{identifier}' is no id.")
    return quote(identifier, safe="")


def checked_url(url: str) -> str:
    """Return the URL as others are put behind it; raises InvalidInputError for what is none."""
    wanted = "name a service like http://127.0.0.1:8000"
    try:
        parts = urlsplit(url.strip())
        is_whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        httpx2.URL(url.strip())
    except (ValueError, httpx2.InvalidURL) as error:
        raise InvalidInputError(f"{url} is no URL ({error}): {wanted}.") from error
    if "@" in parts.netloc:
        # Not quoted: it may hold a password.
        raise InvalidInputError(f"A URL has no user or password here: {wanted}.")
    if not is_whole or parts.query or parts.fragment:
        raise InvalidInputError(f"{url} is no URL of a service: {wanted}.")
    return url.strip().rstrip("/")


def _checked_key(key: str) -> str:
    if not key.strip().isascii() or not key.strip().isprintable():
        raise InvalidInputError("The API key has a sign in it that no key has.")
    return key.strip()
