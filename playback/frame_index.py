"""Where each encoded frame lies in a prepared file, so that playing is seeking and copying.

Prepared films and sound are ordinary containers (MP4, WebM) that any player opens.  Beside each stands an
index of ours, read whole when the file is opened:

    magic   8 bytes  "RSINDEX1"
    size    u32      length of the prefix
    prefix           H.264 only: SPS and PPS as an Annex B string, sent before each keyframe
    records          until the end, little endian: i64 at_us, u64 offset, u32 size, u32 keyframe (0 or 1)

`at_us` is the presentation time in microseconds from the start of the asset.

Invariant: records are in the order of the file, and both `at_us` and `offset` rise.
"""

from __future__ import annotations

import os
import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"RSINDEX1"
GAP_BYTES = 65_536
Timing = tuple[int, bool]
RECORD = struct.Struct("<qQII")


class IndexDamaged(Exception):
    """The index, or the file it points into, is not what preparation left."""


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """One place a frame in each: 21 bytes, two megabytes an hour of film.  `keyframe` holds 0 and 1."""

    prefix: bytes
    at_us: array[int]
    offset: array[int]
    size: array[int]
    keyframe: bytearray

    def __len__(self) -> int:
        return len(self.at_us)

    def first_from(self, at_us: int) -> int:
        """Return the number of the first frame at or after `at_us`; the count when there is none."""
        return bisect_left(self.at_us, at_us)

    def shown_at(self, at_us: int) -> int:
        """Return the number of the frame on show at `at_us`, the first when none is yet."""
        return max(0, bisect_right(self.at_us, at_us) - 1)

    def keyframe_before(self, number: int) -> int:
        """Return the number of the keyframe from which frame `number` can be decoded."""
        return max(0, self.keyframe.rfind(1, 0, number + 1))


def index_path(file: Path) -> Path:
    return file.with_name(file.name + ".index")


def load(path: Path) -> FrameIndex:
    """Read an index.  Raise `IndexDamaged` when it is not whole, `OSError` when it cannot be read."""
    return parse(path.read_bytes(), str(path))


def parse(content: bytes, name: str) -> FrameIndex:
    """Return the index that `content` is; `name` is for the error.  Raise `IndexDamaged`."""
    head = len(MAGIC) + 4
    if len(content) < head or not content.startswith(MAGIC):
        raise IndexDamaged(name)
    records_from = head + struct.unpack_from("<I", content, len(MAGIC))[0]
    if len(content) < records_from or (len(content) - records_from) % RECORD.size:
        raise IndexDamaged(name)
    index = FrameIndex(content[head:records_from], array("q"), array("Q"), array("I"), bytearray())
    for at_us, offset, size, keyframe in RECORD.iter_unpack(content[records_from:]):
        index.at_us.append(at_us)
        index.offset.append(offset)
        index.size.append(size)
        index.keyframe.append(keyframe != 0)
    return index


def write(
    index: BinaryIO,
    file: BinaryIO,
    frames: Iterable[bytes],
    timing: Sequence[tuple[int, bool]],
    prefix: bytes,
) -> None:
    """Write the index of `file`, whose `frames` (as stored) stand in it in order.

    `timing` gives each frame's time in microseconds and whether it is a keyframe.  Raise `IndexDamaged`
    when a frame is not found in the file: then the file does not hold what was encoded.
    """
    stored = list(_places(file.fileno(), frames))
    if len(stored) != len(timing):
        raise IndexDamaged(f"{len(stored)} frames of {len(timing)}")
    records = b"".join(
        RECORD.pack(at_us, offset, size, keyframe)
        for (at_us, keyframe), (offset, size) in zip(timing, stored, strict=True)
    )
    index.write(MAGIC + struct.pack("<I", len(prefix)) + prefix + records)


def _places(descriptor: int, frames: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Yield where each frame stands and its size; between two lie only a few bytes of the container's own."""
    cursor = 0
    for data in frames:
        found = os.pread(descriptor, len(data) + GAP_BYTES, cursor).find(data)
        if found < 0:
            raise IndexDamaged(f"no frame of {len(data)} bytes after {cursor}")
        yield cursor + found, len(data)
        cursor += found + len(data)
