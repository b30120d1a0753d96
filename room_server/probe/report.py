"""What a probe saw, as its JSON tells it."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """Times in milliseconds.

    `joined_ms`: from the start to the first snapshot.  `first_frame_ms`: from the later of joined and the
    session's start to the first decoded picture.  `lost`: packets that did not come the first time.
    `position_error_ms`: how far the film was behind (+) or ahead (−) of the session's clock; None where it
    cannot be told, or the server reported a pause.  `av_skew_ms`: how much later (+) the picture is than its
    sound.  `closed`: `seat_moved`, `removed`, `session_over`, `session_cancelled` or None.
    `started`: whether the session was, which the JSON does not tell.
    """

    joined_ms: int
    first_frame_ms: int | None
    video_frames: int
    audio_frames: int
    lost: int
    freezes: int
    position_error_ms: float | None
    av_skew_ms: float | None
    closed: str | None
    started: bool = True

    @property
    def media_flowed(self) -> bool:
        return self.video_frames + self.audio_frames > 0

    def as_json(self) -> dict[str, int | float | str | None]:
        return {name: value for name, value in asdict(self).items() if name != "started"}
