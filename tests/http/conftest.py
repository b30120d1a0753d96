"""What the HTTP tests share."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from room_server.http import logs


@pytest.fixture
def log_text() -> Iterator[io.StringIO]:
    """Everything the process logs, as it would stand on stderr."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.set_up("info", stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def log_lines(log_text: io.StringIO) -> list[dict[str, Any]]:
    """The same as records; reading it parses what is there by then."""
    return _LogRecords(log_text)


class _LogRecords(list[dict[str, Any]]):
    def __init__(self, stream: io.StringIO) -> None:
        super().__init__()
        self._stream = stream

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (json.loads(line) for line in self._stream.getvalue().splitlines())
