"""Integrated loudness by EBU R 128 (ITU-R BS.1770-4), and the way to the room's level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise

import numpy as np
from av.audio.frame import AudioFrame
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.filter import Graph
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE_HZ = 48_000
TARGET_LUFS = -16.0
MOST_GAIN_DB = 30.0
HIGHEST_PEAK = 0.89
SILENT_LUFS = -70.0


class LoudnessMeter:
    """Measures 48 kHz stereo sound, given in order."""

    def __init__(self) -> None:
        self._graph = _Graph(("ebur128", "metadata=1:framelog=quiet"))
        self._integrated_lufs = SILENT_LUFS

    def add(self, samples: Samples) -> None:
        self._read(self._graph.through(samples))

    def integrated_lufs(self) -> float:
        """Return the loudness of all that was given, −70 for silence or less than 0.4 s; ends the measure."""
        self._read(self._graph.rest())
        return max(SILENT_LUFS, self._integrated_lufs)

    def _read(self, frames: Iterable[AudioFrame]) -> None:
        for frame in frames:
            if (measured := frame.metadata.get("lavfi.r128.I")) is not None:
                self._integrated_lufs = float(measured)


def level(sound: Iterable[Samples], lufs: float) -> Iterator[Samples]:
    """Yield sound of the measured loudness at −16 LUFS, peaks limited to −1 dBFS, as long and in place."""
    gain_db = 0.0 if lufs <= SILENT_LUFS else min(TARGET_LUFS - lufs, MOST_GAIN_DB)
    limiter = f"limit={HIGHEST_PEAK}:attack=5:release=100:level=false:latency=true"
    graph = _Graph(("volume", f"{gain_db}dB"), ("alimiter", limiter))
    for samples in sound:
        yield from map(_samples, graph.through(samples))
    yield from map(_samples, graph.rest())


def sound_frame(samples: Samples) -> AudioFrame:
    """Return (2, n) samples as a stereo frame of 48 kHz."""
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), format="fltp", layout="stereo")
    frame.sample_rate = RATE_HZ
    return frame


def _samples(frame: AudioFrame) -> Samples:
    return frame.to_ndarray().astype(np.float32, copy=False)


class _Graph:
    """A row of filters between a source and a sink of 48 kHz stereo sound."""

    def __init__(self, *filters: tuple[str, str]) -> None:
        self._graph = Graph()
        source = self._graph.add_abuffer(sample_rate=RATE_HZ, format="fltp", layout="stereo")
        row = [source, *(self._graph.add(*filter) for filter in filters)]
        row += [self._graph.add("aformat", "sample_fmts=fltp"), self._graph.add("abuffersink")]
        for before, after in pairwise(row):
            before.link_to(after)
        self._graph.configure()
        self._samples = 0

    def through(self, samples: Samples) -> Iterator[AudioFrame]:
        frame = sound_frame(samples)
        frame.pts, frame.time_base = self._samples, Fraction(1, RATE_HZ)
        self._samples += frame.samples
        self._graph.push(frame)
        yield from self._pull()

    def rest(self) -> Iterator[AudioFrame]:
        self._graph.push(None)
        yield from self._pull()

    def _pull(self) -> Iterator[AudioFrame]:
        while True:
            try:
                frame = self._graph.pull()
            except (NothingYet, NothingMore):
                return
            if isinstance(frame, AudioFrame):
                yield frame
