"""Fragments of descriptions: candidates and restarts, from whoever writes them (RFC 8840)."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from media.fragment import Bundle, read_fragment, write_fragment
from media.negotiation import Candidate, NegotiationRefused
from media.offer import Limits, Purpose, read_offer
from tests.media.offering import NAMES, local, offer
from tests.media.test_negotiation_fuzz import MUTANTS, mutate

PWD = "0123456789012345678901"
TRICKLED = (
    f"a=ice-ufrag:EsAw\r\na=ice-pwd:{PWD}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw\r\n"
    "a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw\r\n"
    "a=end-of-candidates\r\n"
)


def test_credentials_stand_before_the_first_section_or_in_it() -> None:
    for text in (TRICKLED, f"m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:{PWD}\r\n"):
        fragment = read_fragment(text)
        assert (fragment.ice_ufrag, fragment.ice_pwd) == ("EsAw", PWD)
    assert PWD not in repr(read_fragment(TRICKLED))


def test_a_fragment_may_hold_candidates_alone() -> None:
    for text in ("", "a=end-of-candidates\r\n", "m=audio 9 RTP/AVP 0\na=mid:0\na=candidate:1\n"):
        assert read_fragment(text).ice_ufrag is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a=ice-ufrag:EsAw", "ice_invalid"),
        (f"a=ice-pwd:{PWD}", "ice_invalid"),
        (f"a=ice-ufrag:E\r\na=ice-pwd:{PWD}", "ice_invalid"),
        ("a=ice-ufrag:EsAw\r\na=ice-pwd:short", "ice_invalid"),
        ("a=candidate:1\r\n" * 257, "too_many_candidates"),
        ("a=x\r\n" * 600, "sdp_too_many_lines"),
        ("a=" + "x" * 40_000, "sdp_too_large"),
        ("m=audio", "sdp_malformed"),
        ("a=ice-ufrag:Es\x00w", "sdp_malformed"),
    ],
)
def test_what_is_not_one_is_refused(text: str, code: str) -> None:
    with pytest.raises(NegotiationRefused, match=code):
        read_fragment(text)


def test_mutants_of_a_fragment_are_read_or_refused() -> None:
    source = random.Random("mutants of a fragment")
    read = refused = 0
    for _ in range(MUTANTS * 10):
        try:
            read_fragment(mutate(TRICKLED, source))
            read += 1
        except NegotiationRefused:
            refused += 1
    assert read > MUTANTS
    assert refused > MUTANTS


def test_ours_names_the_bundle_and_everywhere_we_are() -> None:
    read = read_offer(offer("chromium-viewer"), Limits(), Purpose.WATCH)
    here = local(candidates=(Candidate("192.0.2.1", 7000), Candidate("2001:db8::1", 7000)))
    text = write_fragment(Bundle.of(read), here)
    assert text.split("\r\n")[:3] == ["a=ice-lite", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0"]
    assert text.count("a=candidate:") == 2
    assert (read_fragment(text + "\r\n").ice_ufrag, here.ice_ufrag) == ("0123", "0123")


@pytest.mark.parametrize("name", NAMES)
def test_what_an_offer_is_made_for_decides_what_it_asks(name: str) -> None:
    """WHEP only receives, WHIP only sends, whatever else their offers hold."""
    wanted = {purpose: _roles(name, purpose) for purpose in Purpose}
    in_a_room = wanted[Purpose.ROOM]
    assert wanted[Purpose.PUBLISH] in (in_a_room & {"PUBLISH"}, set())
    assert wanted[Purpose.WATCH] <= {"SLOT"}
    assert "SLOT" not in in_a_room or wanted[Purpose.WATCH] == {"SLOT"}
    assert set().union(*wanted.values())


def _roles(name: str, purpose: Purpose) -> set[str]:
    limits = Limits(slots_audio=8, slots_video=8)  # those of a room, and what a browser could send besides
    with suppress(NegotiationRefused):
        sections = read_offer(offer(name), limits, purpose).sections
        return {section.role.name for section in sections} - {"IDLE", "REFUSED"}
    return set()
