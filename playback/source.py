"""A prepared asset, opened: encoded frames from any position, in a few system calls.

A run of frames is one `pread`, cut up afterwards, so that a hundred rooms can read ahead on one core and a
slow disk blocks a thread, never the loop.

Invariant: what comes out is ready for the sink: H.264 as Annex B access units that carry their parameter
sets at each keyframe, VP8 and Opus as they were encoded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playback import frame_index
from playback.frame_index import FrameIndex, IndexDamaged
from playback.prepared import Prepared

OPUS = "opus"
H264 = "h264"
START_CODE = b"\0\0\0\1"


class AssetMissing(Exception):
    """The folder holds no prepared asset, or not the whole of one."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded frame; `at_us` microseconds from the start of the asset."""

    at_us: int
    data: bytes
    keyframe: bool


class Track:
    """The frames of one codec, numbered in order of presentation."""

    def __init__(self, codec: str, file: Path) -> None:
        self.codec = codec
        self._file = file
        self.index: FrameIndex = frame_index.load(frame_index.index_path(file))
        self._descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)

    def read(self, first: int, last: int) -> list[Frame]:
        """Return frames `first` up to, without, `last`.  Raise `IndexDamaged` when the file is too short."""
        if first >= last:
            return []
        index = self.index
        begin = index.offset[first]
        content = self._pread(begin, index.offset[last - 1] + index.size[last - 1] - begin)
        places = zip(index.offset[first:last], index.size[first:last], strict=True)
        stored = [content[offset - begin : offset - begin + size] for offset, size in places]
        keyframes = [flag != 0 for flag in index.keyframe[first:last]]
        if self.codec == H264:
            prefixes = (index.prefix if keyframe else b"" for keyframe in keyframes)
            stored = [prefix + annex_b(data) for prefix, data in zip(prefixes, stored, strict=True)]
        return list(map(Frame, index.at_us[first:last], stored, keyframes))

    def close(self) -> None:
        os.close(self._descriptor)

    def _pread(self, begin: int, size: int) -> bytes:
        parts = []
        while size > 0:
            part = os.pread(self._descriptor, size, begin)
            if not part:
                raise IndexDamaged(str(self._file))
            parts.append(part)
            begin += len(part)
            size -= len(part)
        return b"".join(parts)


class PreparedFile:
    """An opened folder of a prepared asset: `video` holds a track a codec, `audio` is None for silence."""

    def __init__(self, duration_s: float, video: Mapping[str, Track], audio: Track | None) -> None:
        self.duration_s = duration_s
        self.video = video
        self.audio = audio

    @classmethod
    def open(cls, folder: Path) -> PreparedFile:
        """Raise `AssetMissing` when preparation has not left a whole asset in `folder`."""
        opened: list[Track] = []
        try:
            prepared = Prepared.load(folder)
            for rendition in prepared.renditions:
                opened.append(Track(rendition.codec, folder / rendition.file))
            video = {track.codec: track for track in opened}
            audio = None
            if prepared.audio is not None:
                audio = Track(OPUS, folder / prepared.audio.file)
                opened.append(audio)
            return cls(prepared.duration_s, video, audio)
        except (OSError, ValueError, KeyError, TypeError, IndexDamaged) as error:
            for track in opened:
                track.close()
            raise AssetMissing(f"{folder}: {error}") from error

    @property
    def tracks(self) -> tuple[Track, ...]:
        return (*self.video.values(), *([self.audio] if self.audio else []))

    def close(self) -> None:
        for track in self.tracks:
            track.close()


def annex_b(stored: bytes) -> bytes:
    """Return an MP4 sample (NAL units behind lengths of four bytes) as Annex B, which is as long."""
    units, cursor = [], 0
    while cursor + 4 <= len(stored):
        end = cursor + 4 + int.from_bytes(stored[cursor : cursor + 4], "big")
        if end > len(stored):
            raise IndexDamaged("a NAL unit is longer than its sample")
        units += [START_CODE, stored[cursor + 4 : end]]
        cursor = end
    return b"".join(units)
