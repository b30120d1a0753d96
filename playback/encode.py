"""Encoders for what a room plays: H.264 and VP8 on a two-second keyframe grid, Opus in 20 ms frames.

    open ──► encode* ──► finish        finish closes the container and writes the index beside it

Invariant: keyframes stand at every whole multiple of two seconds and nowhere else, and frames are in order
of presentation (no B-frames, no alternate reference frames), so any keyframe is a place to start from.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from types import TracebackType
from typing import BinaryIO, cast

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video import VideoStream
from av.video.frame import PictureType, VideoFrame

from playback import frame_index

KEYFRAME_EVERY_S = 2
AUDIO_RATE_HZ = 48_000
AUDIO_FRAME_SAMPLES = 960
OPUS_DELAY_SAMPLES = 312
AUDIO_BITRATE_BPS = 128_000
REFERENCE_PIXELS, REFERENCE_BITRATE_BPS, LEAST_BITRATE_BPS = 1280 * 720, 1_650_000, 150_000


class VideoCodec(StrEnum):
    H264 = "h264"
    VP8 = "vp8"


class Effort(StrEnum):
    """How much processor time a picture is worth."""

    QUICK = "quick"
    THOROUGH = "thorough"


X264_PRESETS = {Effort.QUICK: "superfast", Effort.THOROUGH: "veryfast"}
VPX_CPU_USED = {Effort.QUICK: "-8", Effort.THOROUGH: "-4"}  # negative: fixed, whatever else the machine does
CONTAINERS = {VideoCodec.H264: "mp4", VideoCodec.VP8: "webm"}


@dataclass(frozen=True, slots=True)
class Picture:
    """Even width and height in pixels, whole frames a second."""

    width: int
    height: int
    fps: int
    effort: Effort = Effort.THOROUGH


@dataclass(frozen=True, slots=True)
class Output:
    """A container and its index, both open for reading and writing."""

    file: BinaryIO
    index: BinaryIO


class VideoEncoder:
    """Encodes pictures numbered 0, 1, 2… into one container."""

    def __init__(self, codec: VideoCodec, picture: Picture, output: Output, threads: int = 1) -> None:
        self._output = output
        self._codec = codec
        self._container = _open_output(output.file, CONTAINERS[codec])
        options = _h264_options(picture) if codec is VideoCodec.H264 else _vp8_options(picture)
        name = "libx264" if codec is VideoCodec.H264 else "libvpx"
        stream = cast(VideoStream, self._container.add_stream(name, rate=picture.fps, options=options))
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
        stream.bit_rate = bitrate_bps(picture)
        stream.codec_context.gop_size = picture.fps * KEYFRAME_EVERY_S
        stream.codec_context.time_base = Fraction(1, picture.fps)
        stream.codec_context.max_b_frames = 0
        stream.codec_context.thread_count = threads
        self._stream = stream
        self._timing: list[tuple[int, bool]] = []

    def encode(self, frame: VideoFrame) -> None:
        """Encode one yuv420p frame, stamped by `stamp`."""
        self._mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._mux(self._stream.encode(None))
        prefix = _parameter_sets(self._stream.codec_context.extradata or b"")
        self._container.close()
        _write_index(self._output, self._timing, prefix if self._codec is VideoCodec.H264 else b"")

    def _mux(self, packets: list[Packet[Stream]]) -> None:
        for packet in packets:
            self._timing.append((_at_us(packet), packet.is_keyframe))
            self._container.mux(packet)


class AudioEncoder:
    """Encodes 48 kHz stereo sound into Opus frames of 20 ms, the first at exactly 0.

    An Opus decoder gives 6.5 ms of silence before the sound.  That much of the beginning is left out, so that
    a packet sent at its time is heard at its time although RTP has no word for the delay.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._container = _open_output(output.file, "webm")
        options = {"frame_duration": "20", "vbr": "constrained", "application": "audio"}
        stream = self._container.add_stream("libopus", rate=AUDIO_RATE_HZ, options=options)
        stream.layout = "stereo"
        stream.bit_rate = AUDIO_BITRATE_BPS
        self._stream = stream
        self._fifo = av.AudioFifo()
        self._samples = 0
        self._parts = 0
        self._to_leave_out = OPUS_DELAY_SAMPLES
        self._timing: list[tuple[int, bool]] = []

    @property
    def seconds(self) -> float:
        """How much sound was given so far."""
        return self._samples / AUDIO_RATE_HZ

    def encode(self, frame: av.AudioFrame) -> None:
        """Encode one stereo 48 kHz frame of any length; its own timestamp is not looked at."""
        frame.pts = self._samples
        frame.time_base = Fraction(1, AUDIO_RATE_HZ)
        self._samples += frame.samples
        self._fifo.write(frame)
        if self._to_leave_out and self._fifo.samples >= self._to_leave_out:
            self._fifo.read(self._to_leave_out)
            self._to_leave_out = 0
        if self._to_leave_out:
            return
        while (part := self._fifo.read(AUDIO_FRAME_SAMPLES)) is not None:
            self._encode(part)

    def finish(self) -> None:
        if (rest := self._fifo.read(0, partial=True)) is not None:
            self._encode(rest)
        self._mux(self._stream.encode(None))
        self._container.close()
        _write_index(self._output, self._timing, b"")

    def _encode(self, part: av.AudioFrame) -> None:
        part.pts = OPUS_DELAY_SAMPLES + self._parts * AUDIO_FRAME_SAMPLES
        part.time_base = Fraction(1, AUDIO_RATE_HZ)
        self._parts += 1
        self._mux(self._stream.encode(part))

    def _mux(self, packets: list[Packet[Stream]]) -> None:
        for packet in packets:
            self._timing.append((_at_us(packet), True))
            self._container.mux(packet)


