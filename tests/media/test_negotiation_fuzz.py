"""Mutated offers of real clients: an answer or `NegotiationRefused`, nothing else, and never slowly."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable

import pytest

from media.negotiation import Limits, NegotiationRefused, Publishing, answer, read_offer
from media.sdp import TextLimits, parse
from tests.fuzz.guided import unpacked
from tests.media.offering import NAMES, local, offer

MUTANTS = 300
PIECES = (
    "", " ", ":", "=", "/", ";", "\r", "\n", "\x00", "\ud800", "é", "٣", "-1", "0", "65536", "9" * 20,
    "a=", "m=", "a=mid:0", "a=group:BUNDLE", "a=fmtp:96 apt=97", "a=rtpmap:97 rtx/90000",
    "a=ssrc-group:FID 1 1", "a=extmap:1/sideways urn:x", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "recvonly",
    "profile-level-id=", "a=simulcast:send q;h;f", "a=rid:q send", "~", ",",
)  # fmt: skip


def mutate(text: str, source: random.Random) -> str:
    for _ in range(source.randint(1, 6)):
        text = source.choice(_MUTATIONS)(text, source)
    return text


def _replace_characters(text: str, source: random.Random) -> str:
    at = source.randrange(len(text) + 1)
    return text[:at] + source.choice(PIECES) + text[at + source.randrange(8) :]


def _shuffle_lines(text: str, source: random.Random) -> str:
    lines = text.split("\r\n")
    first = source.randrange(len(lines))
    part = lines[first : first + source.randrange(2, 30)]
    source.shuffle(part)
    lines[first : first + len(part)] = part
    return "\r\n".join(lines)


def _drop_or_repeat_a_line(text: str, source: random.Random) -> str:
    lines = text.split("\r\n")
    at = source.randrange(len(lines))
    lines[at : at + 1] = [lines[at]] * source.choice([0, 2, 3, 40])
    return "\r\n".join(lines)


def _cross_two_lines(text: str, source: random.Random) -> str:
    lines = text.split("\r\n")
    one, other = source.randrange(len(lines)), source.choice(lines)
    lines[one] = (
        lines[one][: source.randrange(len(lines[one]) + 1)] + other[source.randrange(len(other) + 1) :]
    )
    return "\r\n".join(lines)


def _cut(text: str, source: random.Random) -> str:
    return text[: source.randrange(len(text) + 1)]


_MUTATIONS: list[Callable[[str, random.Random], str]] = [
    _replace_characters,
    _replace_characters,
    _shuffle_lines,
    _drop_or_repeat_a_line,
    _cross_two_lines,
    _cut,
]


@pytest.mark.parametrize("name", NAMES)
def test_mutants_of_an_offer_are_answered_or_refused(name: str) -> None:
    source, text = random.Random(f"mutants of {name}"), offer(name)
    answered = refused = 0
    for _ in range(MUTANTS):
        mutant = mutate(text, source)
        try:
            negotiated = answer(read_offer(mutant, Limits()), local(), Publishing.ALLOWED)
        except NegotiationRefused:
            refused += 1
            continue
        answered += 1
        described = parse(negotiated.answer_sdp, TextLimits())
        assert len(described.media) == sum(
            line.startswith("m=") for line in mutant.replace("\r\n", "\n").split("\n")
        )
        negotiated.to_core()
    assert answered > MUTANTS // 20
    assert refused > MUTANTS // 20


def test_what_fuzzing_has_found_so_far_is_answered_or_refused() -> None:
    """The corpus that `make fuzz` keeps."""
    kept = unpacked("sdp")
    assert kept
    for data in kept:
        with contextlib.suppress(NegotiationRefused):
            text = data.decode("utf-8", "surrogateescape")
            answer(read_offer(text, Limits()), local(), Publishing.ALLOWED).to_core()


@pytest.mark.parametrize(
    ("begins", "goes_on"), [("a=extmap:", "1"), ("a=rtpmap:", "9"), ("a=fmtp:96 ", ";"), ("a=mid:", "-")]
)
def test_a_large_hostile_offer_costs_in_proportion_to_its_size(begins: str, goes_on: str) -> None:
    def seconds(long: int, many: int) -> float:
        text = offer("aiortc-viewer") + f"{begins}{goes_on * long}\r\n" * many
        return min(_seconds_to_read(text) for _ in range(5))

    whole = seconds(long=2_000, many=25)
    assert whole < 3 * seconds(long=1_000, many=25)
    assert whole < 3 * seconds(long=2_000, many=12)
    assert whole < 1


def _seconds_to_read(text: str) -> float:
    begun = time.process_time()
    with contextlib.suppress(NegotiationRefused):
        answer(read_offer(text, Limits()), local(), Publishing.DENIED)
    return time.process_time() - begun
