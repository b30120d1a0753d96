"""What a tap hands out of real peers: a file that decodes without a fault, sound in step with pictures."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Any

import av
import numpy as np
import pytest

from media.codecs import Codec
from media.engine import (
    Connected,
    Engine,
    EngineRefused,
    Muting,
    Publishing,
    RoomKey,
    Silence,
    Tap,
    TappedFrame,
    TrackId,
    TrackSilent,
)
from playback import timecode
from room_server.probe.readings import Picture, skew_s
from tests.flows.browsers import Engine as Browser
from tests.flows.browsers import Tab
from tests.flows.sound import sound_device
from tests.media.engine_peers import ROOM, Plain, peers, running_engine, silence
from tests.media.pages import ANSWER
from tests.probe.film import FPS, HEIGHT, WIDTH, FilmPicture, FilmSound

PATIENCE_S = 60
WATCHED_S = 9
SKEW_S = 0.04
# Firefox captures a canvas some 50 ms after it was drawn, and says it was drawn then.
DRAWN_S = {Browser.CHROMIUM: SKEW_S, Browser.FIREFOX: 0.1}

# Each whole second the picture turns white for a fifth of it, and a tone sounds for as long.
FLASHES = """
const [done] = arguments;
(async () => {
  // Who may hear a microphone may make a sound without having been clicked on.
  await navigator.mediaDevices.getUserMedia({audio: true});
  const sound = new AudioContext();
  await sound.resume();
  const volume = sound.createGain(), tone = sound.createOscillator();
  const ear = sound.createMediaStreamDestination();
  volume.gain.value = 0;
  tone.frequency.value = 1000;
  tone.connect(volume).connect(ear);
  tone.start();
  const canvas = Object.assign(document.createElement('canvas'), {width: 640, height: 360});
  const pen = canvas.getContext('2d');
  let rung = 0;
  setInterval(() => {
    const ms = performance.now(), into = ms % 1000, second = Math.ceil(ms / 1000);
    pen.fillStyle = into < 200 ? 'white' : 'black';
    pen.fillRect(0, 0, 640, 360);
    pen.fillStyle = 'grey';
    pen.fillRect(ms / 5 % 600, 300, 40, 40);
    if (second > rung && second * 1000 - ms < 300) {
      rung = second;
      const at = sound.currentTime + (second * 1000 - ms) / 1000;
      volume.gain.setValueAtTime(0.8, at);
      volume.gain.setValueAtTime(0, at + 0.2);
    }
  }, 10);
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  pc.addTransceiver(ear.stream.getAudioTracks()[0], {direction: 'sendonly'});
  const [camera] = canvas.captureStream(30).getVideoTracks();
  const layers = [
    {rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150000},
    {rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1200000},
  ];
  pc.addTransceiver(camera, {direction: 'sendonly', sendEncodings: layers});
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
})().then(done, (error) => done(`failed: ${error}`));
"""


@pytest.fixture(scope="module")
def loudspeaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with sound_device(tmp_path_factory.mktemp("sound")):
        yield


class Fetched:
    """Fetches from a tap into a list."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.items: list[TappedFrame | TrackSilent] = []
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        async for one in self.tap:
            self.items.append(one)
            self._changed.set()

    def of(self, track: TrackId) -> list[TappedFrame]:
        return [one for one in self.items if isinstance(one, TappedFrame) and one.track == track]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_long(self, *tracks: TrackId) -> None:
        """Until there is as much of each track as is watched."""

        def is_long(track: TrackId) -> bool:
            frames = self.of(track)
            return bool(frames) and frames[-1].at_ns - frames[0].at_ns >= WATCHED_S * 1_000_000_000

        await self.until(lambda: all(map(is_long, tracks)))


def muxed(sound: list[TappedFrame], pictures: list[TappedFrame]) -> bytes:
    """A Matroska file of frames just as they were handed out, in milliseconds from the earliest on."""
    file = io.BytesIO()
    origin_ns = min(sound[0].at_ns, pictures[0].at_ns)
    with av.open(file, "w", format="matroska") as container:
        audio: Any = container.add_stream("libopus", 48_000)
        video: Any = container.add_stream("libvpx", 30)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        streams = [(audio, one) for one in sound] + [(video, one) for one in pictures]
        for stream, frame in sorted(streams, key=lambda pair: pair[1].at_ns):
            packet = av.Packet(frame.data)
            packet.stream, packet.time_base = stream, Fraction(1, 1_000)
            packet.pts = packet.dts = round((frame.at_ns - origin_ns) / 1e6)
            packet.is_keyframe = frame.keyframe
            container.mux(packet)
    return file.getvalue()


