"""`room-server probe`: what it prints and how it exits."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from enum import IntEnum

from room_server.http.texts import texts
from room_server.probe.joining import OURS, ProbeRefused, TakeOver
from room_server.probe.report import Report
from room_server.probe.visit import probe

_NOT_STARTED = "session_not_started"


class Exit(IntEnum):
    FLOWED = 0
    REFUSED = 3
    NO_MEDIA = 4


class Output(IntEnum):
    TEXT = 0
    JSON = 1


def run(link: str, seconds: float, take_over: TakeOver, output: Output, language: str) -> Exit:
    """Probe and print: the report on stdout; why nothing came on stderr, its code a line of its own."""
    logging.getLogger("aiortc").setLevel(logging.ERROR)
    try:
        seen = asyncio.run(probe(link, seconds, take_over, language))
    except ProbeRefused as refused:
        _tell(refused.code, sentence(refused, language))
        return Exit.REFUSED
    if not seen.started and not seen.media_flowed:
        _tell(_NOT_STARTED, texts().refusal(_NOT_STARTED, language, {}))
    sys.stdout.write(json.dumps(seen.as_json()) + "\n" if output is Output.JSON else as_text(seen))
    return Exit.FLOWED if seen.media_flowed else Exit.NO_MEDIA


def sentence(refused: ProbeRefused, language: str) -> str:
    """Return what the refusal means: ours by the catalogue, the server's in its own words."""
    if refused.code in OURS:
        return texts().page(f"probe.{refused.code}", language, detail=refused.detail)
    return refused.detail or texts().refusal(refused.code, language, {})


def _tell(code: str, words: str) -> None:
    sys.stderr.write(f"{code}\n{words}\n")


def as_text(seen: Report) -> str:
    """One line a figure, in the order of the report."""
    width = max(map(len, seen.as_json()))
    return "".join(
        f"{name:<{width}}  {'—' if value is None else value}\n" for name, value in seen.as_json().items()
    )
