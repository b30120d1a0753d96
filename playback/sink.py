"""What the player needs of whoever sends its frames: a few lines, so that a test can be one."""

from __future__ import annotations

from typing import Protocol


class FrameSink(Protocol):
    """Takes encoded frames ahead of time and sends each at its instant.

    Invariant: frames of one codec arrive in order of `at_ns`.
    """

    def write(self, codec: str, data: bytes, at_ns: int, keyframe: bool) -> None:
        """Queue one frame: `codec` opus, h264 (Annex B access unit) or vp8; `at_ns` on CLOCK_MONOTONIC."""

    def hold(self, until_ns: int) -> None:
        """Drop what is due from `until_ns` on, and keep what late joiners need to see the last picture.

        The frame written next is the one after the last before `until_ns`, which lies ahead of the present.
        """

    def flush(self) -> None:
        """Drop what is queued and what is kept for late joiners."""
