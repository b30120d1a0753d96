"""Conversion of one opened media file: decoding on a constant grid, in the shape and loudness of a room.

    measure sound ──► encode sound ──► encode pictures, both codecs side by side

Each pass reads the input from its beginning; nothing of it is kept in memory but the present picture.

Invariant: picture n of the output is what the input shows at n / fps after its first instant, and sample k of
the sound is what it plays at k / 48000: gaps become silence, so nothing drifts.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, NoReturn, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from playback import loudness
from playback.encode import (
    AUDIO_RATE_HZ,
    AudioEncoder,
    EncodingThread,
    Output,
    Picture,
    VideoCodec,
    VideoEncoder,
    stamp,
)
from playback.kind import HEAD_BYTES, Kind, asf_duration_s, has_mp3_length
from playback.loudness import LoudnessMeter
from playback.prepared import Limits, PrepareRefused

FILM_FITS, STILL_FITS, FASTEST_FPS = (1280, 720), (1920, 1080), 30
LEAST_DECODED = 0.9
POSTER_AT = 0.1
SLACK = 0.25
FARTHEST = 1 << 62
DECODING_THREADS = 2

I420 = NDArray[np.uint8]
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the container says; `declared_s` is None where it only guesses."""

    starts_s: float
    declared_s: float | None
    picture: Picture | None
    has_sound: bool


class Input:
    """An open file read through its own descriptor; whatever else its demuxer wants to open is refused."""

    def __init__(self, file: BinaryIO, kind: Kind) -> None:
        self._file = file
        self.kind = kind
        self._wanted: list[str] = []

    def head(self) -> bytes:
        """Return the first bytes, by which kinds are told."""
        return os.pread(self._file.fileno(), HEAD_BYTES, 0)

    def open(self) -> InputContainer:
        """Raise `PrepareRefused` forbidden_reference or damaged."""
        options = {"protocol_whitelist": "none", "format_whitelist": self.kind.value}
        if self.kind is Kind.QUICKTIME:
            options["enable_drefs"] = "1"
            options["use_absolute_path"] = "1"
        try:
            container = av.open(
                _Bytes(self._file.fileno()),
                "r",
                format=self.kind.value,
                options=options,
                io_open=self._refuse,
                metadata_errors="replace",
            )
        except (FFmpegError, PermissionError) as error:
            self.check_references()
            raise PrepareRefused("damaged", str(error)) from error
        self.check_references()
        return container

    def check_references(self) -> None:
        if self._wanted:
            raise PrepareRefused("forbidden_reference", self._wanted[0])

    def _refuse(self, url: str, _flags: int, _options: object) -> NoReturn:
        self._wanted.append(url)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


class _Bytes:
    """The input as PyAV reads it; a place that cannot be, which broken files ask for, is no error of ours."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._at = 0

    def read(self, size: int) -> bytes:
        part = os.pread(self._descriptor, size, self._at)
        self._at += len(part)
        return part

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Return the new place, −1 for one before the beginning or beyond any file."""
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if not 0 <= place < FARTHEST:
            return -1
        self._at = place
        return place

    def tell(self) -> int:
        return self._at


def inspect(source: Input, limits: Limits) -> Facts:
    """Return what is inside.  Raise `PrepareRefused` damaged or too_large."""
    with source.open() as container:
        video, audio = video_stream(container), audio_stream(container)
        if video is None and audio is None:
            raise PrepareRefused("damaged", "neither picture nor sound can be decoded")
        starts_s = (container.start_time or 0) / av.time_base
        declared_s = _declared_s(container, source, video)
        if declared_s is not None and declared_s > limits.most_duration_s:
            raise PrepareRefused("too_large", f"{declared_s:.0f} s")
        picture = None
        if video is not None:
            _check_pixels(video, limits)
            picture = _picture(container, video)
        return Facts(starts_s, declared_s, picture, audio is not None)


