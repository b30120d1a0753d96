"""What a person watching the bench reads, on stderr; standard output has the last line alone."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
