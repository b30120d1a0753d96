"""What a browser saw and heard as figures: position error, and the skew between picture and sound.

A browser on a busy machine decodes late. Of the delays that it adds itself it tells one soundly, for each
picture: `processingDuration`, from the encoded picture's way into the decoder to the decoded one (WICG,
HTMLVideoElement.requestVideoFrameCallback). It is taken off the position, and off the wait for a first
picture. All else stays in: what a jitter buffer adds may be an answer to packets that came badly timed, and
to keep picture and sound together is the very promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.flows.browsers import Tab

SCRIPT = (Path(__file__).parent / "reading.js").read_text()


@dataclass(frozen=True)
class Reading:
    """Strips read as (epoch ms, strip ms, ms of decoding), and the epoch ms at which ticks began."""

    frames: tuple[tuple[float, float, float], ...]
    ticks: tuple[float, ...]
    misread: int
    size: tuple[int, int]

    def position_error_ms(self, started_at: datetime) -> float:
        """Return the median of how far behind (+) or ahead (−) of the session's clock the picture was."""
        start_ms = started_at.timestamp() * 1000
        return median(at - decoding - start_ms - strip for at, strip, decoding in self.frames)

    def skew_ms(self) -> float:
        """Return the median of how much later (+) the picture was shown than the sound that belongs to it."""
        late_picture = median(at - strip for at, strip, _ in self.frames)
        late_sound = median(at - 1000 * round((at - late_picture) / 1000) for at in self.ticks)
        return late_picture - late_sound


def read(tab: Tab, seconds: float) -> Reading:
    """Watch and listen for `seconds`."""
    answer: dict[str, Any] = tab.run_async(SCRIPT, seconds, timeout_s=seconds + 30)
    return Reading(
        tuple((at, strip, decoding) for at, strip, decoding in answer["frames"]),
        tuple(answer["ticks"]),
        answer["misread"],
        (answer["size"][0], answer["size"][1]),
    )
