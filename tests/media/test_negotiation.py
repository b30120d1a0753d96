"""Answers to real clients' offers."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from media.codecs import (
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    DEPENDENCY_DESCRIPTOR,
    MID,
    REPAIRED_STREAM_ID,
    STREAM_ID,
    TRANSPORT_SEQUENCE,
    is_constrained_baseline,
)
from media.negotiation import (
    Candidate,
    Kind,
    Limits,
    LocalDescription,
    Publishing,
    answer,
    read_offer,
)
from media.sdp import Direction, TextLimits, parse
from tests.media.offering import FINGERPRINT, NAMES, local, negotiate, offer, sections

HOSTS = [name for name in NAMES if "-host" in name]


# ---- what every client gets


@pytest.mark.parametrize("name", NAMES)
def test_every_offered_m_line_is_answered_in_its_place(name: str) -> None:
    """ROOM-3"""
    offered, answered = sections(offer(name)), sections(negotiate(offer(name)).answer_sdp)
    assert [(s.media.kind, s.media.proto, s.mid()) for s in offered if s.media] == [
        (s.media.kind, s.media.proto, s.mid()) for s in answered if s.media
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_ice_lite_passive_muxed_and_one_bundle(name: str) -> None:
    description = parse(negotiate(offer(name)).answer_sdp, TextLimits())
    assert description.session.has("ice-lite")
    accepted = [section for section in description.media if section.media and section.media.port]
    assert description.bundle() == tuple(section.mid() for section in accepted)
    for section in accepted:
        assert section.value("setup") == "passive"
        assert section.has("rtcp-mux")
        assert section.value("ice-ufrag") == "0123"
        assert section.value("fingerprint") == f"sha-256 {FINGERPRINT}"


@pytest.mark.parametrize("name", NAMES)
def test_four_slots_of_each_kind_are_numbered_in_the_order_of_the_offer(name: str) -> None:
    slots = negotiate(offer(name)).slots
    for kind in Kind:
        mine = [slot for slot in slots if slot.kind is kind]
        assert [slot.index for slot in mine] == [0, 1, 2, 3]
        assert [slot.mid for slot in mine] == sorted((slot.mid for slot in mine), key=int)


@pytest.mark.parametrize("name", NAMES)
def test_audio_and_video_of_a_slot_share_one_stream_and_sources_are_fixed(name: str) -> None:
    negotiated = negotiate(offer(name))
    by_mid = {section.mid(): section for section in sections(negotiated.answer_sdp)}
    streams: dict[int, set[str]] = {}
    for slot in negotiated.slots:
        section = by_mid[slot.mid]
        assert section.direction() is Direction.SENDONLY
        streams.setdefault(slot.index, set()).add((section.value("msid") or "").split()[0])
        expected = (slot.ssrc,) if slot.rtx_ssrc is None else (slot.ssrc, slot.rtx_ssrc)
        assert section.ssrcs() == expected
        assert section.repair_pairs() == (() if slot.rtx_ssrc is None else (expected,))
    assert sorted(streams) == [0, 1, 2, 3]
    assert len({stream for shared in streams.values() for stream in shared}) == 4


@pytest.mark.parametrize("name", NAMES)
def test_all_sources_differ_from_each_other_and_from_the_offers(name: str) -> None:
    negotiated = negotiate(offer(name))
    ours = [ssrc for slot in negotiated.slots for ssrc in (slot.ssrc, slot.rtx_ssrc) if ssrc is not None]
    theirs = {ssrc for section in sections(offer(name)) for ssrc in section.ssrcs()}
    assert len(set(ours)) == len(ours) == 12
    assert not theirs & set(ours)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_names_nothing_that_was_not_offered(name: str) -> None:
    offered, answered = sections(offer(name)), sections(negotiate(offer(name)).answer_sdp)
    for asked, given in zip(offered, answered, strict=True):
        assert given.media
        assert asked.media
        assert set(given.media.formats) <= set(asked.media.formats)
        maps = asked.rtpmaps()
        assert all(maps[pt] == mapped for pt, mapped in given.rtpmaps().items())
        assert all(given.feedback(pt) <= asked.feedback(pt) for pt in given.rtpmaps())
        ids = {(one.id, one.uri) for one in asked.extmaps()}
        assert {(one.id, one.uri) for one in given.extmaps()} <= ids
        assert given.has("rtcp-rsize") <= asked.has("rtcp-rsize")


@pytest.mark.parametrize("name", NAMES)
def test_video_slots_have_what_is_offered_of_what_is_passed_on_vp8_first_with_retransmission(
    name: str,
) -> None:
    expected = {
        "aiortc": ["vp8", "h264"],
        "chromium": ["vp8", "h264", "vp9", "av1"],
        "firefox": ["vp8", "vp9", "av1"],
        "safari": ["vp8", "h264", "vp9"],
    }[name.partition("-")[0]]
    for slot in negotiate(offer(name)).slots:
        names = [codec.name for codec in slot.codecs]
        assert names == (["opus"] if slot.kind is Kind.AUDIO else expected)
        assert all(codec.rtx_pt is not None for codec in slot.codecs if slot.kind is Kind.VIDEO)


@pytest.mark.parametrize("name", NAMES)
def test_only_feedback_that_the_core_acts_on_is_answered(name: str) -> None:
    text = negotiate(offer(name)).answer_sdp
    layers = {STREAM_ID, REPAIRED_STREAM_ID, DEPENDENCY_DESCRIPTOR}
    extensions = {MID, ABS_SEND_TIME, AUDIO_LEVEL, TRANSPORT_SEQUENCE} | layers
    feedback = {"nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"}
    assert set(re.findall(r"a=rtcp-fb:\d+ (.*)\r", text)) <= feedback
    assert set(re.findall(r"a=extmap:\S+ (.*)\r", text)) <= extensions


@pytest.mark.parametrize("name", ["chromium-host-simulcast", "firefox-host"])
def test_video_is_numbered_across_the_transport_both_ways(name: str) -> None:
    negotiated = negotiate(offer(name))
    published, video = negotiated.publishes[1], [one for one in negotiated.slots if one.kind is Kind.VIDEO]
    assert video
    for extensions in (published.extensions, *(slot.extensions for slot in video)):
        assert TRANSPORT_SEQUENCE in extensions
    for codec in (*published.codecs, *(codec for slot in video for codec in slot.codecs)):
        assert "transport-cc" in codec.feedback
    numbers = {slot.extensions.get(TRANSPORT_SEQUENCE) for slot in negotiated.slots} - {None}
    assert len(numbers) == 1, "one extension of the whole transport"


@pytest.mark.parametrize("name", ["chromium-host-simulcast", "firefox-host"])
def test_a_viewer_who_does_not_offer_to_tell_of_packets_gets_none_numbered(name: str) -> None:
    text = "\r\n".join(line for line in offer(name).splitlines() if "transport-cc" not in line) + "\r\n"
    negotiated = negotiate(text)
    for slot in negotiated.slots:
        assert TRANSPORT_SEQUENCE not in slot.extensions
        assert "transport-cc" not in slot.codecs[0].feedback


@pytest.mark.parametrize("name", NAMES)
def test_the_core_is_told_the_same_in_json(name: str) -> None:
    negotiated = negotiate(offer(name))
    told = json.loads(json.dumps(negotiated.to_core()))
    assert told["local"] == {"ufrag": "0123", "pwd": "anIcePasswordOf24Letters"}
    assert [algorithm for algorithm, _ in told["remote"]["fingerprints"]] == ["sha-256"]
    assert [(s["kind"], s["index"], s["mid"], s["ssrc"], s["rtx_ssrc"]) for s in told["slots"]] == [
        (s.kind, s.index, s.mid, s.ssrc, s.rtx_ssrc) for s in negotiated.slots
    ]
    video = next(slot for slot in told["slots"] if slot["kind"] == "video")
    assert video["codecs"][0]["name"] == "vp8"
    assert video["codecs"][0]["nack"] is video["codecs"][0]["pli"] is True
    assert video["codecs"][0]["rtx_pt"] is not None
    assert MID in video["extensions"]


# ---- publishing


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_publishes_opus_and_vp8_before_all_in_the_layers_that_it_offers(name: str) -> None:
    negotiated = negotiate(offer(name))
    others = {"aiortc": [], "safari": ["vp9"]}.get(name.partition("-")[0], ["vp9", "av1"])
    assert [(one.kind, [codec.name for codec in one.codecs]) for one in negotiated.publishes] == [
        (Kind.AUDIO, ["opus"]),
        (Kind.VIDEO, ["vp8", *others]),
    ]
    for one in negotiated.publishes:
        section = next(s for s in sections(negotiated.answer_sdp) if s.mid() == one.mid)
        assert section.direction() is Direction.RECVONLY
        layers = "q;h;f" if name.endswith("simulcast") and one.kind is Kind.VIDEO else None
        assert section.value("simulcast") == (layers and f"recv {layers}")
        assert not section.has("ssrc")
        assert "useinbandfec=1" in negotiated.answer_sdp


@pytest.mark.parametrize("name", HOSTS)
def test_who_may_not_publish_is_answered_inactive_and_still_gets_slots(name: str) -> None:
    negotiated = negotiate(offer(name), Publishing.DENIED)
    assert negotiated.publishes == ()
    assert len(negotiated.slots) == 8
    assert [section.direction() for section in sections(negotiated.answer_sdp)[8:]] == [
        Direction.INACTIVE
    ] * 2
    assert negotiated.to_core()["publishes"] == []


def test_signalled_sources_reach_the_core_with_retransmissions_last() -> None:
    video = negotiate(offer("safari-host")).publishes[1]
    assert video.ssrcs == (1732318619, 614184459)


def test_a_section_without_direction_follows_the_session_else_sends_both_ways() -> None:
    text = offer("firefox-viewer").replace("a=recvonly\r\n", "", 1)
    assert negotiate(text).publishes[0].kind is Kind.AUDIO
    assert negotiate(text.replace("a=sendrecv\r\n", "a=recvonly\r\n", 1)).publishes == ()


# ---- m-lines that are refused


@pytest.mark.parametrize("name", ["chromium-viewer-data", "firefox-viewer-data"])
def test_a_data_channel_is_refused_with_port_zero_outside_the_bundle(name: str) -> None:
    description = parse(negotiate(offer(name)).answer_sdp, TextLimits())
    refused = description.media[-1]
    assert refused.media
    assert (refused.media.kind, refused.media.port) == ("application", 0)
    assert refused.mid() not in description.bundle()
    assert not refused.has("ice-ufrag")


def test_an_m_line_of_an_unknown_kind_or_transport_is_refused_alone() -> None:
    text = offer("chromium-viewer").replace("m=audio 9 UDP/TLS/RTP/SAVPF", "m=audio 9 RTP/AVP", 1)
    text = text.replace("m=video 9", "m=text 9", 1)
    negotiated = negotiate(text)
    ports = [section.media.port for section in sections(negotiated.answer_sdp) if section.media]
    assert ports == [0, 0] + [7000] * 6
    assert [slot.index for slot in negotiated.slots] == [0, 0, 1, 1, 2, 2]


def test_a_disabled_m_line_stays_disabled_and_a_bundle_only_one_is_accepted() -> None:
    text = offer("firefox-viewer")
    assert len(negotiate(text).slots) == 8
    without = text.replace("a=bundle-only\r\n", "", 1)
    assert len(negotiate(without).slots) == 7


def test_an_inactive_m_line_is_answered_inactive() -> None:
    text = offer("chromium-viewer").replace("a=recvonly", "a=inactive", 1)
    negotiated = negotiate(text)
    assert sections(negotiated.answer_sdp)[0].direction() is Direction.INACTIVE
    assert len(negotiated.slots) == 7


# ---- codecs and extensions


def test_h264_is_the_constrained_baseline_in_packetization_mode_one() -> None:
    slot = negotiate(offer("safari-viewer")).slots[1]
    h264 = slot.codecs[1]
    assert (h264.pt, h264.rtx_pt) == (98, 99)
    assert "profile-level-id=42e01f" in h264.fmtp
    assert "packetization-mode=1" in h264.fmtp


@pytest.mark.parametrize("profile", ["42e01f", "42C01E", "42e034", "4d801f", "58c01f"])
def test_these_profiles_are_constrained_baseline(profile: str) -> None:
    assert is_constrained_baseline(profile)


@pytest.mark.parametrize("profile", ["42001f", "4d001f", "640c1f", "f4001f", "", "42e0", "42e01f0", "zze01f"])
def test_these_profiles_are_not(profile: str) -> None:
    assert not is_constrained_baseline(profile)


def test_stereo_is_answered_as_offered() -> None:
    assert "stereo=1" in negotiate(offer("firefox-viewer")).slots[0].codecs[0].fmtp
    assert "stereo" not in negotiate(offer("chromium-viewer")).slots[0].codecs[0].fmtp


def test_without_retransmission_offered_no_second_source_is_given() -> None:
    text = re.sub(r"a=rtpmap:\d+ rtx/90000\r\n", "", offer("chromium-viewer"))
    negotiated = negotiate(text)
    assert {slot.rtx_ssrc for slot in negotiated.slots} == {None}
    assert "FID" not in negotiated.answer_sdp


def test_extensions_of_the_wrong_direction_or_a_used_id_are_left_out() -> None:
    line = f"a=extmap:4 {MID}\r\n"
    text = offer("chromium-viewer")
    assert line in text
    assert MID not in negotiate(text.replace(line, f"a=extmap:4/sendonly {MID}\r\n")).slots[0].extensions
    assert MID not in negotiate(text.replace(line, f"a=extmap:15 {MID}\r\n")).slots[0].extensions
    assert MID not in negotiate(text.replace(line, f"a=extmap:1 {MID}\r\n")).slots[0].extensions
    kept = negotiate(text.replace(line, f"a=extmap:4/recvonly {MID}\r\na=extmap:5 {MID}\r\n"))
    assert kept.slots[0].extensions[MID] == 4
    assert f"a=extmap:4/sendonly {MID}\r\n" in kept.answer_sdp


# ---- our side


def test_candidates_stand_in_every_section_with_the_first_preferred_and_end() -> None:
    mine = local(candidates=(Candidate("192.0.2.7", 7000), Candidate("2001:db8::7", 7000)))
    text = answer(read_offer(offer("chromium-viewer"), Limits()), mine, Publishing.DENIED).answer_sdp
    candidates = re.findall(r"a=candidate:(.*)\r", text)
    assert (
        candidates
        == [
            "1 1 udp 2130706431 192.0.2.7 7000 typ host ufrag 0123",
            "2 1 udp 2130706175 2001:db8::7 7000 typ host ufrag 0123",
        ]
        * 8
    )
    assert text.count("a=end-of-candidates") == 8
    assert "c=IN IP4 192.0.2.7" in text


def test_connections_are_taken_after_every_address_of_udp() -> None:
    """RFC 6544 section 4.5"""
    addresses = (Candidate("192.0.2.7", 7000), Candidate("2001:db8::7", 7000))
    mine = replace(local(candidates=addresses), tcp_candidates=addresses)
    text = answer(read_offer(offer("chromium-viewer"), Limits()), mine, Publishing.DENIED).answer_sdp
    candidates = [line.split() for line in re.findall(r"a=candidate:(.*)\r", text)][:4]
    assert [line[0] for line in candidates] == ["1", "2", "3", "4"], "each has a foundation of its own"
    assert [line[2] for line in candidates] == ["udp", "udp", "tcp", "tcp"]
    assert [" ".join(line[4:]) for line in candidates[2:]] == [
        "192.0.2.7 7000 typ host tcptype passive ufrag 0123",
        "2001:db8::7 7000 typ host tcptype passive ufrag 0123",
    ]
    priorities = [int(line[3]) for line in candidates]
    assert sorted(set(priorities), reverse=True) == priorities
    assert all(priority < 2**31 for priority in priorities)


def test_a_random_source_that_repeats_or_collides_is_asked_again() -> None:
    numbers = iter([0, 1557912193, 8, 8, *range(10, 40)])
    mine = LocalDescription("0123", "p" * 24, FINGERPRINT, (), 1, lambda: next(numbers))
    slots = answer(read_offer(offer("safari-host"), Limits()), mine, Publishing.ALLOWED).slots
    assert (slots[0].ssrc, slots[1].ssrc, slots[1].rtx_ssrc) == (8, 10, 11)


async def test_aiortc_takes_the_answer_with_all_slots() -> None:
    """ROOM-3"""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    for _ in range(4):
        peer.addTransceiver("audio", "recvonly")
        peer.addTransceiver("video", "recvonly")
    try:
        await peer.setLocalDescription(await peer.createOffer())
        negotiated = negotiate(peer.localDescription.sdp, Publishing.DENIED)
        await peer.setRemoteDescription(RTCSessionDescription(negotiated.answer_sdp, "answer"))
        assert peer.signalingState == "stable"
        assert [one.currentDirection for one in peer.getTransceivers()] == ["recvonly"] * 8
        found = peer.getTransceivers()[0].receiver.transport.transport.getRemoteCandidates()
        assert [(one.ip, one.port) for one in found] == [("127.0.0.1", 7000)]
    finally:
        await peer.close()
