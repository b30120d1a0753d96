"""Offers that are refused: every limit with its code."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from media.negotiation import Limits, NegotiationRefused, read_offer
from tests.media.offering import FINGERPRINT, offer


def refusal(sdp: str, limits: Limits | None = None) -> str:
    with pytest.raises(NegotiationRefused) as refused:
        read_offer(sdp, limits or Limits())
    return refused.value.code


def without(name: str, pattern: str) -> str:
    text, times = re.subn(pattern, "", offer(name))
    assert times
    return text


def swap(name: str, old: str, new: str) -> str:
    assert old in offer(name)
    return offer(name).replace(old, new)


REFUSALS: list[tuple[str, Callable[[], str]]] = [
    ("no_media", lambda: "v=0\r\ns=-\r\n"),
    ("no_media", lambda: "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n"),
    ("bundle_required", lambda: without("chromium-viewer", r"a=group:BUNDLE.*\r\n")),
    ("bundle_required", lambda: swap("chromium-viewer", "BUNDLE 0 1", "BUNDLE 0")),
    ("bundle_required", lambda: without("chromium-viewer", r"a=mid:3\r\n")),
    ("mid_invalid", lambda: swap("chromium-viewer", "a=mid:3", "a=mid:2")),
    ("mid_invalid", lambda: swap("chromium-viewer", "a=mid:3", "a=mid:" + "3" * 17)),
    ("rtcp_mux_required", lambda: without("chromium-viewer", r"a=rtcp-mux\r\n")),
    ("codec_missing", lambda: swap("chromium-viewer", "opus/48000/2", "opus/48000")),
    ("codec_missing", lambda: swap("chromium-viewer", "VP8/90000", "VP8/8000")),
    ("ice_invalid", lambda: without("firefox-viewer", r"a=ice-ufrag:.*\r\n")),
    ("ice_invalid", lambda: without("firefox-viewer", r"a=ice-pwd:.*\r\n")),
    ("ice_invalid", lambda: swap("safari-viewer", "a=ice-ufrag:0123", "a=ice-ufrag:012")),
    ("ice_invalid", lambda: swap("safari-viewer", "a=ice-ufrag:0123", "a=ice-ufrag:01 3")),
    ("ice_invalid", lambda: swap("safari-viewer", "a=ice-ufrag:0123", "a=ice-ufrag:" + "0" * 257)),
    ("ice_lite_unsupported", lambda: swap("safari-viewer", "t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n")),
    ("fingerprint_missing", lambda: without("firefox-viewer", r"a=fingerprint:.*\r\n")),
    ("fingerprint_missing", lambda: swap("firefox-viewer", "a=fingerprint:sha-256", "a=fingerprint:sha-1")),
    ("setup_unsupported", lambda: swap("firefox-viewer", "a=setup:actpass", "a=setup:passive")),
    ("setup_unsupported", lambda: without("firefox-viewer", r"a=setup:actpass\r\n")),
]


@pytest.mark.parametrize(("code", "make"), REFUSALS)
def test_an_offer_that_cannot_be_answered_is_refused_with_its_code(
    code: str, make: Callable[[], str]
) -> None:
    assert refusal(make()) == code


def test_slots_beyond_the_limit_are_refused() -> None:
    assert refusal(offer("chromium-viewer"), Limits(slots_audio=3)) == "too_many_slots"
    assert refusal(offer("chromium-viewer"), Limits(slots_video=3)) == "too_many_slots"


def test_published_sections_beyond_the_limit_are_refused() -> None:
    assert refusal(offer("chromium-host"), Limits(publishes=1)) == "too_many_publishes"


def test_candidates_beyond_the_limit_are_refused() -> None:
    text = offer("firefox-viewer-gathered")
    count = text.count("a=candidate:")
    read_offer(text, Limits(candidates=count))
    assert refusal(text, Limits(candidates=count - 1)) == "too_many_candidates"
    many = text + "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n" * 300
    assert refusal(many) == "too_many_candidates"


def test_fingerprints_beyond_the_limit_are_refused() -> None:
    line = f"a=fingerprint:sha-256 {FINGERPRINT}\r\n"
    assert refusal(offer("aiortc-viewer") + line * 64) == "too_many_fingerprints"


def test_sources_beyond_the_limit_are_refused() -> None:
    lines = "".join(f"a=ssrc:{ssrc} cname:x\r\n" for ssrc in range(1, 300))
    assert refusal(offer("aiortc-viewer") + lines) == "too_many_ssrcs"


def test_extensions_beyond_the_limit_are_refused() -> None:
    lines = "".join(f"a=extmap:{one} urn:x:{one}\r\n" for one in range(40))
    assert refusal(offer("aiortc-viewer") + lines) == "too_many_extensions"


def test_bytes_and_m_lines_beyond_the_limit_are_refused() -> None:
    assert refusal(offer("chromium-viewer") + "a=x:y\r\n" * 7_000) == "sdp_too_large"
    section = "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"
    read_offer(offer("chromium-viewer") + section * 16, Limits())
    assert refusal(offer("chromium-viewer") + section * 17) == "sdp_too_many_sections"


def test_a_refusal_speaks_to_the_client_author() -> None:
    with pytest.raises(NegotiationRefused) as refused:
        read_offer(without("chromium-viewer", r"a=rtcp-mux\r\n"), Limits())
    assert "rtcp-mux" in refused.value.detail
    assert str(refused.value).startswith("rtcp_mux_required: ")


def test_a_payload_type_that_could_be_rtcp_is_not_taken() -> None:
    text = offer("chromium-viewer").replace("SAVPF 111 63", "SAVPF 72 63").replace(":111 ", ":72 ")
    assert refusal(text) == "codec_missing"