def _declared_s(container: InputContainer, source: Input, video: VideoStream | None) -> float | None:
    """Return how long the file says it is, None when it does not say.

    Where the demuxer reckons from what is there, the header is asked: it still knows what was cut off.
    """
    told_s = None if container.duration is None else container.duration / av.time_base
    match source.kind:
        case Kind.AVI if video is not None and video.average_rate:
            return max(told_s or 0.0, float(video.frames / video.average_rate))
        case Kind.WINDOWS_MEDIA:
            return asf_duration_s(source.head())
        case Kind.MP3 if not has_mp3_length(source.head()):
            return None
        case Kind.MPEG_VIDEO:
            return None
    return told_s


def video_stream(container: InputContainer) -> VideoStream | None:
    """Return the first stream of moving pictures; the cover of a record is none."""
    for stream in container.streams.video:
        attached = stream.disposition & Disposition.attached_pic
        if not attached and _has_decoder(stream) and stream.width and stream.height:
            return stream
    return None


def audio_stream(container: InputContainer) -> Stream | None:
    return next((stream for stream in container.streams.audio if _has_decoder(stream)), None)


def convert_sound(source: Input, facts: Facts, output: Output, progress: Progress) -> tuple[float, float]:
    """Encode the sound at the room's loudness; return its length in seconds and its measured loudness."""
    before, after = LoudnessMeter(), LoudnessMeter()
    for samples in sound(source, facts, progress):
        before.add(samples)
    encoder = AudioEncoder(output)
    for samples in loudness.level(sound(source, facts, progress), before.integrated_lufs()):
        after.add(samples)
        encoder.encode(loudness.sound_frame(samples))
    if encoder.seconds:
        encoder.finish()
    return encoder.seconds, after.integrated_lufs()


def convert_pictures(
    source: Input,
    facts: Facts,
    outputs: dict[VideoCodec, Output],
    progress: Progress,
    threads: int,
) -> tuple[float, bytes]:
    """Encode every picture in each codec; return the length in seconds and the poster as JPEG."""
    picture = facts.picture
    if picture is None:
        raise ValueError("there is no picture to convert")
    poster_number = int(POSTER_AT * (facts.declared_s or 0) * picture.fps)
    poster, number = b"", 0
    with ExitStack() as stack:
        encoding = [
            stack.enter_context(EncodingThread(VideoEncoder(codec, picture, output, threads)))
            for codec, output in outputs.items()
        ]
        for number, shown in enumerate(pictures(source, facts), start=1):
            frame = stamp(VideoFrame.from_ndarray(shown, format="yuv420p"), number - 1, picture.fps)
            for thread in encoding:
                thread.put(frame)
            if number == 1 or number - 1 == poster_number:
                poster = jpeg(shown)
            progress(number / picture.fps)
        if number == 0:
            raise PrepareRefused("damaged", "no picture can be decoded")
    return number / picture.fps, poster


def still(source: Input, limits: Limits) -> bytes:
    """Return a still picture upright, within 1920 × 1080, as JPEG.  Raise `PrepareRefused` like `inspect`."""
    with source.open() as container:
        stream = video_stream(container)
        if stream is None:
            raise PrepareRefused("damaged", "no picture can be decoded")
        _check_pixels(stream, limits)
        frame = cast("VideoFrame | None", next(_decoded(container, stream), None))
        if frame is None:
            raise PrepareRefused("damaged", "no picture can be decoded")
        return jpeg(_in_shape(frame, _fitted(frame, stream, STILL_FITS, fps=1)))


def pictures(source: Input, facts: Facts) -> Iterator[I420]:
    """Yield the picture of each slot of the constant grid, as I420 in the output's size."""
    if facts.picture is None:
        return
    fps, number, shown = facts.picture.fps, 0, None
    with source.open() as container:
        stream = video_stream(container)
        if stream is None:
            return
        stream.codec_context.thread_count = DECODING_THREADS
        stream.thread_type = "AUTO"
        end_s = 0.0
        step_s = float(1 / stream.average_rate) if stream.average_rate else 1 / fps
        for frame in _decoded(container, stream):
            at_s = end_s if frame.time is None else frame.time - facts.starts_s
            latest = _in_shape(cast(VideoFrame, frame), facts.picture)
            shown = latest if shown is None else shown
            while number / fps < at_s - SLACK / fps:
                yield shown
                number += 1
            shown, end_s = latest, max(end_s, at_s + step_s)
        while shown is not None and number / fps < end_s - SLACK / fps:
            yield shown
            number += 1
    source.check_references()


