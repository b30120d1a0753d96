"""A short demo film, built once: real films of six, four and four seconds, with strip and ticks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from playback import demo_film
from playback.demo_film import DemoFilms
from playback.source import PreparedFile
from tests.playback.synthetic import assets

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> DemoFilms:
    shares: list[float] = []
    films = demo_film.make(tmp_path_factory.mktemp("demo") / "film", shares.append, seconds=12)
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 1
    return films


@pytest.fixture(scope="session")
def bunny(films: DemoFilms) -> Path:
    """The prepared asset of the film with sound, six seconds, at 0 on the timeline."""
    return films.asset_folder(films.films[0])


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, PreparedFile]]:
    """Assets a and b of eight and six seconds, whose frames are only names."""
    with assets(tmp_path_factory.mktemp("assets"), a=8, b=6) as made:
        yield made
