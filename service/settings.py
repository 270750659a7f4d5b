"""What can an operator set, by which variable of the environment, and what holds otherwise?"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.ai_settings import AI_EXPECTED, AiSettings
from service.domain.addresses import read_networks
from service.domain.errors import StartupError
from service.domain.names import nearest

PREFIX = "MATCHSTREAM_"
# Read by the test suite, not by the service.
TEST_PREFIX = f"{PREFIX}TEST_"
DEFAULT_POSTGRES_PORT = 5432
DAY_SECONDS = 86_400

# Never shown: keys, and an address that may hold a password.
SECRETS = frozenset({"anthropic_api_key", "api_key", "database_url", "secret_key"})

# What a value that cannot be used would have to be; the bounds are those of the fields below.
EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        **AI_EXPECTED,
        "port": "a whole number from 0 to 65535",
        "database_url": "an address like postgresql://user@host/database",
        "database_pool_size": "a whole number from 1 to 1000",
        "workers": "a whole number from 1 to 1024",
        "lease_seconds": "a number of seconds from 1 to 3600",
        "progress_days": "a number of days from 4 to 3650",
        "session_hours": "a number of hours above 0 and up to 720",
        "chunk_limit_seconds": "a number of seconds from 1 to 3600",
        "cors_origins": "`*`, or origins like https://app.example without a path",
        "reads_per_minute": "a whole number, 1 or more",
        "writes_per_minute": "a whole number, 1 or more",
        "uploads_per_minute": "a whole number, 1 or more",
        "max_upload_bytes": "a whole number of bytes, 1 or more",
        "secret_key": "a text of 32 or more characters that nobody can guess",
        "webhook_allow_http": "true or false",
        "webhook_networks": "networks like 10.1.0.0/16, separated by commas",
        "shutdown_seconds": "a number of seconds above 0 and up to 600",
        "log_level": "debug, info, warning or error",
        "url": "an address like http://127.0.0.1:8000",
    }
)

_ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")


def _processors() -> int:
    """The number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ServiceSettings(BaseSettings):
    """The settings of everything but the AI pass."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 takes a free one.")
    data_dir: Path = Field(
        default=Path("matchstream-data"),
        description="Folder for the embedded PostgreSQL and the first API key.",
    )
    database_url: str | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        pattern=r"^postgres(ql)?://",
        description="PostgreSQL (14 or newer) to use instead of the embedded one.",
    )
    database_pool_size: PositiveInt = Field(
        default=16, le=1000, description="Connections to PostgreSQL this process may hold."
    )
    postgres_bin: Path | None = Field(
        default=None,
        description="Folder with PostgreSQL's own programs; by default they are looked for.",
    )
    workers: PositiveInt = Field(
        default_factory=_processors, le=1024, description="Processes that match."
    )
    lease_seconds: float = Field(
        default=30,
        ge=1,
        le=3600,
        description="How long a run stays with a process that has gone silent, before another "
        "takes it over.",
    )
    chunk_limit_seconds: float = Field(
        default=60,
        ge=1,
        le=3600,
        description="How long a group of documents may be matched, before those that hang are "
        "looked for and given up.",
    )
    # A webhook that fails is tried again for three days, and its event must be there.
    progress_days: float = Field(
        default=7,
        ge=4,
        le=3650,
        description="Days for which the progress events of a run are kept after its end; a stream "
        "that is resumed before them then begins anew.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("localhost", "127.0.0.1", "[::1]"),
        description="Names the service answers to (the Host header), separated by commas; "
        "`*` for any.",
    )
    session_hours: PositiveFloat = Field(
        default=12, le=720, description="How long a browser stays signed in."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins whose pages may use the API, with a key, like `https://app.example`, "
        "separated by commas; `*` for any.",
    )
    reads_per_minute: PositiveInt = Field(
        default=120_000, description="Reading requests a key may send to one process."
    )
    writes_per_minute: PositiveInt = Field(
        default=30_000, description="Changing requests a key may send to one process."
    )
    uploads_per_minute: PositiveInt = Field(
        default=3_000, description="Uploads a key may send to one process."
    )
    max_upload_bytes: PositiveInt = Field(
        default=2 * 1024**3, description="Largest request that uploads a file or a list."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Key that encrypts webhook secrets in the database, the same for all its "
        "processes; by default the one in the data directory, made on the first start.",
    )
    webhook_allow_http: bool = Field(
        default=False, description="Whether webhooks may have `http://` URLs."
    )
    webhook_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Networks that are not public and may have webhooks nevertheless, like "
        "`10.1.0.0/16`, separated by commas.",
    )
    shutdown_seconds: PositiveFloat = Field(
        default=5, le=600, description="How long requests under way may take after a stop."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line that is written."
    )
    url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Service that commands talk to; by default the one on the data directory.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="Key that commands use; by default the first one, where the service is the one "
        "on the data directory.",
    )

    @property
    def plain_secret_key(self) -> str | None:
        """The secret key as it was set; None where the data directory has it."""
        return None if self.secret_key is None else self.secret_key.get_secret_value()

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Read a list separated by commas."""
        return _parts(value) if isinstance(value, str) else value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        """Read origins; what no browser would send as one would never match."""
        parts = _parts(value) if isinstance(value, str) else ()
        if any(each != "*" and not _ORIGIN.fullmatch(each) for each in parts):
            raise ValueError("not an origin")
        return parts if isinstance(value, str) else value

    @field_validator("webhook_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        """Read networks; a mistake in one must not open more or less than was meant."""
        if not isinstance(value, str):
            return value
        read_networks(_parts(value))
        return _parts(value)

    @field_validator("data_dir")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        """Make a path absolute, with `~` for the home directory."""
        return value.expanduser().absolute()


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in text.split(",") if part.strip())


class Settings(AiSettings, ServiceSettings):
    """All settings; each variable is the upper-case name after the prefix MATCHSTREAM_."""


def variable(name: str) -> str:
    """The environment variable of a setting."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"{PREFIX}{name.upper()}"


def load() -> Settings:
    """Read the settings; raise `StartupError` naming the variable that cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        raise StartupError(" ".join(_sentence(problem) for problem in error.errors())) from error


def unknown_variables() -> list[str]:
    """A sentence for each variable that looks like one of ours and is none."""
    known = [variable(name) for name in Settings.model_fields]
    return [
        _warning(name, known)
        for name in sorted(os.environ)
        if name.startswith(PREFIX)
        and not name.startswith(TEST_PREFIX)
        and name.upper() not in known
    ]


def database_place(url: str, *, with_name: bool = False) -> str:
    """Where a DATABASE_URL leads, as host:port (and /database): never its user or password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "the server"
    # An unescaped sign in a password moves its end out of where it belongs.
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":
        return "the server"
    given = parse_qs(parts.query)
    host = parts.hostname or given.get("host", ["localhost"])[0]
    host = f"[{host}]" if ":" in host else host
    place = f"{host}:{port or given.get('port', [DEFAULT_POSTGRES_PORT])[0]}"
    return f"{place}{parts.path}" if with_name else place


def _warning(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    hint = f": did you mean {near}?" if near else "."
    return f"{name} is no setting and has no effect{hint}"


def _sentence(problem: ErrorDetails) -> str:
    """What is wrong with one variable; never the value of one that holds a secret."""
    name = str(problem["loc"][0]).lower()
    name = name if name in Settings.model_fields else "database_url"
    shown = "" if name in SECRETS else f"={problem['input']}"
    wanted = EXPECTED.get(name)
    reason = f"it has to be {wanted}" if wanted else problem["msg"]
    return f"{variable(name)}{shown} cannot be used: {reason}."
