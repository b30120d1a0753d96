"""Small media files of every awkward kind, made on the spot."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

RATE_HZ = 48_000
QUARTER_TURN = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
UPRIGHT = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


@dataclass(frozen=True, slots=True)
class Film:
    """What to make; no `codec` means no picture, no `tone_hz` no sound."""

    seconds: float = 1.0
    size: tuple[int, int] = (320, 180)
    fps: Fraction = Fraction(25)
    codec: str | None = "mpeg4"
    sound: str = "aac"
    tone_hz: float | None = 440.0
    tone_peak: float = 0.05


def write(path: Path, film: Film, container: str | None = None) -> Path:
    """Write `film`: its top left quarter is light, the rest grey, so that turning it shows."""
    with av.open(str(path), "w", format=container) as output:
        video = _video_stream(output, film)
        audio = _audio_stream(output, film)
        if video is not None:
            for number in range(round(film.seconds * film.fps)):
                frame = _picture(film.size).reformat(*film.size, format=video.pix_fmt)
                frame.pts, frame.time_base = number, 1 / film.fps
                output.mux(video.encode(frame))
            output.mux(video.encode(None))
        if audio is not None:
            for part in _tone(film):
                output.mux(audio.encode(part))
            output.mux(audio.encode(None))
    return path


def write_still(path: Path, codec: str, pixels: str, size: tuple[int, int]) -> Path:
    """Write the first picture of a film as a still."""
    encoder = av.CodecContext.create(codec, "w")
    if not isinstance(encoder, VideoCodecContext):
        raise TypeError(codec)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = *size, pixels, Fraction(1, 25)
    frame = _picture(size).reformat(*size, format=pixels)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    path.write_bytes(b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None))))
    return path


def quarter_turned(source: Path, target: Path) -> Path:
    """Copy an MP4 with a display matrix that turns it by 90 degrees (ISO 14496-12, 8.3.2)."""
    content = source.read_bytes()
    upright = struct.pack(">9i", *UPRIGHT)
    at = content.index(upright, content.index(b"tkhd"))
    turned = struct.pack(">9i", *QUARTER_TURN)
    target.write_bytes(content[:at] + turned + content[at + len(upright) :])
    return target


def pointing_elsewhere(source: Path, target: Path, elsewhere: Path) -> Path:
    """Copy a QuickTime file so that its samples are said to lie in another file (an alias `dref`)."""
    content = source.read_bytes()
    name = str(elsewhere).encode()
    alias = _alias(name)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    old = struct.pack(">I4sI", 12, b"url ", 1)
    at = content.index(old)
    content = content[:at] + entry + content[at + len(old) :]
    grown = len(entry) - len(old)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = content.index(box) - 4
        size = struct.unpack_from(">I", content, place)[0] + grown
        content = content[:place] + struct.pack(">I", size) + content[place + 4 :]
    target.write_bytes(content)
    return target


def _alias(name: bytes) -> bytes:
    """Return an alias record: volume V, file F, one level up and down, and the path under two tags."""
    fixed = bytearray(150)
    fixed[10] = 1
    fixed[11:12] = b"V"
    fixed[50] = 1
    fixed[51:52] = b"F"
    struct.pack_into(">HH", fixed, 130, 1, 1)
    tags = struct.pack(">HH", 2, len(name)) + name + (b"\0" if len(name) % 2 else b"")
    tags += struct.pack(">HH", 18, len(name)) + name + (b"\0" if len(name) % 2 else b"")
    tags += struct.pack(">HH", 0xFFFF, 0)
    return bytes(fixed) + tags


def _picture(size: tuple[int, int]) -> VideoFrame:
    width, height = size[0] // 2 * 2, size[1] // 2 * 2
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    picture[:height] = 60
    picture[: height // 2, : width // 2] = 200
    return VideoFrame.from_ndarray(picture, format="yuv420p")


def _video_stream(output: av.container.OutputContainer, film: Film) -> VideoStream | None:
    if film.codec is None:
        return None
    stream = output.add_stream(film.codec, rate=film.fps)
    if not isinstance(stream, VideoStream):
        raise TypeError(film.codec)
    stream.width, stream.height = film.size
    stream.pix_fmt = "yuvj420p" if film.codec == "mjpeg" else "yuv420p"
    stream.bit_rate = 500_000
    return stream


def _audio_stream(output: av.container.OutputContainer, film: Film) -> AudioStream | None:
    if film.tone_hz is None:
        return None
    stream = output.add_stream(film.sound, rate=RATE_HZ)
    if not isinstance(stream, AudioStream):
        raise TypeError(film.sound)
    stream.layout = "stereo"
    stream.bit_rate = 128_000
    return stream


def _tone(film: Film) -> list[AudioFrame]:
    time_s = np.arange(round(film.seconds * RATE_HZ)) / RATE_HZ
    wave = (film.tone_peak * np.sin(2 * np.pi * (film.tone_hz or 0) * time_s)).astype(np.float32)
    frames = []
    for start in range(0, len(wave), 1152):
        part = np.stack([wave[start : start + 1152]] * 2)
        frame = AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
        frames.append(frame)
    return frames
