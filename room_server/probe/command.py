"""`room-server probe`: what it prints and how it exits."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from enum import IntEnum

from room_server.probe.joining import ProbeRefused, TakeOver
from room_server.probe.report import Report
from room_server.probe.visit import probe


class Exit(IntEnum):
    FLOWED = 0
    REFUSED = 3
    NO_MEDIA = 4


class Output(IntEnum):
    TEXT = 0
    JSON = 1


def run(link: str, seconds: float, take_over: TakeOver, output: Output) -> Exit:
    """Probe and print: the report on stdout, the code of a refusal alone on stderr."""
    logging.getLogger("aiortc").setLevel(logging.ERROR)
    try:
        seen = asyncio.run(probe(link, seconds, take_over))
    except ProbeRefused as refused:
        sys.stderr.write(f"{refused.code}\n")
        return Exit.REFUSED
    sys.stdout.write(json.dumps(seen.as_json()) + "\n" if output is Output.JSON else as_text(seen))
    return Exit.FLOWED if seen.media_flowed else Exit.NO_MEDIA


def as_text(seen: Report) -> str:
    """One line a figure, in the order of the report."""
    width = max(map(len, seen.as_json()))
    return "".join(
        f"{name:<{width}}  {'—' if value is None else value}\n" for name, value in seen.as_json().items()
    )
