"""A short film for demos, so that no test waits for the long one to be made."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from playback import demo_film

FILM_WITHIN_S = 240.0


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
        _, err = await asyncio.wait_for(child.communicate(), FILM_WITHIN_S)
        assert child.returncode == 0, err.decode()

    folder = tmp_path_factory.mktemp("film") / "demo-film"
    asyncio.run(make(folder))
    return folder


@pytest.fixture
def film_with_a_long_end(film: Path, tmp_path: Path) -> Path:
    """The same film with a buffer of minutes at its end, so that its session stays on air that long."""
    folder = tmp_path / "film-with-a-long-end"
    shutil.copytree(film, folder)
    films = demo_film.load(film).films
    longer = (*films[:-1], replace(films[-1], buffer_s=600))
    catalogue = {"recipe": demo_film.recipe(longer), "films": [asdict(one) for one in longer]}
    (folder / demo_film.CATALOGUE).write_text(json.dumps(catalogue))
    return folder
