"""How do log lines look? One event each with stable keys, on standard error.

None of them says what a record holds: of an error they tell where it came from (see `traces`).
"""

import logging
import sys

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from service.domain import traces
from service.store import copying


def configure(level: str) -> None:
    """Write lines of `level` and above: JSON for machines, columns for a terminal."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Processor] = [
        structlog.processors.ExceptionRenderer(_place),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    if sys.stderr.isatty():
        plain = structlog.dev.plain_traceback
        renderers[1] = structlog.dev.ConsoleRenderer(exception_formatter=plain)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        # Called once, before anything is logged.
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _keep_first_line,
                *renderers,
            ],
            foreign_pre_chain=shared,
        )
    )
    # What libraries say of the ordinary course of things is not ours to log.
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
    # The driver's pool tells each of its tries to reconnect, with a traceback; what it means for
    # our work is told by us (`database_away`).
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether nobody has told yet what the loop has found."""
    error = record.exc_info[1] if record.exc_info else None
    was_lost = record.getMessage().startswith("Future exception was never retrieved")
    return not (was_lost and copying.is_left_by_the_driver(error))


def _place(exc_info: ExcInfo) -> str:
    return traces.describe(exc_info[1])


def _keep_first_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drop what libraries write below their message: the objects that it is about."""
    event["event"] = str(event["event"]).partition("\n")[0]
    return event
