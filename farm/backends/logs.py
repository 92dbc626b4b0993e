"""One line of JSON per event on stdout, with the ids that are bound at the edge."""

import logging
import re
import sys
from collections.abc import Mapping

import structlog
from structlog.typing import EventDict

_SECRETS = (
    (re.compile(r"(?<=://)[^/\s@'\"]+@"), "***@"),  # Who, and with which password, in a URL.
    (re.compile(r"\brf_[0-9a-f]{16}_[\w-]+"), "rf_***"),  # A key of the farm.
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 ***"),
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|signature|token|api_?key)['\"]?\s*[=:]\s*['\"]?)[^\s&'\",;]+"
        ),
        r"\1***",
    ),
)


def redacted(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Return ``event`` without what looks like a secret, wherever a library has put it."""
    return {name: _without_secrets(value) for name, value in event.items()}


def _without_secrets(value: object) -> object:
    if isinstance(value, str):
        for pattern, instead in _SECRETS:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, Mapping):
        return {name: _without_secrets(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(each) for each in value]
    return value


_SHARED = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    redacted,
)

_TOLD_TWICE = ("celery.worker.strategy", "celery.app.trace", "httpx")
"""Celery's own lines for each task, and httpx's for each request, which have the receiver's
address and words: the runner and the deliverer tell of each job themselves."""

_OWN_FORM = ("gunicorn.error",)
"""Who would write lines that are no JSON."""


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
    for name in _OWN_FORM:
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    for name in _TOLD_TWICE:
        logging.getLogger(name).setLevel(logging.WARNING)
