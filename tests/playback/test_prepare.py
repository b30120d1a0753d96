"""Preparation: what comes out of every accepted kind of file."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playback import timecode
from playback.loudness import TARGET_LUFS, LoudnessMeter
from playback.prepare import prepare
from playback.prepared import Prepared
from playback.source import PreparedFile
from tests.playback import media_files
from tests.playback.media_files import Film
from tests.playback.preparing import LIMITS, Progress
from tests.playback.reading import decode_opus, decode_video, frames_of


async def test_a_film_becomes_both_codecs_sound_and_poster(tmp_path: Path) -> None:
    """AUT-25: mp4 in, what a room plays out, as `room-server prepare` tells it."""
    source = media_files.write(tmp_path / "film.mp4", Film(seconds=3, tone_peak=0.01))
    progress = Progress()
    prepared = await prepare(source, tmp_path / "out", LIMITS, progress)

    told = prepared.to_json()
    assert json.loads(json.dumps(told)) == told
    assert [(r["codec"], r["width"], r["height"]) for r in told["renditions"]] == [
        ("h264", 320, 180),
        ("vp8", 320, 180),
    ]
    assert told["duration_s"] == pytest.approx(3, abs=0.1)
    for rendition in told["renditions"]:
        frames = frames_of(Path(rendition["file"]))
        assert len(frames) == 75
        assert [n for n, frame in enumerate(frames) if frame.key_frame] == [0, 50]
    assert (tmp_path / "out" / "poster.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    assert Prepared.load(tmp_path / "out") == prepared
    assert all(at_s <= 3.2 and of_s == pytest.approx(3, abs=0.1) for at_s, of_s in progress.told)
    assert progress.told


async def test_loudness_is_brought_to_the_room_s_and_told_as_measured(tmp_path: Path) -> None:
    source = media_files.write(tmp_path / "film.mp4", Film(seconds=3, codec=None, tone_peak=0.01))
    prepared = await prepare(source, tmp_path / "out", LIMITS, Progress())
    assert prepared.audio is not None
    assert prepared.audio.lufs == pytest.approx(TARGET_LUFS, abs=0.3)

    with av.open(str(tmp_path / "out" / prepared.audio.file)) as container:
        heard = LoudnessMeter()
        for frame in container.decode(audio=0):
            heard.add(frame.to_ndarray().astype(np.float32))
    assert heard.integrated_lufs() == pytest.approx(prepared.audio.lufs, abs=0.3)


async def test_sound_and_picture_keep_their_places(films_source: Path, tmp_path: Path) -> None:
    """A film that carries strip and ticks still tells the same time in both after preparation."""
    prepared = await prepare(films_source, tmp_path / "out", LIMITS, Progress())
    asset = PreparedFile.open(tmp_path / "out")
    assert asset.audio is not None
    heard = timecode.onsets(decode_opus(f.data for f in asset.audio.read(0, len(asset.audio.index))), 48_000)
    assert heard == pytest.approx(range(6), abs=0.003)
    for codec, track in asset.video.items():
        frames = track.read(0, len(track.index))
        decoded = decode_video(codec, (frame.data for frame in frames))
        times = [timecode.read(frame.to_ndarray()[: frame.height].astype(np.uint8)) for frame in decoded]
        right = sum(time == round(f.at_us / 1000) for time, f in zip(times, frames, strict=True))
        assert right >= 0.99 * len(frames)
    asset.close()
    assert prepared.fps == 25


@pytest.fixture(scope="session")
def films_source(bunny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MP4 of the demo's first film: its H.264 and its Opus sound, copied into one file."""
    path = tmp_path_factory.mktemp("source") / "film.mp4"
    with (
        av.open(str(bunny / "video-h264.mp4")) as video,
        av.open(str(bunny / "audio.webm")) as audio,
        av.open(str(path), "w") as output,
    ):
        targets = {
            "video": output.add_stream_from_template(video.streams.video[0]),
            "audio": output.add_stream_from_template(audio.streams.audio[0]),
        }
        for container in (video, audio):
            for packet in container.demux():
                if packet.dts is not None:
                    packet.stream = targets[packet.stream.type]
                    output.mux(packet)
    return path