class EncodingThread:
    """Runs a video encoder beside others; PyAV lets go of the interpreter while it encodes.

    Leaving the `with` block without an error finishes the file; an error of the encoder rises from `put` or
    from leaving.
    """

    def __init__(self, encoder: VideoEncoder) -> None:
        self._encoder = encoder
        self._frames: queue.Queue[VideoFrame | None] = queue.Queue(maxsize=8)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> EncodingThread:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frames.put(None)
        self._thread.join()
        if kind is None:
            self._raise()
            self._encoder.finish()

    def put(self, frame: VideoFrame) -> None:
        self._raise()
        self._frames.put(frame)

    def _run(self) -> None:
        while (frame := self._frames.get()) is not None:
            if self._error is None:
                try:
                    self._encoder.encode(frame)
                except Exception as error:
                    self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error


def stamp(frame: VideoFrame, number: int, fps: int) -> VideoFrame:
    """Return the frame with the time of picture `number`, marked as a keyframe where the grid wants one."""
    frame.pts = number
    frame.time_base = Fraction(1, fps)
    on_grid = number % (fps * KEYFRAME_EVERY_S) == 0
    frame.pict_type = PictureType.I if on_grid else PictureType.NONE
    return frame


def bitrate_bps(picture: Picture) -> int:
    """Return the bitrate aimed at: 1.65 Mb/s for 720p, less than in proportion for smaller pictures."""
    share = picture.width * picture.height / REFERENCE_PIXELS
    return max(LEAST_BITRATE_BPS, int(REFERENCE_BITRATE_BPS * math.pow(share, 0.75)))


def _h264_options(picture: Picture) -> dict[str, str]:
    grid = picture.fps * KEYFRAME_EVERY_S
    most = str(round(bitrate_bps(picture) * 1.1))
    return {
        "preset": X264_PRESETS[picture.effort],
        "profile": "baseline",
        "crf": "23",
        "maxrate": most,
        "bufsize": most,
        "x264-params": f"keyint={grid}:min-keyint={grid}:scenecut=0:bframes=0:force-cfr=1:rc-lookahead=10",
    }


def _vp8_options(picture: Picture) -> dict[str, str]:
    most = round(bitrate_bps(picture) * 1.1)
    return {
        "deadline": "realtime",
        "cpu-used": VPX_CPU_USED[picture.effort],
        "auto-alt-ref": "0",
        "lag-in-frames": "0",
        "error-resilient": "0",
        "crf": "12",
        "qmin": "4",
        "qmax": "56",
        "maxrate": str(most),
        "bufsize": str(most),
        "keyint_min": str(picture.fps * KEYFRAME_EVERY_S),
    }


def _open_output(file: BinaryIO, container: str) -> OutputContainer:
    return av.open(file, "w", format=container)


def _at_us(packet: Packet[Stream]) -> int:
    if packet.pts is None or packet.time_base is None:
        raise ValueError("an encoded frame has no time")
    return round(packet.pts * packet.time_base * 1_000_000)


def _write_index(output: Output, timing: list[tuple[int, bool]], prefix: bytes) -> None:
    output.file.flush()
    output.file.seek(0)
    with av.open(output.file, "r") as container:
        frame_index.write(output.index, output.file, _stored(container), timing, prefix)
    output.index.flush()


def _stored(container: InputContainer) -> Iterator[bytes]:
    for packet in container.demux():
        if packet.size:
            yield bytes(packet)


def _parameter_sets(extradata: bytes) -> bytes:
    """Return the SPS and PPS of an Annex B string, each behind a start code of four bytes."""
    units = (unit.rstrip(b"\0") for unit in extradata.split(b"\0\0\1"))
    return b"".join(b"\0\0\0\1" + unit for unit in units if unit and unit[0] & 0x1F in (7, 8))
