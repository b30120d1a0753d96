"""A short film for demos, so that no test waits for the long one to be made."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo film of a few seconds."""

    async def make(folder: Path) -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "playback.demo_film",
            str(folder),
            "--seconds",
            "12",
            cwd=Path(__file__).parents[2],
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await asyncio.wait_for(child.communicate(), 100)
        assert child.returncode == 0, err.decode()

    folder = tmp_path_factory.mktemp("film") / "demo-film"
    asyncio.run(make(folder))
    return folder