def sound(source: Input, facts: Facts, progress: Progress) -> Iterator[NDArray[np.float32]]:
    """Yield the sound as (2, n) samples of 48 kHz, without a gap from the first instant of the file."""
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=AUDIO_RATE_HZ)
    count = 0
    with source.open() as container:
        stream = audio_stream(container)
        if stream is None:
            return
        for frame in _decoded(container, stream):
            audio = cast(AudioFrame, frame)
            if audio.time is not None:
                missing = round((audio.time - facts.starts_s) * AUDIO_RATE_HZ) - count
                if missing > AUDIO_RATE_HZ // 50 or (count == 0 and missing > 0):
                    yield np.zeros((2, missing), np.float32)
                    count += missing
            for part in resampler.resample(audio):
                samples = part.to_ndarray().astype(np.float32, copy=False)
                count += samples.shape[1]
                yield samples
            progress(count / AUDIO_RATE_HZ)
    source.check_references()


def jpeg(i420: I420) -> bytes:
    """Return a picture as JPEG."""
    height, width = i420.shape[0] * 2 // 3, i420.shape[1]
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.options = {"qmin": "3", "qmax": "5"}
    frame = stamp(VideoFrame.from_ndarray(i420, format="yuv420p").reformat(format="yuvj420p"), 0, 25)
    encoder.time_base = Fraction(1, 25)
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def _picture(container: InputContainer, stream: VideoStream) -> Picture:
    """Return the output's size and rate: upright, square pixels, even, never above the source."""
    first = next(_decoded(container, stream), None)
    if first is None:
        raise PrepareRefused("damaged", "no picture can be decoded")
    return _fitted(cast(VideoFrame, first), stream, FILM_FITS, _fps(stream))


def _fitted(frame: VideoFrame, stream: VideoStream, fits: tuple[int, int], fps: int) -> Picture:
    aspect = float(stream.sample_aspect_ratio or 1)
    width, height = frame.width * min(aspect, 1), frame.height / max(aspect, 1)
    if _quarter_turns(frame) % 2:
        width, height = height, width
    scale = min(1, fits[0] / width, fits[1] / height)
    return Picture(_even(width * scale), _even(height * scale), fps)


def _check_pixels(stream: VideoStream, limits: Limits) -> None:
    if stream.width * stream.height > limits.most_pixels:
        raise PrepareRefused("too_large", f"{stream.width} × {stream.height}")


def _fps(stream: VideoStream) -> int:
    rate = float(stream.average_rate or 25)
    while rate > FASTEST_FPS + 0.5:
        rate /= 2
    return max(1, round(rate))


def _even(length: float) -> int:
    """Return the nearest even number, the lower of two, at least 16."""
    return max(16, 2 * round(length / 2 - 1e-6))


def _quarter_turns(frame: VideoFrame) -> int:
    """Return by how many quarter turns against the clock the display matrix wants the picture turned."""
    return round(frame.rotation / 90) % 4


def _in_shape(frame: VideoFrame, picture: Picture) -> I420:
    turns = _quarter_turns(frame)
    width, height = (picture.height, picture.width) if turns % 2 else (picture.width, picture.height)
    small = frame.reformat(width=width, height=height, format="yuv420p", interpolation="BICUBIC")
    flat: I420 = small.to_ndarray().astype(np.uint8, copy=False)
    if not turns:
        return flat
    planes = (flat[:height], *flat[height:].reshape(2, height // 2, width // 2))
    turned = [np.rot90(plane, turns).reshape(-1) for plane in planes]
    return np.concatenate(turned).reshape(picture.height * 3 // 2, picture.width)


def _decoded(container: InputContainer, stream: Stream) -> Iterator[AudioFrame | VideoFrame]:
    """Yield what can be decoded; a broken packet is left out, a broken container is the end."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            return
        if packet is None:
            return
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        yield from cast("list[AudioFrame | VideoFrame]", frames)


def _has_decoder(stream: Stream) -> bool:
    return getattr(stream, "codec_context", None) is not None
