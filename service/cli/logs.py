"""How do log lines look? One event each with stable keys, on standard error."""

import logging
import sys

import structlog
from structlog.typing import Processor


def configure(level: str) -> None:
    """Write lines of `level` and above: JSON for machines, columns for a terminal."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    if sys.stderr.isatty():
        # Without the values of variables: a request's key would be among them.
        plain = structlog.dev.plain_traceback
        renderers = [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
            foreign_pre_chain=shared,
        )
    )
    # What libraries say of the ordinary course of things is not ours to log.
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
    # The driver's pool tells each of its tries to reconnect, with a traceback; what it means for
    # our work is told by us (`database_away`).
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
