"""What tests of preparation share: limits, a listener for progress, and a refusal that left nothing."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from playback.prepare import prepare
from playback.prepared import Limits, PrepareRefused

LIMITS = Limits(timeout_s=60)


class Progress:
    """Remembers what was told, and lets a test wait for the first of it."""

    def __init__(self) -> None:
        self.told: list[tuple[float, float | None]] = []
        self.began = asyncio.Event()

    def __call__(self, at_s: float, of_s: float | None) -> None:
        self.told.append((at_s, of_s))
        self.began.set()


async def refusal(source: Path, out: Path, limits: Limits = LIMITS) -> str:
    """Return the code of the refusal, having seen that it left nothing."""
    with pytest.raises(PrepareRefused) as refused:
        await prepare(source, out, limits, Progress())
    assert os.listdir(out) == []
    return refused.value.code


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