@pytest.mark.parametrize(
    ("name", "film"),
    [
        ("film.avi", Film()),
        ("film.mov", Film(codec="mjpeg", sound="pcm_s16le")),
        ("film.wmv", Film(codec="wmv2", sound="wmav2")),
        ("film.mpg", Film(codec="mpeg1video", sound="mp2")),
        ("film.mp4", Film(tone_hz=None)),
        ("film.mp4", Film(codec=None)),
        ("sound.mp3", Film(codec=None, sound="mp3")),
    ],
)
async def test_every_accepted_kind_is_prepared_whatever_its_name(
    tmp_path: Path, name: str, film: Film
) -> None:
    """AUT-25: the name says nothing, the content decides."""
    source = media_files.write(tmp_path / name, film)
    prepared = await prepare(source.rename(tmp_path / "upload"), tmp_path / "out", LIMITS, Progress())
    assert prepared.duration_s == pytest.approx(film.seconds, abs=0.15)
    assert (prepared.audio is None) == (film.tone_hz is None)
    assert bool(prepared.renditions) == bool(prepared.poster) == bool(prepared.fps) == bool(film.codec)


@pytest.mark.parametrize(("codec", "pixels"), [("png", "rgba"), ("mjpeg", "yuvj444p")])
async def test_a_still_picture_is_its_own_poster(tmp_path: Path, codec: str, pixels: str) -> None:
    """AUT-25: png and jpg too; the client shows them sharply, so they are no film."""
    source = media_files.write_still(tmp_path / "slide", codec, pixels, (2400, 1351))
    prepared = await prepare(source, tmp_path / "out", LIMITS, Progress())
    assert (prepared.duration_s, prepared.renditions, prepared.audio) == (0, (), None)
    assert prepared.poster is not None
    (poster,) = frames_of(tmp_path / "out" / prepared.poster)
    assert (poster.width, poster.height) == (1918, 1080)
    light, grey = poster.to_ndarray()[100, 100], poster.to_ndarray()[900, 1500]
    assert light > 150
    assert grey < 100
    PreparedFile.open(tmp_path / "out").close()


@pytest.mark.parametrize(
    ("film", "size", "fps"),
    [
        (Film(size=(322, 178), fps=Fraction(30_000, 1001)), (322, 178), 30),
        (Film(size=(321, 181), codec="mjpeg", fps=Fraction(50)), (320, 180), 25),
        (Film(size=(1600, 1200), seconds=0.4), (960, 720), 25),
        (Film(size=(2560, 720), seconds=0.4), (1280, 360), 25),
    ],
)
async def test_the_picture_keeps_its_shape_in_even_sizes(
    tmp_path: Path, film: Film, size: tuple[int, int], fps: int
) -> None:
    source = media_files.write(tmp_path / "film.mov", film)
    prepared = await prepare(source, tmp_path / "out", LIMITS, Progress())
    assert [(r.width, r.height) for r in prepared.renditions] == [size, size]
    assert prepared.fps == fps
    assert prepared.duration_s == pytest.approx(film.seconds, abs=0.15)


async def test_a_turned_film_is_prepared_upright(tmp_path: Path) -> None:
    """Its light corner, top left, must end up top right after a quarter turn with the clock."""
    source = media_files.write(tmp_path / "film.mp4", Film())
    turned = media_files.quarter_turned(source, tmp_path / "turned.mp4")
    prepared = await prepare(turned, tmp_path / "out", LIMITS, Progress())
    for rendition in prepared.renditions:
        assert (rendition.width, rendition.height) == (180, 320)
        picture = frames_of(tmp_path / "out" / rendition.file)[5].to_ndarray()
        corners = picture[40, 45], picture[40, 135], picture[240, 45], picture[240, 135]
        assert corners[1] > 150
        assert max(corners[0], corners[2], corners[3]) < 100
