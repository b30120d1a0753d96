"""The layers that an m-line offers to send: RTP stream ids (RFC 8851) and simulcast (RFC 8853).

    a=rid:q send                   one line a layer; Firefox has been seen to repeat one
    a=simulcast:send q;h,alt;~f    layers by `;`, alternatives of one by `,`, `~` begins paused

Of alternatives the first that has an `a=rid` line is taken.  A stream id without that line is passed over, as
RFC 8853 section 5.2 wants.  One layer alone is none: it is a plain stream with a name.
"""

from __future__ import annotations

import re
from typing import Final

from media.sdp import NegotiationRefused, Section

MAX_LAYERS: Final = 3
MAX_RID_CHARS: Final = 16
"""What a one-byte header extension carries (RFC 8285 section 4.2)."""


def layers(section: Section) -> tuple[str, ...]:
    """The stream ids of the layers that a section sends, in the offer's order, often none.

    Raise `NegotiationRefused` with `simulcast_invalid` or `too_many_layers`.
    """
    offered = _sent(section)
    if offered is None:
        return ()
    named = _rids(section)
    chosen: list[str] = []
    for alternatives in offered.split(";"):
        ids = [one.removeprefix("~") for one in alternatives.split(",")]
        if not all(_RID.fullmatch(rid) for rid in ids):
            raise NegotiationRefused(
                "simulcast_invalid", "a stream id that is not one of RFC 8851 section 10"
            )
        known = [rid for rid in ids if rid in named]
        if any(rid in chosen for rid in known):
            raise NegotiationRefused("simulcast_invalid", "a stream id in two layers")
        chosen += known[:1]
    if len(chosen) > MAX_LAYERS:
        raise NegotiationRefused("too_many_layers", f"more than {MAX_LAYERS} layers in a section")
    return tuple(chosen) if len(chosen) > 1 else ()


def _sent(section: Section) -> str | None:
    """What follows `send`.  Either direction may come first (RFC 8853 section 5.1)."""
    if section.count("simulcast") > 1:
        raise NegotiationRefused("simulcast_invalid", "two a=simulcast lines in a section")
    value = section.value("simulcast")
    if value is None:
        return None
    words = value.split()
    directions = dict(zip(words[::2], words[1::2], strict=False))
    if (
        len(words) not in (2, 4)
        or len(directions) * 2 != len(words)
        or not set(directions) <= {"send", "recv"}
    ):
        raise NegotiationRefused("simulcast_invalid", "an a=simulcast line that cannot be read")
    return directions.get("send")


def _rids(section: Section) -> frozenset[str]:
    """Stream ids with a line of their own that says they are sent."""
    matches = (_RID_LINE.match(value) for value in section.values("rid"))
    return frozenset(match[1] for match in matches if match)


_RID: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_RID_CHARS}}}")
_RID_LINE: Final = re.compile(rf"({_RID.pattern}) send(?: |$)")
