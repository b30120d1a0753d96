"""Preparation of what is no film, or a broken one, or too much: a reason, and nothing left behind."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from playback.prepare import prepare
from playback.prepared import Limits, Prepared, PrepareRefused
from tests.playback import media_files
from tests.playback.media_files import Film
from tests.playback.preparing import LIMITS, Progress, refusal, written


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "unknown_kind"),
        (b"Agenda\n\n1. Welcome, see https://example.org\n", "unknown_kind"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "damaged"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "forbidden_reference"),
        (b"\0\0\0\x20ftypisom" + bytes(500), "damaged"),
        (b"RIFF\xff\xff\0\0AVI LIST" + bytes(500), "damaged"),
        (b"ID3\x04" + bytes(500), "damaged"),
    ],
)
async def test_what_is_no_film_is_refused_with_its_reason(tmp_path: Path, content: bytes, code: str) -> None:
    assert await refusal(written(tmp_path / "film.mp4", content), tmp_path / "out") == code


async def test_a_film_whose_samples_lie_elsewhere_is_refused(tmp_path: Path) -> None:
    whole = media_files.write(tmp_path / "whole.mov", Film(tone_hz=None))
    pointing = media_files.pointing_elsewhere(whole, tmp_path / "film.mov", whole)
    assert await refusal(pointing, tmp_path / "out") == "forbidden_reference"


@pytest.mark.parametrize("share", [0.2, 0.6])
@pytest.mark.parametrize(
    ("name", "film"),
    [
        ("film.mp4", Film(seconds=3)),
        ("film.avi", Film(seconds=3)),
        ("film.wmv", Film(seconds=3, codec="wmv2", sound="wmav2")),
        ("sound.mp3", Film(seconds=3, codec=None, sound="mp3")),
    ],
)
async def test_a_cut_film_is_damaged(tmp_path: Path, name: str, film: Film, share: float) -> None:
    source = media_files.write(tmp_path / name, film)
    content = source.read_bytes()
    cut = written(tmp_path / "cut", content[: round(len(content) * share)])
    assert await refusal(cut, tmp_path / "out") == "damaged"


async def test_a_film_with_noise_in_the_middle_does_no_harm(tmp_path: Path) -> None:
    content = bytearray(media_files.write(tmp_path / "film.mp4", Film(seconds=3)).read_bytes())
    noise = np.random.default_rng(3).integers(0, 256, 2000, dtype=np.uint8).tobytes()
    content[len(content) // 3 : len(content) // 3 + 2000] = noise
    prepared = await prepare(
        written(tmp_path / "noisy", bytes(content)), tmp_path / "out", LIMITS, Progress()
    )
    assert prepared.duration_s == pytest.approx(3, abs=0.3)


async def test_letters_that_are_none_in_a_title_do_no_harm(tmp_path: Path) -> None:
    content = media_files.write(tmp_path / "film.mp4", Film()).read_bytes()
    assert b"Lavf" in content
    broken = written(tmp_path / "broken", content.replace(b"Lavf", b"\xff\xfe\xc0\xc1"))
    assert (await prepare(broken, tmp_path / "out", LIMITS, Progress())).duration_s > 0.9


@pytest.mark.parametrize("seed", range(4))
async def test_a_file_broken_in_any_place_is_prepared_or_refused_and_nothing_else(
    tmp_path: Path, seed: int
) -> None:
    """A child that fails in another way would raise RuntimeError here."""
    rng = np.random.default_rng(seed)
    film = Film(codec="wmv2", sound="wmav2") if seed % 2 else Film()
    content = bytearray(
        media_files.write(tmp_path / ("film.wmv" if seed % 2 else "film.mp4"), film).read_bytes()
    )
    header = (len(content) - 1500, len(content)) if seed % 2 == 0 else (30, 1500)
    for at in rng.integers(*header, 12):
        content[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"])
    broken = written(tmp_path / "broken", bytes(content))
    try:
        prepared = await prepare(broken, tmp_path / "out", LIMITS, Progress())
    except PrepareRefused:
        assert os.listdir(tmp_path / "out") == []
    else:
        assert prepared == Prepared.load(tmp_path / "out")


@pytest.mark.parametrize(
    "limits",
    [
        replace(LIMITS, most_input_bytes=1000),
        replace(LIMITS, most_duration_s=0.5),
        replace(LIMITS, most_pixels=320 * 179),
    ],
)
async def test_what_exceeds_a_limit_is_too_large(tmp_path: Path, limits: Limits) -> None:
    source = media_files.write(tmp_path / "film.mp4", Film())
    assert await refusal(source, tmp_path / "out", limits) == "too_large"
