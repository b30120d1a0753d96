"""The target of SDP offers, which `make fuzz` runs with Atheris on the path."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["media"]):
    from media.negotiation import Limits, NegotiationRefused, Publishing, answer, read_offer
    from media.sdp import TextLimits, parse

from tests.media.offering import local


def one(data: bytes) -> None:
    """Answer an offer, or refuse it; nothing else."""
    publishing = Publishing.ALLOWED if len(data) % 2 else Publishing.DENIED
    with contextlib.suppress(NegotiationRefused):
        negotiated = answer(
            read_offer(data.decode("utf-8", "surrogateescape"), Limits()), local(), publishing
        )
        described = parse(negotiated.answer_sdp, TextLimits())
        assert described.media
        negotiated.to_core()


def main() -> Any:
    # libFuzzer begins itself anew to merge, and must know how.
    atheris.Setup([os.environ.get("FUZZ_AGAIN", sys.argv[0]), *sys.argv[1:]], one)
    return atheris.Fuzz()


if __name__ == "__main__":
    main()
