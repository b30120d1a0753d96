"""A film that tells its own time: a strip of squares in the picture, a tick in the sound.

Whoever decodes the film can say where it stands and whether picture and sound are together, without
trusting any clock of the server's.

The strip: 36 squares in one row, at the bottom edge, centred.  With W × H the size of the picture:

    square k (0 ≤ k < 36):  left = W × (22 + k) / 80    width  = W / 80
                            top  = H × 44 / 45          height = H / 45

    k = 0 1     light, dark                     the first reference
    k = 2…25    24 bits of milliseconds         most significant first, light = 1
    k = 26…33   8 bits of CRC                   polynomial 0x07, start 0xFF, over the 3 bytes of milliseconds
    k = 34 35   dark, light                     the second reference

To read: average the luma of the middle half (both ways) of each square.  `light` and `dark` are the means
of the two light and of the two dark references.  Refuse the picture unless light − dark ≥ 20 (of 255), each
square lies within 0.3 × (light − dark) of one of the two, and the CRC fits.  In a browser: `drawImage` the
video into a canvas, `getImageData` of the bottom 45th, luma = 0.299 R + 0.587 G + 0.114 B.

The tick: a soft sweep from 8 to 10 kHz that begins at each whole second of the same time scale, lasts 32 ms
with raised-cosine flanks of 3 ms, peak 0.02 of full scale.  The demo's own sound ends below it.  To hear it
in a browser: two `BiquadFilterNode`s in a row (band-pass, 9 kHz, Q 4) before an `AnalyserNode` read with
`getFloatTimeDomainData`.  In any stretch of a second and a half, a tick began 2.5 ms before the mean square
of 1 ms first exceeds a quarter of the stretch's largest: flank and filters take that long.

Invariant: a misread is None, never a wrong time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
Samples = NDArray[np.float32]

COLUMNS, ROWS = 80, 45
FIRST_COLUMN, SQUARES = 22, 36
TIME_BITS, CRC_BITS = 24, 8
LIGHT, DARK = 112, 48
LEAST_CONTRAST, TOLERANCE = 20.0, 0.3
LONGEST_MS = (1 << TIME_BITS) - 1

TICK_EVERY_MS = 1000
TICK_S, FLANK_S = 0.032, 0.003
TICK_FROM_HZ, TICK_TO_HZ, TICK_PEAK = 8_000.0, 10_000.0, 0.02
TICK_LIKENESS = 0.5


def draw(i420: Luma, position_ms: int) -> None:
    """Draw the strip for `position_ms` (0 … 2^24 − 1) into an I420 picture (H × 3 / 2, W), in place."""
    rows, width = i420.shape
    height = rows * 2 // 3
    luma, chroma = i420[:height], i420[height:].reshape(2, height // 2, width // 2)
    top, left, right = _top(height), _left(width, 0), _left(width, SQUARES)
    for square, bit in enumerate(_bits(position_ms)):
        luma[top:, _left(width, square) : _left(width, square + 1)] = LIGHT if bit else DARK
    chroma[:, top // 2 :, left // 2 : right // 2] = 128


def read(luma: Luma) -> int | None:
    """Return the milliseconds drawn into a picture's luma plane of shape (H, W), None when unsure."""
    height, width = luma.shape
    if height < ROWS or width < COLUMNS:
        return None
    levels = _levels(luma[_top(height) :], width)
    light = (levels[0] + levels[35]) / 2
    dark = (levels[1] + levels[34]) / 2
    contrast = light - dark
    if contrast < LEAST_CONTRAST:
        return None
    shares = (levels - dark) / contrast
    bits = shares > 0.5
    if np.max(np.abs(shares - bits)) > TOLERANCE:
        return None
    value = int("".join("1" if bit else "0" for bit in bits[2:34]), 2)
    position_ms, crc = value >> CRC_BITS, value & 0xFF
    return position_ms if crc == _crc(position_ms) else None


def tick(rate_hz: int) -> Samples:
    """Return one tick: mono samples of 32 ms."""
    time_s = np.arange(round(TICK_S * rate_hz)) / rate_hz
    return (TICK_PEAK * _flanks(time_s) * np.sin(_phase(time_s))).astype(np.float32)


def add_ticks(samples: Samples, from_ms: int, rate_hz: int) -> None:
    """Add a tick at each whole second to `samples` (channels, n), which begin at `from_ms`; in place."""
    sound = tick(rate_hz)
    count = samples.shape[1]
    first_ms = from_ms - (from_ms % TICK_EVERY_MS)
    last_ms = from_ms + count * 1000 // rate_hz
    for at_ms in range(first_ms, last_ms + 1, TICK_EVERY_MS):
        start = (at_ms - from_ms) * rate_hz // 1000
        begin, end = max(0, start), min(count, start + len(sound))
        if begin < end:
            samples[:, begin:end] += sound[begin - start : end - start]


