"""The child process of preparation: reads one untrusted file with as few rights as it can.

    limits ──► open outputs ──► no more descriptors ──► look at the input ──► convert ──► verdict

It is started by `playback.prepare` with the input as an open descriptor and says what happens on its standard
output, one JSON object a line: `{"at_s", "of_s"}` now and then, and `{"prepared"}` or `{"refused", "detail"}`
at the end.

Invariant: when the first byte of the input is read, this process can open neither a file nor a socket: every
descriptor it is allowed is taken.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.error import FFmpegError

from playback import conversion, kind
from playback.conversion import Facts, Input
from playback.encode import CONTAINERS, Output, VideoCodec
from playback.prepared import Limits, Prepared, PrepareRefused, Rendition, Sound

PR_SET_PDEATHSIG = 1
REPORT_EVERY_S = 0.25
POSTER, SOUND = "poster.jpg", "audio.webm"
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Task:
    """What the parent asks for; `folder` is a fresh one of this preparation."""

    descriptor: int
    folder: str
    parent: int
    limits: Limits

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        facts = json.loads(text)
        return cls(**{**facts, "limits": Limits(**facts["limits"])})


class Files:
    """Every file this process may write, opened beforehand; those left empty are removed at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.video = {codec: self._output(f"video-{codec}.{CONTAINERS[codec]}") for codec in VideoCodec}
        self.sound = self._output(SOUND)
        self.poster = self._open(POSTER)

    def name(self, codec: VideoCodec) -> str:
        return Path(self.video[codec].file.name).name

    def close(self) -> None:
        outputs = (*self.video.values(), self.sound)
        for file in (self.poster, *(output.file for output in outputs), *(o.index for o in outputs)):
            file.flush()
            os.fsync(file.fileno())
            empty = os.fstat(file.fileno()).st_size == 0
            file.close()
            if empty:
                Path(file.name).unlink()

    def _output(self, name: str) -> Output:
        return Output(self._open(name), self._open(name + ".index"))

    def _open(self, name: str) -> BinaryIO:
        return (self._folder / name).open("w+b")


class Reports:
    """Progress lines, by presentation time, not more often than one can look at them."""

    def __init__(self, declared_s: float | None) -> None:
        self._declared_s = declared_s
        self._next_at = 0.0

    def __call__(self, at_s: float) -> None:
        if (now := time.monotonic()) >= self._next_at:
            self._next_at = now + REPORT_EVERY_S
            tell({"at_s": round(at_s, 3), "of_s": self._declared_s})


def main() -> None:
    task = Task.from_json(sys.argv[1])
    try:
        tell({"prepared": _prepare(task)})
    except PrepareRefused as refused:
        tell({"refused": refused.code, "detail": refused.detail})
    except MemoryError:
        tell({"refused": "too_large", "detail": "memory"})
    except (OSError, FFmpegError) as error:
        if error.errno == errno.ENOMEM:
            tell({"refused": "too_large", "detail": "memory"})
        elif error.errno in NO_ROOM:
            tell({"refused": "disk_full", "detail": str(error)})
        elif isinstance(error, FFmpegError):
            tell({"refused": "damaged", "detail": str(error)})
        else:
            raise


def tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _prepare(task: Task) -> dict[str, Any]:
    _die_with(task.parent)
    _load_all_of_pyav()
    _limit(task.limits)
    folder = Path(task.folder)
    with os.fdopen(task.descriptor, "rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size > task.limits.most_input_bytes:
            raise PrepareRefused("too_large", "bytes")
        files = Files(folder)
        _open_nothing_more()
        source = Input(file, kind.detect(file.read(kind.HEAD_BYTES)))
        if source.kind in kind.STILLS:
            prepared = _convert_still(source, files, task)
        else:
            prepared = _convert(source, conversion.inspect(source, task.limits), files, task)
        files.close()
    return prepared


def _convert(source: Input, facts: Facts, files: Files, task: Task) -> dict[str, Any]:
    reports = Reports(facts.declared_s)
    sound, sound_s, picture_s = None, 0.0, 0.0
    renditions: tuple[Rendition, ...] = ()
    if facts.has_sound:
        sound_s, lufs = conversion.convert_sound(source, facts, files.sound, reports)
        sound = Sound(SOUND, round(lufs, 1)) if sound_s else None
    if facts.picture is not None:
        picture = facts.picture
        picture_s, poster = conversion.convert_pictures(
            source, facts, files.video, reports, task.limits.threads
        )
        files.poster.write(poster)
        renditions = tuple(
            Rendition(codec.value, picture.width, picture.height, files.name(codec)) for codec in VideoCodec
        )
    duration_s = max(sound_s, picture_s)
    if duration_s <= 0 or duration_s < (facts.declared_s or 0) * conversion.LEAST_DECODED:
        raise PrepareRefused("damaged", f"{duration_s:.1f} s of {facts.declared_s} s can be decoded")
    prepared = Prepared(
        folder=Path(task.folder),
        duration_s=round(duration_s, 6),
        fps=facts.picture.fps if facts.picture else 0,
        renditions=renditions,
        audio=sound,
        poster=POSTER if facts.picture else None,
    )
    return prepared.facts()


def _convert_still(source: Input, files: Files, task: Task) -> dict[str, Any]:
    files.poster.write(conversion.still(source, task.limits))
    return Prepared(Path(task.folder), 0.0, 0, (), None, POSTER).facts()


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the parent goes, so that no conversion outlives its server."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def _limit(limits: Limits) -> None:
    os.nice(10)
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.most_output_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(what, most, most)
    _lower(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 5)


def _lower(what: int, soft: int, hard: int) -> None:
    """Set a limit, or keep the stricter one that this process was started with."""
    already = resource.getrlimit(what)[1]
    if already != resource.RLIM_INFINITY:
        soft, hard = min(soft, already), min(hard, already)
    resource.setrlimit(what, (soft, hard))


def _load_all_of_pyav() -> None:
    """Import what PyAV would otherwise import when it meets a stream of that kind: too late for us."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _open_nothing_more() -> None:
    """Allow no descriptor above the highest in use, and fill the holes below it."""
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    while (spare := os.dup(0)) <= highest:
        pass
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, highest + 1))


if __name__ == "__main__":
    av.logging.set_level(None)
    main()
