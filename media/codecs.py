"""Which payload types and header extensions of a section are answered: what the core carries, no more.

Audio is Opus, also with earlier packets once more (RED, RFC 2198).  Video is VP8, then VP9 and AV1 of profile
0, and towards viewers also H.264 constrained baseline in packetization mode 1; each with its retransmission
format (RFC 4588) where offered.  VP8 is the first: a browser sends what is answered first until it is told
that everybody can decode another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from functools import lru_cache
from typing import Final

from media.sdp import Direction, MediaLine, NegotiationRefused, RtpMap, Section, number

MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
ABS_SEND_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
AUDIO_LEVEL: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
TRANSPORT_SEQUENCE: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
STREAM_ID: Final = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_STREAM_ID: Final = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"

DEPENDENCY_DESCRIPTOR: Final = (
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)

ALLOW_MIXED: Final = "extmap-allow-mixed"
MAX_EXTENSIONS: Final = 32


class Kind(StrEnum):
    AUDIO = "audio"
    VIDEO = "video"


class Codec(StrEnum):
    """The name as the core knows it; `encoding` is its name in an rtpmap."""

    OPUS = "opus"
    VP8 = "vp8"
    H264 = "h264"
    VP9 = "vp9"
    AV1 = "av1"

    @property
    def encoding(self) -> str:
        return self.value if self is Codec.OPUS else self.value.upper()


PUBLISHED: Final = (Codec.VP8, Codec.VP9, Codec.AV1)
"""What browsers may send of video; they begin with the first."""


class Least(Enum):
    """What of video a section must offer at the least.

    ANY: broadcasting programs have no VP8, and are answered with what they have of H.264, VP9 and AV1.
    """

    VP8 = auto()
    ANY = auto()


@dataclass(frozen=True, slots=True)
class CodecParams:
    """One answered codec.  `feedback` as in a=rtcp-fb; `fmtp` is the answer's, empty for none.

    `red_pt` is its redundant form; a browser that finds it before `pt` in the answer sends that.
    """

    name: Codec
    pt: int
    rtx_pt: int | None
    clock_rate: int
    channels: int
    feedback: tuple[str, ...]
    fmtp: str
    red_pt: int | None = None


def answerable(
    section: Section, kind: Kind, ours: Direction, least: Least = Least.VP8
) -> tuple[CodecParams, ...]:
    """The codecs to answer, best first; `ours` is the direction of the answer.

    Raise `NegotiationRefused("codec_missing")` without Opus, or without the `least` of video.
    """
    return _answerable(
        kind,
        ours,
        least,
        section.media.formats if section.media else (),
        section.values("rtpmap"),
        section.values("fmtp"),
        section.values("rtcp-fb"),
    )


@lru_cache(maxsize=64)
def _answerable(
    kind: Kind,
    ours: Direction,
    least: Least,
    formats: tuple[str, ...],
    rtpmap: tuple[str, ...],
    fmtp: tuple[str, ...],
    feedback: tuple[str, ...],
) -> tuple[CodecParams, ...]:
    """Sections of one browser offer the same codecs, in every slot and every visit: choose once."""
    attributes = {"rtpmap": list(rtpmap), "fmtp": list(fmtp), "rtcp-fb": list(feedback)}
    section = Section((), MediaLine(kind, 9, "", formats), attributes)
    offered = _offered(section)
    if kind is Kind.AUDIO:
        return (_opus(section, offered),)
    vp8 = next(
        (pt for pt, codec in offered.items() if codec.name == "vp8" and codec.clock_rate == 90_000), None
    )
    if vp8 is None and least is Least.VP8:
        raise NegotiationRefused("codec_missing", "a video section without VP8")
    chosen = [] if vp8 is None else [_video(section, offered, Codec.VP8, vp8)]
    h264 = _h264(section, offered, is_constrained_baseline) if ours.sends or vp8 is None else None
    if h264 is None and vp8 is None:  # decoders take more than the profile that they promise
        h264 = _h264(section, offered, _is_profile)
    if h264 is not None:
        chosen.append(_video(section, offered, Codec.H264, h264))
    for codec, parameter in ((Codec.VP9, "profile-id"), (Codec.AV1, "profile")):
        if (pt := _first_profile(section, offered, codec, parameter)) is not None:
            chosen.append(_video(section, offered, codec, pt))
    if not chosen:
        raise NegotiationRefused("codec_missing", "a video section without VP8, H.264, VP9 or AV1")
    return tuple(chosen)


def extensions(
    section: Section, session: Section, kind: Kind, ours: Direction
) -> tuple[tuple[int, str | None, str], ...]:
    """The header extensions to answer: (id, answered direction or None, URI), each id and URI once.

    Only ids of one-byte headers (RFC 8285 section 4.2), and only those that the offer allows this way.
    Dependency descriptors are longer than such headers carry: they need an offer that mixes both (section 6).
    """
    wanted = {MID, ABS_SEND_TIME} | ({AUDIO_LEVEL} if kind is Kind.AUDIO else set())
    if kind is Kind.VIDEO and ours.receives and section.has("simulcast"):
        wanted |= {STREAM_ID, REPAIRED_STREAM_ID}
    if any("transport-cc" in value for value in section.values("rtcp-fb")):
        wanted.add(TRANSPORT_SEQUENCE)
    if kind is Kind.VIDEO and (section.has(ALLOW_MIXED) or session.has(ALLOW_MIXED)):
        wanted.add(DEPENDENCY_DESCRIPTOR)
    offered = section.extmaps()
    if len(offered) > MAX_EXTENSIONS:
        raise NegotiationRefused("too_many_extensions", f"more than {MAX_EXTENSIONS} in a section")
    ids: set[int] = set()
    answered: dict[str, tuple[int, str | None, str]] = {}
    for one in offered:
        allowed = one.direction is None or (one.direction.receives if ours.sends else one.direction.sends)
        if (
            one.uri not in wanted
            or one.uri in answered
            or one.id in ids
            or not 1 <= one.id <= 14
            or not allowed
        ):
            continue
        ids.add(one.id)
        answered[one.uri] = (one.id, None if one.direction is None else ours, one.uri)
    return tuple(answered.values())


def _offered(section: Section) -> dict[int, RtpMap]:
    """Codecs of the m-line in its order; none that could be taken for RTCP (RFC 5761 section 4)."""
    maps = section.rtpmaps()
    formats = section.media.formats if section.media else ()
    listed = (number(text, top=127) for text in formats)
    return {pt: maps[pt] for pt in listed if pt is not None and pt in maps and not 64 <= pt <= 95}


def _opus(section: Section, offered: Mapping[int, RtpMap]) -> CodecParams:
    wanted = RtpMap("opus", 48_000, 2)
    pt = next((pt for pt, codec in offered.items() if codec == wanted), None)
    if pt is None:
        raise NegotiationRefused("codec_missing", "an audio section without Opus")
    stereo = ";stereo=1;sprop-stereo=1" if section.fmtp(pt).get("stereo") == "1" else ""
    feedback = tuple(sorted(section.feedback(pt) & _AUDIO_FEEDBACK))
    return CodecParams(
        Codec.OPUS,
        pt,
        None,
        48_000,
        2,
        feedback,
        f"minptime=10;useinbandfec=1{stereo}",
        _redundant(section, offered, pt),
    )


def _redundant(section: Section, offered: Mapping[int, RtpMap], opus: int) -> int | None:
    """The payload type whose packets hold blocks of Opus and of nothing else (RFC 2198 section 5)."""
    wanted = RtpMap("red", 48_000, 2)
    fitting = (pt for pt, codec in offered.items() if codec == wanted)
    return next((pt for pt in fitting if set("/".join(section.fmtp(pt)).split("/")) == {str(opus)}), None)


def _video(section: Section, offered: Mapping[int, RtpMap], codec: Codec, pt: int) -> CodecParams:
    rtx = next(
        (
            candidate
            for candidate, mapped in offered.items()
            if mapped.name == "rtx" and section.fmtp(candidate).get("apt") == str(pt)
        ),
        None,
    )
    feedback = tuple(sorted(section.feedback(pt) & _VIDEO_FEEDBACK))
    fmtp = ""
    if codec is Codec.H264:
        level = section.fmtp(pt)["profile-level-id"].lower()
        fmtp = f"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={level}"
    elif codec is Codec.VP9:
        fmtp = "profile-id=0"
    elif codec is Codec.AV1:
        fmtp = _av1_level(section.fmtp(pt))
    return CodecParams(codec, pt, rtx, 90_000, 1, feedback, fmtp)


def _h264(section: Section, offered: Mapping[int, RtpMap], fits: Callable[[str], bool]) -> int | None:
    """The first in packetization mode 1 whose profile fits."""
    for pt, codec in offered.items():
        if codec.name == "h264" and codec.clock_rate == 90_000:
            parameters = section.fmtp(pt)
            if parameters.get("packetization-mode") == "1" and fits(parameters.get("profile-level-id", "")):
                return pt
    return None


def _first_profile(
    section: Section, offered: Mapping[int, RtpMap], codec: Codec, parameter: str
) -> int | None:
    """The payload type of profile 0, which every decoder has; it is meant where none is named."""
    fitting = (pt for pt, one in offered.items() if one.name == codec.value and one.clock_rate == 90_000)
    return next((pt for pt in fitting if section.fmtp(pt).get(parameter, "0") == "0"), None)


def _av1_level(offered: Mapping[str, str]) -> str:
    """The level and tier of the offer, or what is meant where none is named (AV1 format, section 7.2.1)."""
    level = number(offered.get("level-idx", "5"), top=31)
    tier = number(offered.get("tier", "0"), top=1)
    return f"level-idx={5 if level is None else level};profile=0;tier={tier or 0}"


def is_constrained_baseline(profile_level_id: str) -> bool:
    """Whether six hexadecimal digits name H.264's constrained baseline (RFC 6184 section 8.1, table 5)."""
    if not _is_profile(profile_level_id):
        return False
    profile, constraints = int(profile_level_id[:2], 16), int(profile_level_id[2:4], 16)
    return any(
        profile == of and constraints & mask == bits
        for of, mask, bits in ((0x42, 0x4F, 0x40), (0x4D, 0x8F, 0x80), (0x58, 0xCF, 0xC0))
    )


def _is_profile(profile_level_id: str) -> bool:
    return len(profile_level_id) == 6 and set(profile_level_id) <= _HEXADECIMAL


_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")
_AUDIO_FEEDBACK: Final = frozenset({"nack", "transport-cc"})
_VIDEO_FEEDBACK: Final = frozenset({"nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"})
