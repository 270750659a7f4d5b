"""Does a log tell where an error came from, and nothing of what it came over?"""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from pydantic import BaseModel

from service.cli import logs
from service.domain import traces

SECRET = "sesame-4711"


class Body(BaseModel):
    """Something that does not take the secret."""

    amount: int


def in_a_value() -> None:
    int(SECRET)


def in_a_model() -> None:
    Body.model_validate({"amount": SECRET})


def in_a_key() -> None:
    _ = dict[str, int]()[SECRET]


def in_a_cause() -> None:
    try:
        in_a_value()
    except ValueError as error:
        raise RuntimeError(f"not {SECRET}") from error


def in_a_context() -> None:
    try:
        in_a_value()
    except ValueError:
        in_a_key()


def in_a_group() -> None:
    try:
        in_a_model()
    except ValueError as error:
        raise ExceptionGroup(SECRET, [error, OSError(2, SECRET)]) from None


RAISERS = [in_a_value, in_a_model, in_a_key, in_a_cause, in_a_context, in_a_group]


@pytest.mark.parametrize("raiser", RAISERS)
def test_it_tells_types_and_places_but_no_values(raiser: Callable[[], None]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any of them
        raiser()
    told = traces.describe(caught.value)
    assert SECRET not in told
    assert f"in {raiser.__name__}\n" in told
    assert type(caught.value).__qualname__ in told


def test_it_tells_what_is_about_code_and_what_was_noted() -> None:
    error = AttributeError("'Run' object has no attribute 'stat'")
    error.add_note("request_id: abc")
    told = traces.describe(error)
    assert told == "AttributeError: 'Run' object has no attribute 'stat'\nrequest_id: abc"
    assert traces.describe(OSError(2, SECRET)) == "FileNotFoundError (errno=2)"


def test_a_ring_of_causes_comes_to_an_end() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert traces.describe(one).count("KeyError") <= traces.MAX_CHAIN


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    logs.configure("debug")
    try:
        yield lambda: written.getvalue().splitlines()
    finally:
        structlog.reset_defaults()
        root.setLevel(before[0])
        root.handlers[:] = before[1]


@pytest.mark.parametrize("raiser", RAISERS)
def test_a_line_of_ours_or_of_a_library_has_no_values(
    lines: Callable[[], list[str]], raiser: Callable[[], None]
) -> None:
    try:
        raiser()
    except Exception:
        structlog.get_logger().exception("request_failed", action="answer")
        logging.getLogger("uvicorn.error").exception("It broke\n")
    logging.getLogger("asyncio").error("Never retrieved\nfuture: ValueError('%s')", SECRET)
    written = lines()
    assert SECRET not in "".join(written)
    ours, library, loop = map(json.loads, written)
    assert (ours["event"], ours["action"]) == ("request_failed", "answer")
    assert f"in {raiser.__name__}" in ours["exception"]
    assert (library["event"], loop["event"]) == ("It broke", "Never retrieved")
    assert library["exception"] == ours["exception"]
