"""The demo's film, decoded: every picture and every second tells its place on the timeline."""

from __future__ import annotations

import math
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from numpy.typing import NDArray

from playback import demo_film, timecode
from playback.demo_film import CATALOGUE, DemoFilms
from playback.prepared import Prepared
from playback.source import AssetMissing, PreparedFile
from playback.timeline import Phase, check, length_s, where
from tests.playback.reading import decode_opus, frames_of, times_of

CODECS = ("h264", "vp8")


def rendition(films: DemoFilms, number: int, codec: str) -> Path:
    folder = films.asset_folder(films.films[number])
    return next(folder / r.file for r in Prepared.load(folder).renditions if r.codec == codec)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [None, (640, 360)])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_pictures_tell_their_time_on_the_timeline(
    films: DemoFilms, number: int, codec: str, size: tuple[int, int] | None
) -> None:
    """At full size and at half of it, in at least 99 pictures of 100, and never a wrong time."""
    offset_ms = films.films[number].offset_s * 1000
    told = times_of(frames_of(rendition(films, number, codec)), size)
    right = [offset_ms + 40 * n for n in range(films.films[number].duration_s * 25)]
    assert len(told) == len(right)
    assert all(time in (None, expected) for time, expected in zip(told, right, strict=True))
    assert sum(time is not None for time in told) >= 0.99 * len(told)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_ticks_are_heard_within_three_milliseconds_of_the_second(films: DemoFilms, number: int) -> None:
    """Sent as bare packets, the way a viewer gets them: the decoder's delay is already made up for."""
    asset = PreparedFile.open(films.asset_folder(films.films[number]))
    assert asset.audio is not None
    frames = asset.audio.read(0, len(asset.audio.index))
    asset.close()
    heard = timecode.onsets(decode_opus(frame.data for frame in frames), 48_000)
    assert [frame.at_us for frame in frames[:3]] == [0, 20_000, 40_000]
    assert heard == pytest.approx(range(films.films[number].duration_s), abs=0.003)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_simple_listener_written_for_browsers_hears_every_tick(films: DemoFilms, number: int) -> None:
    """The recipe of `playback.timecode`: two band-passes, mean square of 1 ms, a quarter of the largest."""
    asset = PreparedFile.open(films.asset_folder(films.films[number]))
    assert asset.audio is not None
    sound = decode_opus(frame.data for frame in asset.audio.read(0, len(asset.audio.index)))
    asset.close()
    energy = (band_pass(band_pass(sound))[: len(sound) // 48 * 48] ** 2).reshape(-1, 48).mean(axis=1)
    begins_ms: list[float] = []
    for at in range(len(energy)):
        loudest = float(energy[max(0, at - 1000) : at + 500].max())
        if energy[at] > loudest / 4 and (not begins_ms or at - begins_ms[-1] > 500):
            begins_ms.append(at - 2.5)
    whole_ms = range(0, films.films[number].duration_s * 1000, 1000)
    assert begins_ms[1:] == pytest.approx(whole_ms[1:], abs=3), "the first lost its beginning to the decoder"


def band_pass(sound: NDArray[np.floating]) -> NDArray[np.float64]:
    """Filter as a browser's `BiquadFilterNode` does: band-pass, 9 kHz, Q 4 (Web Audio API, 1.13.5)."""
    turn = 2 * math.pi * 9000 / 48_000
    alpha = math.sin(turn) / 8
    gain, back, far = alpha / (1 + alpha), 2 * math.cos(turn) / (1 + alpha), (alpha - 1) / (1 + alpha)
    out = np.zeros(len(sound))
    before = long_before = 0.0
    inputs = sound.astype(float).tolist()
    for at in range(2, len(inputs)):
        now = gain * (inputs[at] - inputs[at - 2]) + back * before + far * long_before
        out[at], long_before, before = now, before, now
    return out


def test_the_sound_s_container_tells_the_same_time(bunny: Path) -> None:
    with av.open(str(bunny / "audio.webm")) as container:
        decoded = list(container.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray().mean(axis=0) for frame in decoded])
    begins_s = decoded[0].time
    assert begins_s is not None
    ticks = [begins_s + at for at in timecode.onsets(samples.astype(np.float32), 48_000)]
    assert [at for at in ticks if at > 0.5] == pytest.approx(range(1, 6), abs=0.003)


@pytest.mark.parametrize("codec", CODECS)
def test_a_keyframe_stands_every_two_seconds_and_nothing_is_reordered(films: DemoFilms, codec: str) -> None:
    with av.open(str(rendition(films, 0, codec))) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert [n for n, packet in enumerate(packets) if packet.is_keyframe] == [0, 50, 100]
    assert [packet.pts for packet in packets] == sorted(packet.pts or 0 for packet in packets)
    assert all(packet.pts == packet.dts for packet in packets)
    frames = frames_of(rendition(films, 0, codec))
    assert all(frame.pict_type is not PictureType.B for frame in frames)


def test_h264_is_constrained_baseline_and_says_so_to_a_browser(films: DemoFilms, bunny: Path) -> None:
    """profile_idc 66 with constraint_set1: what `profile-level-id=42e01f` promises (RFC 6184, 8.1)."""
    with av.open(str(rendition(films, 0, "h264"))) as container:
        assert container.streams.video[0].codec_context.profile == "Constrained Baseline"
    asset = PreparedFile.open(bunny)
    prefix = asset.video["h264"].index.prefix
    asset.close()
    assert prefix[:6] == b"\0\0\0\1\x67\x42"
    assert prefix[6] & 0x40
    assert prefix[7] <= 0x1F


def test_the_whole_demo_lasts_five_minutes_and_keeps_the_rules() -> None:
    """The full programme, at least five minutes of film besides its buffers."""
    films = DemoFilms(Path(), demo_film.programme(demo_film.FULL_LENGTH_S))
    timeline = demo_film.demo_timeline(films)
    check(timeline)
    assert sum(item.duration_s for item in timeline.media) >= 300
    assert length_s(timeline) == 340
    assert [where(timeline, at).phase for at in (0, 150, 159, 160, 339.9, 340)] == [
        *(Phase.PLAYING, Phase.BUFFER, Phase.BUFFER, Phase.PLAYING, Phase.BUFFER, Phase.ENDED)
    ]


def test_what_was_built_is_not_built_again(films: DemoFilms) -> None:
    before = (films.folder / CATALOGUE).stat().st_mtime_ns
    again = demo_film.make(films.folder, never, seconds=12)
    assert again == films == demo_film.load(films.folder)
    assert (films.folder / CATALOGUE).stat().st_mtime_ns == before
    assert [path.name for path in films.folder.parent.iterdir() if "partial" in path.name] == []


def never(share: float) -> None:
    raise AssertionError(f"built again: {share}")


def test_films_of_another_recipe_are_not_taken_for_these(films: DemoFilms, tmp_path: Path) -> None:
    catalogue = (films.folder / CATALOGUE).read_text()
    (tmp_path / CATALOGUE).write_text(catalogue.replace('"duration_s": 4', '"duration_s": 6'))
    with pytest.raises(AssetMissing):
        demo_film.load(tmp_path)
    with pytest.raises(AssetMissing):
        demo_film.load(tmp_path / "nowhere")
