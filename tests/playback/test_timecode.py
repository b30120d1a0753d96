"""The strip of squares and the tick, before and after what a viewer's software does to them."""

from __future__ import annotations

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from playback import timecode

RATE_HZ = 48_000


def noise(height: int, width: int, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height * 3 // 2, width), dtype=np.uint8)


def luma(i420: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return i420[: i420.shape[0] * 2 // 3]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, timecode.LONGEST_MS), st.sampled_from([(720, 1280), (360, 640), (180, 320), (480, 640)])
)
def test_every_time_is_read_back_at_every_size(position_ms: int, size: tuple[int, int]) -> None:
    picture = noise(*size)
    timecode.draw(picture, position_ms)
    assert timecode.read(luma(picture)) == position_ms


@pytest.mark.parametrize("size", [(640, 360), (854, 480), (427, 240), (1920, 1080)])
def test_a_scaled_picture_is_still_read(size: tuple[int, int]) -> None:
    picture = noise(720, 1280)
    timecode.draw(picture, 123_456)
    scaled = VideoFrame.from_ndarray(picture, format="yuv420p").reformat(*size, format="gray")
    assert timecode.read(scaled.to_ndarray().astype(np.uint8, copy=False)) == 123_456


def test_the_geometry_is_the_one_written_for_other_languages() -> None:
    """The formulas of the docstring, once more: a browser's reader relies on them."""
    picture = np.full((1080, 1280), 128, np.uint8)
    timecode.draw(picture, 1 << 23)
    squares = [int(picture[720 * 44 // 45 + 8, 1280 * (22 + k) // 80 + 8]) for k in range(timecode.SQUARES)]
    assert squares[:3] == [timecode.LIGHT, timecode.DARK, timecode.LIGHT]
    assert squares[3:26] == [timecode.DARK] * 23
    assert squares[34:] == [timecode.DARK, timecode.LIGHT]
    assert set(picture[: 720 * 44 // 45].ravel()) == {128}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, timecode.LONGEST_MS), st.integers(0, 35), st.data())
def test_a_picture_with_wrong_squares_is_never_a_wrong_time(
    position_ms: int, first: int, data: st.DataObject
) -> None:
    picture = np.full((270, 320), 90, np.uint8)
    timecode.draw(picture, position_ms)
    wrong = data.draw(st.sets(st.integers(0, 35), min_size=1, max_size=2)) | {first}
    for square in wrong:
        band = picture[176:180, 4 * (22 + square) : 4 * (23 + square)]
        band[:] = timecode.DARK + timecode.LIGHT - int(band[0, 0])
    assert timecode.read(luma(picture)) is None


@pytest.mark.parametrize("picture", [noise(720, 1280), np.full((1080, 1280), 16, np.uint8), noise(30, 40)])
def test_a_picture_without_a_strip_has_no_time(picture: NDArray[np.uint8]) -> None:
    assert timecode.read(luma(picture)) is None


def test_a_time_beyond_the_strip_is_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        timecode.draw(noise(90, 160), timecode.LONGEST_MS + 1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000), st.integers(0, 2**31))
def test_ticks_are_heard_within_three_milliseconds_of_place(from_ms: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    film = (rng.normal(0, 0.03, (2, 3 * RATE_HZ)).cumsum(axis=1) * 0.01).astype(np.float32)
    timecode.add_ticks(film, from_ms, RATE_HZ)
    first_s = -from_ms % 1000 / 1000
    heard = [at for at in timecode.onsets(film.mean(axis=0), RATE_HZ) if 0.05 < at < 2.95]
    expected = [first_s + n for n in range(3) if 0.05 < first_s + n < 2.95]
    assert heard == pytest.approx(expected, abs=0.003)


def test_sound_without_ticks_has_none() -> None:
    rng = np.random.default_rng(7)
    for sound in (np.zeros(RATE_HZ), rng.normal(0, 0.1, 5 * RATE_HZ), np.sin(np.arange(RATE_HZ) * 1.2)):
        assert timecode.onsets(sound.astype(np.float32), RATE_HZ) == []
