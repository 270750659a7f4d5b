"""How do replies look? For their documentation: what is sent is made in `representation`."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from service.domain.identifiers import CLIENT_ID_MAX_LENGTH
from service.ingest.limits import MAX_COLUMN_NAME_CHARACTERS

Item = TypeVar("Item")
Share = Annotated[float, Field(ge=0, le=1)]
ClientId = Annotated[str, Field(min_length=1, max_length=CLIENT_ID_MAX_LENGTH)]
ColumnName = Annotated[str, Field(min_length=1, max_length=MAX_COLUMN_NAME_CHARACTERS)]
Count = Annotated[int, Field(ge=0)]


def example(value: dict[str, Any]) -> ConfigDict:
    """Give a model's schema an example."""
    return ConfigDict(json_schema_extra={"examples": [value]})


def sometimes(description: str) -> Any:
    """Describe a member that is left out, rather than null, where it would say nothing."""
    return Field(default=None, description=description)


def optional(description: str, **bounds: Any) -> Any:
    """Describe a member of a request that may be left out, and stands for nothing then."""
    return Field(default=None, description=description, json_schema_extra=_drop_default, **bounds)


def _drop_default(schema: dict[str, Any]) -> None:
    del schema["default"]


class Step(BaseModel):
    """How a list goes on."""

    limit: int = Field(ge=1, description="How many items a page has at most.")
    has_more: bool
    next_cursor: str | None = Field(description="Goes into `cursor` to get the next page.")


class Pagination(Step):
    """Where a page stands in its list."""

    total: Count = Field(description="How many items the list has, counted for its first page.")
    page: int = sometimes("There where the page was asked for by its number.")


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    data: list[Item]
    pagination: Pagination


class ProblemPlace(BaseModel):
    """One thing wrong with an input, and where it is."""

    pointer: str = sometimes("JSON pointer (RFC 6901) into the body, or a query parameter's name.")
    row: int = sometimes("The row of a file or list, from 1, without the header line.")
    column: str = sometimes("The column of a file.")
    code: str = Field(description="Stable, for programs.")
    message: str = Field(description="What was wrong and what is allowed.")


class Problem(BaseModel):
    """A failure (RFC 9457), in the one form that all of them have."""

    type: str = Field(description="Where the code is explained.")
    title: str
    status: int
    detail: str = Field(description="What happened, in a sentence to act on.")
    instance: str = Field(description="The path of the request.")
    code: str = Field(description="Stable, for programs.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    request_id: str
    errors: list[ProblemPlace] = sometimes("What is wrong with an input, place by place.")


class Deleted(BaseModel):
    """Says that a resource is gone."""

    deleted: Literal[True]
    id: str


class Health(BaseModel):
    """Says that the process answers."""

    model_config = example({"status": "ok"})

    status: Literal["ok"]


class Readiness(BaseModel):
    """Says whether requests would be served."""

    model_config = example({"status": "ready", "checks": {"startup": "ok", "database": "ok"}})

    status: Literal["ready", "not_ready"]
    checks: dict[str, str] = Field(description="`ok`, or what is wrong, by what was checked.")
