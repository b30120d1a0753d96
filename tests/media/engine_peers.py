"""Peers of another make (aiortc) that join an engine over loopback, and an engine that keeps its events."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from itertools import cycle
from typing import Any, TypeVar, cast

import av
from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamError

from media.engine import Connected, Engine, EngineConfig, EngineEvent, Publishing, RoomKey
from tests.kit.patience import PATIENCE_S

ROOM = RoomKey("room-1")
_TWO_SHARDS = EngineConfig(shards=2)
# aiortc's default policy forgets the second m-line of a kind when it bundles two kinds.
_ONE_TRANSPORT = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
_Event = TypeVar("_Event", bound=EngineEvent)


class Witness:
    """Keeps an engine's events, and waits for those to come."""

    def __init__(self) -> None:
        self.events: list[EngineEvent] = []
        self._told = asyncio.Event()

    def __call__(self, event: EngineEvent) -> None:
        self.events.append(event)
        self._told.set()

    def of(self, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[_Event], count: int = 1) -> list[_Event]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.of(kind)) < count:
                self._told.clear()
                await self._told.wait()
        return self.of(kind)


@contextlib.asynccontextmanager
async def running_engine(
    config: EngineConfig = _TWO_SHARDS,
) -> AsyncIterator[tuple[Engine, Witness]]:
    """An engine on any free port of loopback, with `ROOM` open."""
    witness = Witness()
    engine = await Engine.start(config, witness)
    try:
        engine.open_room(ROOM)
        yield engine, witness
    finally:
        await engine.close()


class Sink:
    """Reads a remote track to its end and remembers what came last."""

    def __init__(self, track: MediaStreamTrack, recent: int) -> None:
        self.kind = track.kind
        self.frames: deque[Any] = deque(maxlen=recent)
        self.changed = asyncio.Event()
        self.task = asyncio.ensure_future(self._read(track))

    async def _read(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                self.frames.append(await track.recv())
                self.changed.set()

    async def until(self, condition: Callable[[deque[Any]], bool]) -> deque[Any]:
        async with asyncio.timeout(PATIENCE_S):
            while not condition(self.frames):
                self.changed.clear()
                await self.changed.wait()
        return self.frames


class Peer:
    """One aiortc connection: slots to receive in, what it publishes, and the `recent` frames it keeps."""

    def __init__(self, recent: int = 1_000) -> None:
        self.connection = RTCPeerConnection(_ONE_TRANSPORT)
        self.sinks: list[Sink] = []
        self.connected: Connected | None = None
        self.connection.on("track", lambda track: self.sinks.append(Sink(track, recent)))

    def receive(self, audio: int, video: int) -> None:
        for kind, count in (("audio", audio), ("video", video)):
            for _ in range(count):
                self.connection.addTransceiver(kind, direction="recvonly")

    def publish(self, *tracks: MediaStreamTrack) -> None:
        for track in tracks:
            self.connection.addTransceiver(track, direction="sendonly")

    async def join(self, engine: Engine, may_publish: Publishing = Publishing.DENIED) -> Connected:
        connected = await self._offer(engine, may_publish)
        await self._accept(connected.answer_sdp)
        return connected

    async def intrude(self, engine: Engine) -> Connected:
        """Join without leave to publish, and send what is published all the same."""
        connected = await self._offer(engine, Publishing.DENIED)
        assert "a=inactive" in connected.answer_sdp
        await self._accept(connected.answer_sdp.replace("a=inactive", "a=recvonly"))
        return connected

    async def _offer(self, engine: Engine, may_publish: Publishing) -> Connected:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        self.connected = engine.connect(ROOM, self.connection.localDescription.sdp, may_publish)
        return self.connected

    async def _accept(self, answer_sdp: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer_sdp, "answer"))

    def slot(self, kind: str, index: int) -> Sink:
        return [sink for sink in self.sinks if sink.kind == kind][index]

    async def leave(self) -> None:
        await self.connection.close()
        for sink in self.sinks:
            sink.task.cancel()


@contextlib.asynccontextmanager
async def peers(count: int, recent: int = 1_000) -> AsyncIterator[list[Peer]]:
    """Peers that leave at the end."""
    crowd = [Peer(recent) for _ in range(count)]
    try:
        yield crowd
    finally:
        await asyncio.gather(*(peer.leave() for peer in crowd))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something that only looking can tell is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (the engine's counters wake nobody)
            await asyncio.sleep(0.02)


def keyframes(receiver: RTCRtpReceiver) -> list[tuple[int, bool]]:
    """Return a list that fills with the VP8 frames to come: the RTP timestamp, and whether it is a keyframe.

    aiortc tells this of no decoded frame; its jitter buffer has whole frames, retransmitted packets included.
    """
    found: list[tuple[int, bool]] = []
    buffer = cast(Any, receiver)._RTCRtpReceiver__jitter_buffer
    add = buffer.add

    def noting(packet: object) -> Any:
        wants_keyframe, frame = add(packet)
        if frame is not None:
            found.append((frame.timestamp, frame.data[0] & 1 == 0))  # RFC 6386 section 9.1
        return wants_keyframe, frame

    buffer.add = noting
    return found


class Plain(VideoStreamTrack):
    """A camera that sees one shade of grey, or two in turns: then its delta frames show something, too."""

    def __init__(self, *shades: int) -> None:
        super().__init__()
        self._shades = cycle(shades)

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame(320, 240, "yuv420p")
        for plane, value in zip(frame.planes, (next(self._shades), 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, Fraction(time_base)
        return frame


def silence() -> AudioStreamTrack:
    return AudioStreamTrack()


def luma(frame: av.VideoFrame) -> float:
    """The mean of a picture's luma plane."""
    return float(frame.to_ndarray(format="yuv420p")[: frame.height].mean())