def onsets(samples: Samples, rate_hz: int) -> list[float]:
    """Return where ticks begin in mono `samples`, in seconds from the first, within 3 ms.

    A matched filter against the sweep, scaled by the power of the band around it: 1 is a tick and nothing
    else.  Of two candidates closer than half a second the likelier stays.
    """
    time_s = np.arange(round(TICK_S * rate_hz)) / rate_hz
    if len(samples) < len(time_s):
        return []
    template = (_flanks(time_s) * np.exp(1j * _phase(time_s))).astype(np.complex64)
    band = _analytic_band(samples, rate_hz)
    matched = np.abs(_correlate(band, template))
    power = np.maximum(_correlate(np.abs(band) ** 2, np.ones_like(template)).real, 0.0)
    least = float(np.sum(np.abs(template) ** 2)) * (TICK_PEAK / 30) ** 2
    energy = float(np.sum(np.abs(template) ** 2))
    likeness = matched / np.sqrt(energy * np.maximum(power, least))
    return [index / rate_hz for index in _peaks(likeness, rate_hz // 2)]


def _top(height: int) -> int:
    return -(-height * (ROWS - 1) // ROWS)


def _left(width: int, square: int) -> int:
    return width * (FIRST_COLUMN + square) // COLUMNS


def _bits(position_ms: int) -> list[bool]:
    if not 0 <= position_ms <= LONGEST_MS:
        raise ValueError(f"position_ms out of range: {position_ms}")
    value = position_ms << CRC_BITS | _crc(position_ms)
    payload = [bool(value >> shift & 1) for shift in reversed(range(TIME_BITS + CRC_BITS))]
    return [True, False, *payload, False, True]


def _crc(position_ms: int) -> int:
    crc = 0xFF
    for byte in position_ms.to_bytes(3, "big"):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def _levels(band: Luma, width: int) -> NDArray[np.float64]:
    """Return the mean luma of the middle half of each square of the bottom `band`."""
    quarter = band.shape[0] // 4
    profile = band[quarter : band.shape[0] - quarter].mean(axis=0)
    step = width / COLUMNS
    starts = (FIRST_COLUMN + np.arange(SQUARES) + 0.25) * step
    firsts = np.floor(starts).astype(int)
    lasts = np.maximum(firsts + 1, np.ceil(starts + step / 2).astype(int))
    sums = np.concatenate(([0.0], np.cumsum(profile)))
    return np.asarray((sums[lasts] - sums[firsts]) / (lasts - firsts), dtype=np.float64)


def _phase(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    sweep_hz_per_s = (TICK_TO_HZ - TICK_FROM_HZ) / TICK_S
    return 2 * np.pi * (TICK_FROM_HZ * time_s + sweep_hz_per_s * time_s**2 / 2)


def _flanks(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    nearest_edge_s = np.minimum(time_s, TICK_S - time_s)
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(nearest_edge_s / FLANK_S, 0, 1))


def _analytic_band(samples: Samples, rate_hz: int) -> NDArray[np.complex64]:
    """Return the analytic signal of what lies between 7 and 11 kHz (in one FFT, no phase shift)."""
    size = 1 << (len(samples) + rate_hz // 10 - 1).bit_length()
    spectrum = np.fft.fft(samples, size)
    hz = np.fft.fftfreq(size, 1 / rate_hz)
    outside_hz = np.maximum(TICK_FROM_HZ - hz, hz - TICK_TO_HZ)
    spectrum *= 0.5 + 0.5 * np.cos(np.pi * np.clip(outside_hz / 1000, 0, 1))
    return (2 * np.fft.ifft(spectrum)[: len(samples)]).astype(np.complex64)


def _correlate(signal: NDArray[np.generic], template: NDArray[np.complex64]) -> NDArray[np.complex128]:
    """Return sum_i signal[n + i] · conj(template[i]) for each n, the end padded with silence."""
    size = 1 << (len(signal) + len(template) - 1).bit_length()
    product = np.fft.fft(signal, size) * np.conj(np.fft.fft(template, size))
    return np.asarray(np.fft.ifft(product)[: len(signal)])


def _peaks(likeness: NDArray[np.floating], apart: int) -> list[int]:
    peaks: list[int] = []
    candidates = np.flatnonzero(likeness > TICK_LIKENESS)
    for index in sorted(candidates, key=lambda at: -likeness[at]):
        if all(abs(index - peak) >= apart for peak in peaks):
            peaks.append(int(index))
    return sorted(peaks)
