"""Reads a film as a viewer's software would: decoding what was sent, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from playback import timecode

DECODERS = {"h264": "h264", "vp8": "vp8"}


def frames_of(file: Path) -> list[VideoFrame]:
    with av.open(str(file)) as container:
        return list(container.decode(video=0))


def times_of(frames: Iterable[VideoFrame], size: tuple[int, int] | None = None) -> list[int | None]:
    """Return the time each picture tells, in milliseconds, seen at `size`."""
    width, height = size or (None, None)
    grays = (frame.reformat(width, height, format="gray").to_ndarray() for frame in frames)
    return [timecode.read(gray.astype(np.uint8, copy=False)) for gray in grays]


def decode_video(codec: str, packets: Iterable[bytes]) -> list[VideoFrame]:
    """Decode bare access units, as they come out of RTP packets."""
    decoder = cast(VideoCodecContext, av.CodecContext.create(DECODERS[codec], "r"))
    decoded: list[VideoFrame] = []
    for data in (*packets, None):
        packet = None if data is None else av.Packet(data)
        decoded += [frame for frame in decoder.decode(packet) if isinstance(frame, VideoFrame)]
    return decoded


def decode_opus(packets: Iterable[bytes]) -> NDArray[np.float32]:
    """Decode bare Opus packets to mono samples of 48 kHz, with the decoder's own delay left in."""
    decoder = av.CodecContext.create("libopus", "r")
    parts = []
    for data in packets:
        for frame in decoder.decode(av.Packet(data)):
            if isinstance(frame, AudioFrame):
                parts.append(frame)
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=48_000)
    mono = [part.to_ndarray()[0] for frame in parts for part in resampler.resample(frame)]
    return np.concatenate(mono).astype(np.float32, copy=False)
