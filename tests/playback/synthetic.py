"""Prepared assets whose frames are only names, and a sink that remembers them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playback import frame_index
from playback.prepared import Prepared, Rendition, Sound
from playback.source import PreparedFile

FPS, GROUP = 25, 50
FRAME_US, SOUND_US = 40_000, 20_000


@dataclass(frozen=True, slots=True)
class Written:
    codec: str
    name: str
    at_ns: int
    keyframe: bool

    @property
    def number(self) -> int:
        return int(self.name.split()[-1])


@dataclass
class RecordingSink:
    """Keeps what is written, in lots: a flush begins a new one."""

    lots: list[list[Written]] = field(default_factory=lambda: [[]])

    def write(self, codec: str, data: bytes, at_ns: int, keyframe: bool) -> None:
        self.lots[-1].append(Written(codec, data.split(b"\0\0\0\1")[-1].decode(), at_ns, keyframe))

    def hold(self, until_ns: int) -> None:
        self.lots[-1] = [frame for frame in self.lots[-1] if frame.at_ns < until_ns]

    def flush(self) -> None:
        if self.lots[-1]:
            self.lots.append([])

    def last(self, codec: str) -> list[Written]:
        """Return the frames of a codec since the last flush."""
        return [frame for frame in self.lots[-1] if frame.codec == codec]


@dataclass
class FakeClock:
    now_ns: int = 1_000_000_000_123

    def __call__(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


def asset(folder: Path, name: str, seconds: int) -> PreparedFile:
    """Make an asset of `seconds`; frame 7 of its VP8 track is called `name vp8 7`."""
    folder.mkdir()
    pictures = range(seconds * FPS)
    times = [(n * FRAME_US, n % GROUP == 0) for n in pictures]
    h264 = [f"{name} h264 {n}".encode() for n in pictures]
    _track(folder / "h264", [struct.pack(">I", len(unit)) + unit for unit in h264], times, b"\0\0\0\1SPS")
    _track(folder / "vp8", [f"{name} vp8 {n}".encode() for n in pictures], times, b"")
    sounds = range(seconds * 50)
    _track(
        folder / "opus",
        [f"{name} opus {n}".encode() for n in sounds],
        [(n * SOUND_US, True) for n in sounds],
        b"",
    )
    renditions = tuple(Rendition(codec, 320, 180, codec) for codec in ("h264", "vp8"))
    Prepared(folder, float(seconds), FPS, renditions, Sound("opus", -16.0), None).save()
    return PreparedFile.open(folder)


@contextmanager
def assets(folder: Path, **seconds: int) -> Iterator[dict[str, PreparedFile]]:
    """Make assets by name and length, and close them afterwards."""
    made = {name: asset(folder / name, name, length) for name, length in seconds.items()}
    try:
        yield made
    finally:
        for file in made.values():
            file.close()


def _track(path: Path, frames: list[bytes], timing: list[tuple[int, bool]], prefix: bytes) -> None:
    with path.open("w+b") as file, frame_index.index_path(path).open("w+b") as index:
        file.write(b"".join(frames))
        file.flush()
        frame_index.write(index, file, frames, timing, prefix)
