"""Fragments of a session description: candidates that trickle in, credentials of a restart (RFC 8840).

    a=ice-ufrag, a=ice-pwd     before the first m-line or in one: all is bundled
    m=audio 9 … a=mid:0        the m-line that stands for the bundle
    a=candidate, a=end-of-candidates

An ICE-lite server checks no candidates of its own accord, so those of the peer are read and left.

Invariant: on any text only `NegotiationRefused` comes out of `read_fragment`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from media.negotiation import LocalDescription, Offer, candidate_lines
from media.offer import PWD, UFRAG
from media.sdp import NegotiationRefused, TextLimits, parse

MOST_CANDIDATES: Final = 256
_LIMITS: Final = TextLimits(max_bytes=32_768, max_lines=500)


@dataclass(frozen=True, slots=True)
class Fragment:
    """The credentials that a fragment names, None for none."""

    ice_ufrag: str | None
    ice_pwd: str | None = field(repr=False)


def read_fragment(text: str) -> Fragment:
    """Return what the fragment says.

    Raise `NegotiationRefused` with a code of `media.sdp.parse`, `ice_invalid` or `too_many_candidates`.
    """
    description = parse(f"v=0\r\n{text}", _LIMITS)
    sections = (description.session, *description.media)
    if sum(section.count("candidate") for section in sections) > MOST_CANDIDATES:
        raise NegotiationRefused("too_many_candidates", f"more than {MOST_CANDIDATES} in a fragment")
    ufrag, pwd = (
        next((section.value(name) for section in sections if section.has(name)), None)
        for name in ("ice-ufrag", "ice-pwd")
    )
    if (ufrag is not None and not UFRAG.fullmatch(ufrag)) or (pwd is not None and not PWD.fullmatch(pwd)):
        raise NegotiationRefused("ice_invalid", "ICE credentials are not as RFC 8839 section 5.4 says")
    if (ufrag is None) is not (pwd is None):
        raise NegotiationRefused("ice_invalid", "one of the two ICE credentials is missing")
    return Fragment(ufrag, pwd)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The m-line of an offer that stands for the bundle, in fragments about it."""

    kind: str
    mid: str

    @classmethod
    def of(cls, offer: Offer) -> Bundle:
        first = next(section for section in offer.sections if section.kind is not None)
        return cls(first.media.kind, first.mid)


def write_fragment(bundle: Bundle, local: LocalDescription) -> str:
    """Return our new credentials and all our candidates."""
    lines = [
        "a=ice-lite",
        f"m={bundle.kind} 9 UDP/TLS/RTP/SAVPF 0",
        f"a=mid:{bundle.mid}",
        f"a=ice-ufrag:{local.ice_ufrag}",
        f"a=ice-pwd:{local.ice_pwd}",
        *candidate_lines(local),
    ]
    return "\r\n".join(lines) + "\r\n"
