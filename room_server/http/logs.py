"""Logs: one JSON object a line on stderr, without the secrets and the people in them.

Invariant: no access token, ticket, device key or SDP reaches a line, whoever logs it: every record, also of
libraries, passes `redact`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

HIDDEN = "[redacted]"

_SECRET_NAMES = frozenset(
    {"token", "ticket", "device_key", "key", "sdp", "authorization", "cookie", "password", "secret", "name"}
)
_SECRET_TEXT = re.compile(
    r"(?P<before>/a/|/api/wh[ei]p/|[\"']?(?:token|ticket|device_key|sdp)[\"']?\s*[:=]\s*[\"']?|Bearer\s+)"
    r"(?!\{)[^\s\"'?&,}]+"  # a route's own {token} is no secret
)


def set_up(level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs of the process to `stream` (stderr by default)."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.captureWarnings(True)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide secrets by the name of their field, and by their shape within text."""
    return {name: _hidden(name, value) for name, value in event.items()}


def _hidden(name: str, value: object) -> object:
    if name in _SECRET_NAMES:
        return HIDDEN
    if isinstance(value, str):
        return _SECRET_TEXT.sub(rf"\g<before>{HIDDEN}", value)
    if isinstance(value, dict):
        return {key: _hidden(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", inner) for inner in value]
    if isinstance(value, int | float | bool | None):
        return value
    return _hidden(name, str(value))
