"""A broadcasting program of another make: FFmpeg's WHIP muxer, as PyAV brings it, in a process of its own.

    python -m tests.whip.broadcast URL TOKEN CERTIFICATE KEY

Publishes a light picture in H.264 and silence in Opus until its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import AsyncIterator
from fractions import Fraction

import av
import numpy as np

from tests.kit.certificates import Files

LIGHT = 200
FRAMES_PER_S = 30
RATE_HZ = 48_000
OPUS_SAMPLES = 960


@contextlib.asynccontextmanager
async def broadcasting(url: str, token: str, files: Files) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the program, with a certificate of ours: left alone it makes one of a curve that WebRTC has not."""
    command = [sys.executable, "-m", __name__, url, token, str(files.certificate), str(files.key)]
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def publish(url: str, token: str, certificate: str, key: str, ended: threading.Event) -> None:
    """Publish until `ended`."""
    options = {
        "authorization": token,
        "whip_flags": "dtls_active",  # the server is passive
        "cert_file": certificate,
        "key_file": key,
    }
    with av.open(url, "w", format="whip", options=options) as out:
        encoding = {"profile": "baseline", "preset": "ultrafast", "tune": "zerolatency", "bf": "0", "g": "30"}
        video = out.add_stream("libx264", rate=FRAMES_PER_S, options=encoding)
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        audio = out.add_stream("libopus", rate=RATE_HZ, layout="stereo")
        began, samples = time.monotonic(), 0
        for number in range(sys.maxsize):
            if ended.wait(max(0, began + number / FRAMES_PER_S - time.monotonic())):
                return
            out.mux(video.encode(_picture(number)))
            while samples < number * RATE_HZ // FRAMES_PER_S:
                out.mux(audio.encode(_silence(samples)))
                samples += OPUS_SAMPLES


def _picture(number: int) -> av.VideoFrame:
    frame = av.VideoFrame(320, 240, "yuv420p")
    for plane, value in zip(frame.planes, (LIGHT, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_S)
    return frame


def _silence(at: int) -> av.AudioFrame:
    packed = np.zeros((1, OPUS_SAMPLES * 2), dtype=np.int16)
    frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
    return frame


def main() -> None:
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    url, token, certificate, key = sys.argv[1:]
    publish(url, token, certificate, key, ended)


if __name__ == "__main__":
    main()
