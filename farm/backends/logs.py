"""One line of JSON per event on stdout, with the ids that are bound at the edge."""

import logging
import sys

import structlog

_SHARED = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)

_TOLD_TWICE = ("celery.worker.strategy", "celery.app.trace", "httpx")
"""Celery's own lines for each task, and httpx's for each request, which have the receiver's
address and words: the runner and the deliverer tell of each job themselves."""


def configure() -> None:
    """Send the farm's own events and the libraries' records through one handler.

    It is one of the standard library's, whose lock survives a fork.
    """
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=_SHARED,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in _TOLD_TWICE:
        logging.getLogger(name).setLevel(logging.WARNING)
