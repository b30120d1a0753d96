"""What preparation is asked for, what it may use, and what it leaves.

A prepared asset is a folder that holds `prepared.json`, written last: a folder without it is not one.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE = "prepared.json"
VERSION = 1


class PrepareRefused(Exception):
    """The file cannot be prepared.

    `code` is one of unknown_kind, damaged, too_large, forbidden_reference, disk_full, timed_out; `detail` is
    for the log.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Limits:
    """What one preparation may take.  `threads` is for each encoder."""

    most_input_bytes: int = 4 << 30
    most_duration_s: float = 4 * 3600.0
    most_pixels: int = 4096 * 2304
    most_output_bytes: int = 8 << 30
    memory_bytes: int = 3 << 30
    cpu_s: int = 12 * 3600
    timeout_s: float = 6 * 3600.0
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Rendition:
    """A film in one codec; `file` is a name inside the folder."""

    codec: str
    width: int
    height: int
    file: str


@dataclass(frozen=True, slots=True)
class Sound:
    """Opus sound; `lufs` is the integrated loudness (EBU R 128) measured after normalisation."""

    file: str
    lufs: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared asset in `folder`.

    Sound alone has no `renditions`, `fps` 0 and no poster; a still picture is its poster, of 0 s.
    """

    folder: Path
    duration_s: float
    fps: int
    renditions: tuple[Rendition, ...]
    audio: Sound | None
    poster: str | None
    version: int = field(default=VERSION)

    def to_json(self) -> dict[str, Any]:
        """Return what `room-server prepare --json` prints, files as full paths."""
        facts = self.facts()
        for rendition in facts["renditions"]:
            rendition["file"] = str(self.folder / rendition["file"])
        if self.audio is not None:
            facts["audio"]["file"] = str(self.folder / self.audio.file)
        facts["poster"] = None if self.poster is None else str(self.folder / self.poster)
        return facts

    @classmethod
    def from_facts(cls, folder: Path, facts: dict[str, Any]) -> Prepared:
        """Raise `KeyError` or `TypeError` when `facts` is not what `prepared.json` holds."""
        return cls(
            folder=folder,
            duration_s=float(facts["duration_s"]),
            fps=int(facts["fps"]),
            renditions=tuple(Rendition(**rendition) for rendition in facts["renditions"]),
            audio=None if facts["audio"] is None else Sound(**facts["audio"]),
            poster=facts["poster"],
            version=int(facts["version"]),
        )

    @classmethod
    def load(cls, folder: Path) -> Prepared:
        """Raise `OSError`, `ValueError`, `KeyError` or `TypeError` when `folder` is no prepared asset."""
        return cls.from_facts(folder, json.loads((folder / FILE).read_text()))

    def save(self) -> None:
        """Write `prepared.json`, durably and as a whole."""
        partial = self.folder / f".{FILE}.partial"
        with partial.open("w") as file:
            json.dump(self.facts(), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / FILE)

    def facts(self) -> dict[str, Any]:
        """Return what `prepared.json` holds, files as names inside the folder."""
        facts = asdict(self)
        del facts["folder"]
        facts["renditions"] = list(facts["renditions"])
        return facts
