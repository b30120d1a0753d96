"""Offers for the negotiation tests: those of real clients, and what our side answers with."""

from __future__ import annotations

import random
from pathlib import Path

from media.negotiation import Candidate, Limits, LocalDescription, Negotiated, Publishing, answer, read_offer
from media.sdp import Section, TextLimits, parse

OFFERS = Path(__file__).parent / "offers"
NAMES = sorted(path.stem for path in OFFERS.glob("*.sdp"))
FINGERPRINT = ":".join(f"{byte:02X}" for byte in range(32))


def offer(name: str) -> str:
    """The offer as its client wrote it, CRLF kept."""
    return (OFFERS / f"{name}.sdp").read_bytes().decode()


def local(
    seed: int = 1, candidates: tuple[Candidate, ...] = (Candidate("127.0.0.1", 7000),)
) -> LocalDescription:
    source = random.Random(seed)
    return LocalDescription(
        ice_ufrag="0123",
        ice_pwd="anIcePasswordOf24Letters",
        fingerprint=FINGERPRINT,
        candidates=candidates,
        session_id=4711,
        next_ssrc=lambda: source.getrandbits(32),
    )


def negotiate(sdp: str, publishing: Publishing = Publishing.ALLOWED) -> Negotiated:
    return answer(read_offer(sdp, Limits()), local(), publishing)


def sections(sdp: str) -> tuple[Section, ...]:
    return parse(sdp, TextLimits()).media