def decoded(file: bytes) -> tuple[list[av.AudioFrame], list[av.VideoFrame]]:
    with av.open(io.BytesIO(file), "r") as container:
        container.streams.video[0].codec_context.options = {"err_detect": "explode"}
        pictures = list(container.decode(video=0))
    with av.open(io.BytesIO(file), "r") as container:
        return list(container.decode(audio=0)), pictures


def shown_s(frame: av.AudioFrame | av.VideoFrame) -> float:
    assert frame.time is not None
    return frame.time


def heard(sound: list[av.AudioFrame]) -> tuple[float, np.ndarray[Any, Any]]:
    """When it begins, and its samples, mixed to one channel; silence where there is none."""
    begin_s = shown_s(sound[0])
    samples = np.zeros(round((shown_s(sound[-1]) - begin_s + 1) * 48_000), np.float32)
    for frame in sound:
        at = round((shown_s(frame) - begin_s) * 48_000)
        channels = len(frame.layout.channels)
        raw = frame.to_ndarray().astype(np.float32)
        mixed = (raw.reshape(-1, channels).T if frame.format.is_packed else raw).mean(axis=0)
        samples[at : at + len(mixed)] = mixed[: len(samples) - at]
    return begin_s, samples / (np.abs(samples).max() or 1)


def luma(picture: av.VideoFrame) -> np.ndarray[Any, Any]:
    return picture.to_ndarray(format="yuv420p")[: picture.height]


async def test_what_is_tapped_decodes_and_sound_and_pictures_are_in_step() -> None:
    """A film that tells its own time, sent by a peer of another make."""
    async with running_engine() as (engine, _), peers(1) as (speaker,):
        started_s = time.time()
        speaker.publish(FilmSound(started_s), FilmPicture(started_s))
        audio, video = (await speaker.join(engine, Publishing.ALLOWED)).tracks
        fetched = Fetched(engine.tap(ROOM))
        await fetched.until_long(audio.track, video.track)
        sound, pictures = fetched.of(audio.track), fetched.of(video.track)
        fetched.tap.close()
        await fetched.task
    assert all(frame.synced and not frame.after_gap for frame in [*sound, *pictures])
    assert {frame.codec for frame in pictures} == {Codec.VP8}
    assert pictures[0].keyframe
    assert len(pictures) > WATCHED_S * FPS * 0.8
    shown, seen = decoded(muxed(sound, pictures))
    assert len(seen) == len(pictures)
    begin_s, samples = heard(shown)
    ticks = [begin_s + at for at in timecode.onsets(samples, 48_000)]
    read = [(shown_s(picture), timecode.read(luma(picture))) for picture in seen]
    strips = [Picture(at, strip / 1000) for at, strip in read if strip is not None]
    assert len(strips) > len(seen) / 2
    skew = skew_s(strips, ticks)
    assert skew is not None
    assert abs(skew) < SKEW_S, f"{skew * 1000:.1f} ms"


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("kind", list(Browser))
async def test_a_browsers_best_layer_is_tapped_in_step_though_nobody_watches(
    kind: Browser, browse: Callable[[Browser], Tab], loudspeaker: None
) -> None:
    tab = await asyncio.to_thread(browse, kind)
    async with running_engine() as (engine, _):
        connected = await on_stage(engine, tab)
        audio, video = (track.track for track in connected.tracks)
        fetched = Fetched(engine.tap(ROOM))
        await fetched.until(lambda: any(frame.layer == 1 for frame in fetched.of(video)))
        await fetched.until_long(audio, video)
        await asyncio.to_thread(tab.run, "pc.close()")
        await fetched.until(lambda: TrackSilent(video, Silence.ENDED) in fetched.items)
        fetched.tap.close()
    pictures = fetched.of(video)
    best = [frame for frame in pictures if frame.layer == 1]
    assert len(best) > len(pictures) / 2, "nobody watches, and it is sent all the same"
    changes = [after for before, after in pairwise(pictures) if before.layer != after.layer]
    assert all(frame.keyframe for frame in changes)
    sound = fetched.of(audio)
    assert all(frame.synced for frame in [*sound, *pictures])
    shown, seen = decoded(muxed(sound, best))
    assert len(seen) == len(best)
    skews = [flash - tone for flash, tone in near(flashes(seen), tones(shown))]
    assert len(skews) >= WATCHED_S // 2
    assert abs(median(skews)) < DRAWN_S[kind], f"{[round(skew * 1000) for skew in skews]} ms"


