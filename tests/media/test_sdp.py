"""Raw lines, typed access: what is read stays what was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.sdp import Direction, ExtMap, NegotiationRefused, RtpMap, TextLimits, number, parse
from tests.media.offering import NAMES, offer

SMALL = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
VIDEO = SMALL + "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"


def refusal(text: str, limits: TextLimits | None = None) -> str:
    with pytest.raises(NegotiationRefused) as refused:
        parse(text, limits or TextLimits())
    return refused.value.code


@pytest.mark.parametrize("name", NAMES)
def test_a_real_offer_keeps_every_line_as_it_came(name: str) -> None:
    text = offer(name)
    description = parse(text, TextLimits())
    lines = [*description.session.lines, *(line for section in description.media for line in section.lines)]
    assert "\r\n".join(lines) + "\r\n" == text


def test_line_feeds_alone_end_lines_too() -> None:
    assert parse(VIDEO.replace("\r\n", "\n"), TextLimits()) == parse(VIDEO, TextLimits())


def test_a_ufrag_of_digits_stays_text() -> None:
    section = parse(VIDEO + "a=ice-ufrag:0123\r\n", TextLimits()).media[0]
    assert section.value("ice-ufrag") == "0123"


def test_attributes_are_read_in_order_and_flags_count_as_empty() -> None:
    section = parse(VIDEO + "a=x:1\r\na=rtcp-mux\r\na=x:2\r\n", TextLimits()).media[0]
    assert section.values("x") == ("1", "2")
    assert section.value("rtcp-mux") == ""
    assert section.value("absent") is None


def test_the_direction_is_none_where_a_section_does_not_say() -> None:
    assert parse(VIDEO, TextLimits()).media[0].direction() is None
    assert parse(VIDEO + "a=recvonly\r\n", TextLimits()).media[0].direction() is Direction.RECVONLY


def test_codecs_parameters_and_feedback_are_typed() -> None:
    text = VIDEO + (
        "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:97 apt=96\r\n"
        "a=fmtp:111 MinPTime=10; useinbandfec=1\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:* ccm fir\r\n"
        "a=rtcp-fb:9 nack\r\n"
    )
    section = parse(text, TextLimits()).media[0]
    assert section.rtpmaps() == {
        96: RtpMap("vp8", 90_000, 1),
        97: RtpMap("rtx", 90_000, 1),
        111: RtpMap("opus", 48_000, 2),
    }
    assert section.fmtp(97) == {"apt": "96"}
    assert section.fmtp(111) == {"minptime": "10", "useinbandfec": "1"}
    assert section.fmtp(9) == {}
    assert section.feedback(96) == {"nack pli", "ccm fir"}


def test_extensions_keep_direction_and_duplicates() -> None:
    text = VIDEO + "a=extmap:2/recvonly urn:a\r\na=extmap:2 urn:b with words\r\na=extmap:x urn:c\r\n"
    assert parse(text, TextLimits()).media[0].extmaps() == (
        ExtMap(2, Direction.RECVONLY, "urn:a"),
        ExtMap(2, None, "urn:b"),
    )


def test_sources_that_repair_come_after_all_others() -> None:
    text = VIDEO + (
        "a=ssrc-group:FID 5 6\r\na=ssrc-group:FID 7\r\na=ssrc-group:SIM 5 9\r\n"
        "a=ssrc:6 cname:a\r\na=ssrc:5 cname:a\r\na=ssrc:5 msid:b c\r\na=ssrc:9 cname:a\r\n"
        "a=ssrc:0 cname:a\r\na=ssrc:4294967296 cname:a\r\na=ssrc:-3 cname:a\r\n"
    )
    section = parse(text, TextLimits()).media[0]
    assert section.ssrcs() == (5, 9, 6)
    assert section.repair_pairs() == ((5, 6),)


def test_the_first_bundle_group_counts() -> None:
    text = SMALL + "a=group:LS a b\r\na=group:BUNDLE 0 1\r\na=group:BUNDLE 2\r\n"
    assert parse(text, TextLimits()).bundle() == ("0", "1")
    assert parse(SMALL, TextLimits()).bundle() == ()


@pytest.mark.parametrize("mid", ["0", "audio", "a.b-c_d", "x" * 16])
def test_a_mid_is_a_token_of_sixteen_characters_at_most(mid: str) -> None:
    assert parse(VIDEO + f"a=mid:{mid}\r\n", TextLimits()).media[0].mid() == mid


@pytest.mark.parametrize("mid", ["", "x" * 17, "a b", "é", 'say"so"', "a,b", "a:b", "<b>", "(", "@"])
def test_another_mid_is_none(mid: str) -> None:
    assert parse(VIDEO + f"a=mid:{mid}\r\n", TextLimits()).media[0].mid() is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\r\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n",
        "v=1\r\n",
        SMALL + "m=audio\r\n",
        SMALL + "m=audio nine UDP/TLS/RTP/SAVPF 0\r\n",
        SMALL + "m=audio ٩ UDP/TLS/RTP/SAVPF 0\r\n",
        SMALL + "m=audio 9 UDP/TLS/RTP/SAVPF\r\n",
        SMALL + "m=AUDIO 9 UDP/TLS/RTP/SAVPF 0\r\n",
        SMALL + "a=x:\x00\r\n",
        SMALL + "a=x:\x1b[31m\r\n",
        SMALL + "a=x:\u2028a=y\r\n",
        SMALL + "a=x:one\rtwo\r\n",
        SMALL + "a=x:\ud800\r\n",
    ],
)
def test_what_is_no_description_is_refused(text: str) -> None:
    assert refusal(text) == "sdp_malformed"


def test_text_is_counted_in_bytes() -> None:
    limits = TextLimits(max_bytes=len(VIDEO) + 20)
    parse(VIDEO + "a=x:" + "e" * 14 + "\r\n", limits)
    assert refusal(VIDEO + "a=x:" + "e" * 15 + "\r\n", limits) == "sdp_too_large"
    assert refusal(VIDEO + "a=x:" + "é" * 8 + "\r\n", limits) == "sdp_too_large"


def test_lines_are_counted() -> None:
    limits = TextLimits(max_lines=10)
    parse(VIDEO + "a=x\r\n" * 5, limits)
    assert refusal(VIDEO + "a=x\r\n" * 6, limits) == "sdp_too_many_lines"


def test_the_length_of_a_line_is_bounded() -> None:
    limits = TextLimits(max_line_chars=50)
    parse(VIDEO + "a=" + "x" * 48 + "\r\n", limits)
    assert refusal(VIDEO + "a=" + "x" * 49 + "\r\n", limits) == "sdp_line_too_long"


def test_m_lines_are_counted() -> None:
    limits = TextLimits(max_sections=3)
    line = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
    assert len(parse(SMALL + line * 3, limits).media) == 3
    assert refusal(SMALL + line * 4, limits) == "sdp_too_many_sections"


def test_formats_of_an_m_line_are_counted() -> None:
    limits = TextLimits(max_formats=3)
    parse(SMALL + "m=audio 9 UDP/TLS/RTP/SAVPF 0 1 2\r\n", limits)
    assert refusal(SMALL + "m=audio 9 UDP/TLS/RTP/SAVPF 0 1 2 3\r\n", limits) == "sdp_too_many_formats"


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1_0", "٣", "1e3", "9" * 20, "256"])
def test_a_number_is_ascii_digits_within_bounds(text: str) -> None:
    assert number(text, top=255) is None
    assert number("255", top=255) == 255


@given(st.text(max_size=400))
def test_any_text_after_a_good_start_is_read_or_refused(tail: str) -> None:
    try:
        description = parse(VIDEO + tail, TextLimits())
    except NegotiationRefused:
        return
    for section in description.media:
        section.rtpmaps(), section.extmaps(), section.ssrcs(), section.mid(), section.direction()
        assert not any("\n" in line or "\r" in line for line in section.lines)
