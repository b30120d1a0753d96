"""Layers that an offer sends: what is answered, what is passed over, what is refused (RFC 8851, 8853)."""

from __future__ import annotations

import pytest

from media import codecs
from media.negotiation import Limits, NegotiationRefused, Publishing, read_offer
from tests.media.offering import negotiate, offer, sections

CHROMIUM, FIREFOX = "chromium-host-simulcast", "firefox-host-simulcast"
SENT = {CHROMIUM: "a=simulcast:send q;h;f", FIREFOX: "a=simulcast:send q;h;f"}


def layers(text: str) -> tuple[str, ...]:
    return negotiate(text).publishes[1].rids


def offering(simulcast: str, *rids: str) -> str:
    """Chromium's offer with another simulcast line, and these stream ids."""
    text = offer(CHROMIUM)
    for rid in ("q", "h", "f"):
        text = text.replace(f"a=rid:{rid} send\r\n", "")
    lines = [f"a=rid:{rid}" for rid in rids] + [simulcast]
    return text.replace(SENT[CHROMIUM], "\r\n".join(lines))


@pytest.mark.parametrize("name", [CHROMIUM, FIREFOX])
def test_three_layers_are_answered_as_they_are_offered(name: str) -> None:
    """ROOM-3"""
    negotiated = negotiate(offer(name))
    video = negotiated.publishes[1]
    assert video.rids == ("q", "h", "f")
    assert {codecs.MID, codecs.STREAM_ID, codecs.REPAIRED_STREAM_ID} <= set(video.extensions)
    section = next(one for one in sections(negotiated.answer_sdp) if one.mid() == video.mid)
    assert section.values("rid") == ("q recv", "h recv", "f recv")
    assert section.values("simulcast") == ("recv q;h;f",)
    assert negotiated.to_core()["publishes"][1]["rids"] == ["q", "h", "f"]


def test_who_may_not_publish_is_answered_without_layers() -> None:
    answer = negotiate(offer(CHROMIUM), Publishing.DENIED).answer_sdp
    assert "simulcast" not in answer
    assert "a=rid" not in answer


def test_a_stream_id_that_is_repeated_counts_once() -> None:
    text = offer(FIREFOX).replace("a=rid:q send\r\n", "a=rid:q send\r\na=rid:q send\r\n")
    assert layers(text) == ("q", "h", "f")


@pytest.mark.parametrize(
    ("line", "rids", "taken"),
    [
        ("a=simulcast:send a;b", ("a send", "b send"), ("a", "b")),
        ("a=simulcast:recv c send a;b", ("a send", "b send", "c recv"), ("a", "b")),
        ("a=simulcast:send a;b recv c", ("a send", "b send", "c recv"), ("a", "b")),
        ("a=simulcast:send ~a;b,c", ("a send", "b send", "c send"), ("a", "b")),
        ("a=simulcast:send a;x,c", ("a send", "c send pt=96;max-width=640"), ("a", "c")),
        ("a=simulcast:send a;b;x", ("a send", "b send"), ("a", "b")),
        ("a=simulcast:send a;b", ("a send", "b recv"), ()),
        ("a=simulcast:send a", ("a send",), ()),
        ("a=simulcast:recv a;b", ("a recv", "b recv"), ()),
    ],
)
def test_what_is_named_is_taken_and_what_is_not_is_passed_over(
    line: str, rids: tuple[str, ...], taken: tuple[str, ...]
) -> None:
    assert layers(offering(line, *rids)) == taken


def test_without_the_extension_that_names_layers_there_are_none() -> None:
    text = offer(CHROMIUM).replace(f" {codecs.STREAM_ID}\r\n", " urn:x\r\n")
    assert layers(text) == ()


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("too_many_layers", "a=simulcast:send a;b;c;d"),
        ("simulcast_invalid", "a=simulcast:send a;a"),
        ("simulcast_invalid", "a=simulcast:send a;b,a"),
        ("simulcast_invalid", "a=simulcast:send a;;b"),
        ("simulcast_invalid", "a=simulcast:send a;b!"),
        ("simulcast_invalid", "a=simulcast:send a;" + "b" * 17),
        ("simulcast_invalid", "a=simulcast:send"),
        ("simulcast_invalid", "a=simulcast:send a send b"),
        ("simulcast_invalid", "a=simulcast:sideways a;b"),
        ("simulcast_invalid", "a=simulcast:send a;b\r\na=simulcast:send a;b"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused_with_its_code(code: str, line: str) -> None:
    text = offering(line, *(f"{rid} send" for rid in "abcd"))
    with pytest.raises(NegotiationRefused) as refused:
        read_offer(text, Limits())
    assert refused.value.code == code