async def on_stage(engine: Engine, tab: Tab) -> Connected:
    sdp = await asyncio.to_thread(tab.run_async, FLASHES)
    assert sdp.startswith("v=0"), sdp
    connected = engine.connect(ROOM, sdp, Publishing.ALLOWED)
    assert await asyncio.to_thread(tab.run_async, ANSWER, connected.answer_sdp) == ""
    return connected


def flashes(pictures: list[av.VideoFrame]) -> list[float]:
    """When the picture turned white."""
    bright = [(shown_s(picture), bool(luma(picture)[:200].mean() > 120)) for picture in pictures]
    return [at for (_, before), (at, after) in pairwise(bright) if after and not before]


def tones(sound: list[av.AudioFrame]) -> list[float]:
    """When a tone began."""
    begin_s, samples = heard(sound)
    step = 48
    blocks = np.abs(samples[: len(samples) // step * step]).reshape(-1, step).max(axis=1) > 0.25
    # A tone is silent 2,000 times a second: it began where nothing was for a while.
    loud = np.flatnonzero(blocks)
    begun = loud[np.concatenate([[True], np.diff(loud) > 200])] if len(loud) else loud
    return [begin_s + float(at) * step / 48_000 for at in begun]


def near(flashes: list[float], tones: list[float]) -> list[tuple[float, float]]:
    """Each flash with its tone."""
    pairs = [(flash, min(tones, key=lambda tone: abs(tone - flash))) for flash in flashes if tones]
    return [(flash, tone) for flash, tone in pairs if abs(tone - flash) < 0.4]


async def test_a_mute_is_marked_and_what_comes_after_it_begins_with_a_keyframe() -> None:
    async with running_engine() as (engine, _), peers(1) as (speaker,):
        speaker.publish(Plain(60, 90))
        (video,) = (await speaker.join(engine, Publishing.ALLOWED)).tracks
        fetched = Fetched(engine.tap(ROOM))
        await fetched.until(lambda: len(fetched.of(video.track)) >= 10)
        engine.set_muted(video.track, Muting.MUTED)
        muted = TrackSilent(video.track, Silence.MUTED)
        await fetched.until(lambda: muted in fetched.items)
        engine.set_muted(video.track, Muting.AUDIBLE)
        before = len(fetched.of(video.track))
        await fetched.until(lambda: len(fetched.of(video.track)) > before)
        first = fetched.of(video.track)[before]
        engine.close_room(ROOM)
        await asyncio.wait_for(fetched.task, PATIENCE_S)
    assert first.keyframe
    assert first.after_gap
    assert fetched.items[-1] == TrackSilent(video.track, Silence.ENDED)
    assert fetched.tap.dropped == 0


async def test_a_tap_that_nobody_fetches_slows_nobody_and_ends_when_it_is_closed() -> None:
    async with running_engine() as (engine, _), peers(2) as (speaker, viewer):
        speaker.publish(silence(), Plain(60, 90))
        audio, video = (await speaker.join(engine, Publishing.ALLOWED)).tracks
        engine.set_layout(ROOM, [audio.track], [video.track])
        viewer.receive(audio=1, video=1)
        await viewer.join(engine)
        idle, other = engine.tap(ROOM), Fetched(engine.tap(ROOM))
        await viewer.slot("video", 0).until(lambda frames: len(frames) >= 30)
        await other.until(lambda: len(other.of(video.track)) >= 30)
        idle.close()
        assert [one async for one in idle] == []
        idle.close()
        seen = len(other.of(video.track))
        await other.until(lambda: len(other.of(video.track)) > seen)
        other.tap.close()
        await asyncio.wait_for(other.task, PATIENCE_S)


async def test_a_closed_room_cannot_be_tapped_and_an_engine_that_ends_ends_taps() -> None:
    async with running_engine() as (engine, _):
        with pytest.raises(EngineRefused, match="no_room"):
            engine.tap(RoomKey("nowhere"))
        fetched = Fetched(engine.tap(ROOM))
    await asyncio.wait_for(fetched.task, PATIENCE_S)
    assert not fetched.items
