"""VP9 and AV1 of an offer: which are answered, with which parameters, and what describes them."""

from __future__ import annotations

import pytest

from media.codecs import ALLOW_MIXED, DEPENDENCY_DESCRIPTOR
from media.negotiation import SlotParams
from tests.media.offering import negotiate, offer, sections

CHROMIUM, FIREFOX = "chromium-host-simulcast", "firefox-host-simulcast"
VIEWER = "chromium-viewer"


def slot(text: str) -> SlotParams:
    return next(one for one in negotiate(text).slots if one.kind == "video")


def fmtp(text: str) -> dict[str, str]:
    return {codec.name: codec.fmtp for codec in slot(text).codecs}


@pytest.mark.parametrize("name", [VIEWER, FIREFOX])
def test_the_first_profile_is_answered_which_every_decoder_has(name: str) -> None:
    """ROOM-3"""
    parameters = fmtp(offer(name))
    assert parameters["vp9"] == "profile-id=0"
    assert parameters["av1"] == "level-idx=5;profile=0;tier=0"


def test_other_profiles_alone_are_passed_over() -> None:
    text = offer(VIEWER).replace("profile-id=0", "profile-id=2").replace("profile=0", "profile=1")
    assert set(fmtp(text)) == {"vp8", "h264"}


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ("level-idx=13;profile=0;tier=1", "level-idx=13;profile=0;tier=1"),
        ("level-idx=99;profile=0;tier=x", "level-idx=5;profile=0;tier=0"),
        ("profile=0", "level-idx=5;profile=0;tier=0"),
    ],
)
def test_the_level_of_av1_is_the_offers(offered: str, answered: str) -> None:
    text = offer(VIEWER).replace("level-idx=5;profile=0;tier=0", offered)
    assert fmtp(text)["av1"] == answered


@pytest.mark.parametrize("name", [CHROMIUM, FIREFOX])
def test_descriptors_are_answered_to_who_sends_them_with_headers_of_both_kinds(name: str) -> None:
    negotiated = negotiate(offer(name))
    camera = negotiated.publishes[1]
    assert DEPENDENCY_DESCRIPTOR in camera.extensions
    answered = next(one for one in sections(negotiated.answer_sdp) if one.mid() == camera.mid)
    assert answered.has(ALLOW_MIXED)
    assert not sections(negotiated.answer_sdp)[0].has(ALLOW_MIXED)


def test_descriptors_are_not_answered_where_headers_may_not_be_mixed() -> None:
    text = offer(CHROMIUM).replace(f"a={ALLOW_MIXED}\r\n", "")
    assert all(DEPENDENCY_DESCRIPTOR not in one.extensions for one in negotiate(text).publishes)


def test_what_a_peer_decodes_is_what_each_of_its_slots_does() -> None:
    text = offer(VIEWER)
    assert negotiate(text).decodes == {"vp8", "vp9", "av1"}
    assert negotiate(offer("aiortc-viewer")).decodes == {"vp8"}
    head, tail = text[: text.rindex("m=video")], text[text.rindex("m=video") :]
    assert negotiate(head + tail.replace("AV1", "AV2")).decodes == {"vp8", "vp9"}


def test_who_shows_nothing_keeps_nobody_from_anything() -> None:
    text = offer("chromium-host").replace("a=recvonly", "a=inactive")
    assert negotiate(text).decodes == {"vp8", "vp9", "av1"}


def test_a_viewer_who_offers_descriptors_gets_them() -> None:
    video = f"a=extmap:13 {DEPENDENCY_DESCRIPTOR}\r\na=rtpmap:96 VP8/90000\r\n"
    text = offer(VIEWER).replace("a=rtpmap:96 VP8/90000\r\n", video)
    assert slot(text).extensions[DEPENDENCY_DESCRIPTOR] == 13
    assert DEPENDENCY_DESCRIPTOR not in slot(offer(VIEWER)).extensions


def sound(text: str) -> list[tuple[str, tuple[str, ...], int | None]]:
    """Of each audio section of the answer: its direction, its formats, and the redundant one of them."""
    negotiated = negotiate(text)
    told = {one.mid: one.codecs[0].red_pt for one in negotiated.slots}
    told |= {one.mid: one.codecs[0].red_pt for one in negotiated.publishes}
    audio = (one for one in sections(negotiated.answer_sdp) if one.media and one.media.kind == "audio")
    return [(str(one.direction()), one.media.formats, told[one.mid() or ""]) for one in audio if one.media]


@pytest.mark.parametrize("name", ["chromium-host", "safari-host"])
def test_redundant_sound_comes_first_for_who_sends_and_is_taken_by_who_listens(name: str) -> None:
    """A browser sends redundant sound when it stands before the plain one, and takes what was answered."""
    *slots, published = sound(offer(name))
    assert slots == [("sendonly", ("111", "63"), 63)] * 4
    assert published == ("recvonly", ("63", "111"), 63)
    answered = sections(negotiate(offer(name)).answer_sdp)[0]
    assert (answered.rtpmaps()[63].name, answered.fmtp(63)) == ("red", {"111/111": ""})


@pytest.mark.parametrize("name", ["firefox-host", "aiortc-host"])
def test_who_offers_no_redundant_sound_is_answered_plain_sound(name: str) -> None:
    assert all(len(formats) == 1 and red is None for _, formats, red in sound(offer(name)))


@pytest.mark.parametrize("blocks", ["111/9", "9/9", "63/63", "0-15", ""])
def test_redundant_sound_with_blocks_of_anything_but_opus_is_passed_over(blocks: str) -> None:
    text = offer("chromium-host").replace("a=fmtp:63 111/111", f"a=fmtp:63 {blocks}")
    assert all(formats == ("111",) and red is None for _, formats, red in sound(text))


def test_how_often_sound_is_repeated_is_the_senders_choice() -> None:
    text = offer("chromium-host").replace("a=fmtp:63 111/111", "a=fmtp:63 111/111/111")
    assert sound(text)[0] == ("sendonly", ("111", "63"), 63)
