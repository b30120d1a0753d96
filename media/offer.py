"""Reading an offer: each m-line's role, what it can be answered with, and the peer's transport.

    recvonly                 SLOT       a receive slot: 0, 1, 2… of its kind in the order of the offer
    sendonly, sendrecv       PUBLISH    something the peer publishes; SLOT for sendrecv of one that watches
    inactive                 IDLE       answered inactive, as is what the offer's purpose has no use for
    port 0 without bundle-only, neither audio nor video, another transport    REFUSED    out of BUNDLE

Invariant: an `Offer` that exists can be answered: every limit held, every section that is not REFUSED is
bundled, muxed, and has a codec the core carries.  Hostile text gives `NegotiationRefused` and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from media import codecs, simulcast
from media.codecs import CodecParams, Kind, Least
from media.sdp import Description, Direction, MediaLine, NegotiationRefused, Section, TextLimits, parse


@dataclass(frozen=True, slots=True)
class Limits:
    """What one offer may hold: `slots_*` and `publishes` in m-lines, the others over the whole offer."""

    text: TextLimits = field(default_factory=TextLimits)
    slots_audio: int = 4
    slots_video: int = 4
    publishes: int = 4
    candidates: int = 256
    fingerprints: int = 64
    ssrcs: int = 256


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """How the peer proves itself: ICE credentials, SHA-256 fingerprints (RFC 8122), upper case."""

    ice_ufrag: str
    ice_pwd: str
    fingerprints: tuple[tuple[str, str], ...]


class Purpose(Enum):
    """What an offer is made for: the two ways of a room, or one of them alone (WHEP, WHIP)."""

    ROOM = auto()
    WATCH = auto()
    PUBLISH = auto()


class Role(Enum):
    """What an m-line asks for."""

    SLOT = auto()
    PUBLISH = auto()
    IDLE = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class OfferedSection:
    """One m-line as it will be answered; `extensions` are (id, answered direction or None, URI).

    `rids` name the layers that it sends, none for one without layers.
    """

    role: Role
    media: MediaLine
    mid: str
    kind: Kind | None = None
    codecs: tuple[CodecParams, ...] = ()
    extensions: tuple[tuple[int, str | None, str], ...] = ()
    ssrcs: tuple[int, ...] = ()
    rids: tuple[str, ...] = ()
    reduced_size_rtcp: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    transport: RemoteTransport
    sections: tuple[OfferedSection, ...]


def read_offer(sdp: str, limits: Limits, purpose: Purpose = Purpose.ROOM) -> Offer:
    """Return what the offer asks for.  Who only publishes may do so without VP8.

    Raise `NegotiationRefused` with a code of `media.sdp.parse`, or `no_media`, `bundle_required`,
    `mid_invalid`, `rtcp_mux_required`, `codec_missing`, `too_many_slots`, `too_many_publishes`,
    `too_many_candidates`, `too_many_extensions`, `too_many_fingerprints`, `too_many_ssrcs`, `ice_invalid`,
    `ice_lite_unsupported`, `fingerprint_missing`, `setup_unsupported`, `simulcast_invalid`,
    `too_many_layers`, `nothing_to_receive`, `nothing_to_send`.
    """
    description = parse(sdp, limits.text)
    _check_counts(description, limits)
    bundle = description.bundle()
    sections = tuple(_offered(section, description.session, bundle, purpose) for section in description.media)
    mids = [section.mid for section in sections if section.mid]
    if len(set(mids)) != len(mids):
        raise NegotiationRefused("mid_invalid", "two sections of one mid")
    _check_roles(sections, limits)
    _check_purpose(sections, purpose)
    by_mid = {offered.mid: raw for offered, raw in zip(sections, description.media, strict=True)}
    carriers = [by_mid[mid] for mid in bundle if mid in by_mid] or list(description.media)
    return Offer(_transport(carriers[0], description.session), sections)


def _check_counts(description: Description, limits: Limits) -> None:
    if not description.media:
        raise NegotiationRefused("no_media", "an offer without m-lines")
    everything = (description.session, *description.media)
    for name, code, most in (
        ("candidate", "too_many_candidates", limits.candidates),
        ("fingerprint", "too_many_fingerprints", limits.fingerprints),
    ):
        if sum(section.count(name) for section in everything) > most:
            raise NegotiationRefused(code, f"more than {most} in an offer")


def _offered(section: Section, session: Section, bundle: tuple[str, ...], purpose: Purpose) -> OfferedSection:
    media = section.media
    if media is None:
        raise NegotiationRefused("sdp_malformed", "a section without an m-line")
    mid = section.mid() or ""
    if section.has("mid") and not mid:
        raise NegotiationRefused("mid_invalid", "a mid that is not a token of 1 to 16 characters")
    disabled = media.port == 0 and not section.has("bundle-only")
    if disabled or media.kind not in _KINDS or media.proto not in _TRANSPORTS:
        return OfferedSection(Role.REFUSED, media, mid)
    if not mid or mid not in bundle:
        raise NegotiationRefused("bundle_required", "an m-line outside the BUNDLE group")
    if not section.has("rtcp-mux"):
        raise NegotiationRefused("rtcp_mux_required", "an m-line without a=rtcp-mux")
    kind = Kind(media.kind)
    role = _role(section.direction() or session.direction() or Direction.SENDRECV, purpose)
    ours = Direction.SENDONLY if role is Role.SLOT else Direction.RECVONLY
    least = Least.ANY if role is Role.PUBLISH and purpose is Purpose.PUBLISH else Least.VP8
    extensions = codecs.extensions(section, session, kind, ours)
    named = {uri for _, _, uri in extensions}
    layered = role is Role.PUBLISH and kind is Kind.VIDEO and codecs.STREAM_ID in named
    return OfferedSection(
        role,
        media,
        mid,
        kind,
        codecs.answerable(section, kind, ours, least),
        extensions,
        section.ssrcs(),
        simulcast.layers(section) if layered else (),
        section.has("rtcp-rsize"),
    )


def _role(direction: Direction, purpose: Purpose) -> Role:
    if direction.receives and (purpose is Purpose.WATCH or not direction.sends):
        return Role.IDLE if purpose is Purpose.PUBLISH else Role.SLOT
    return Role.PUBLISH if direction.sends and purpose is not Purpose.WATCH else Role.IDLE


def _check_roles(sections: tuple[OfferedSection, ...], limits: Limits) -> None:
    if not any(section.kind for section in sections):
        raise NegotiationRefused("no_media", "no audio or video section that can be answered")
    for kind, most in ((Kind.AUDIO, limits.slots_audio), (Kind.VIDEO, limits.slots_video)):
        if sum(section.role is Role.SLOT and section.kind is kind for section in sections) > most:
            raise NegotiationRefused("too_many_slots", f"more than {most} {kind} sections to receive")
    if sum(section.role is Role.PUBLISH for section in sections) > limits.publishes:
        raise NegotiationRefused("too_many_publishes", f"more than {limits.publishes} sections to send")
    if sum(len(section.ssrcs) for section in sections) > limits.ssrcs:
        raise NegotiationRefused("too_many_ssrcs", f"more than {limits.ssrcs} sources in an offer")


def _check_purpose(sections: tuple[OfferedSection, ...], purpose: Purpose) -> None:
    roles = {section.role for section in sections}
    if purpose is Purpose.WATCH and Role.SLOT not in roles:
        raise NegotiationRefused("nothing_to_receive", "no section that receives")
    if purpose is Purpose.PUBLISH and Role.PUBLISH not in roles:
        raise NegotiationRefused("nothing_to_send", "no section that sends")


def _transport(carrier: Section, session: Section) -> RemoteTransport:
    """The whole bundle's transport: that of its first section, else the session's (RFC 9143 section 7.1)."""

    def said(name: str) -> str | None:
        return carrier.value(name) if carrier.has(name) else session.value(name)

    ufrag, pwd = said("ice-ufrag") or "", said("ice-pwd") or ""
    if not UFRAG.fullmatch(ufrag) or not PWD.fullmatch(pwd):
        raise NegotiationRefused(
            "ice_invalid", "ICE credentials are missing or not as RFC 8839 section 5.4 says"
        )
    if session.has("ice-lite"):
        raise NegotiationRefused("ice_lite_unsupported", "both sides are ICE-lite")
    if said("setup") not in ("actpass", "active"):
        raise NegotiationRefused(
            "setup_unsupported", "a=setup must be actpass or active: the server is passive"
        )
    named = carrier.values("fingerprint") or session.values("fingerprint")
    matches = (_SHA_256.fullmatch(value) for value in named)
    fingerprints = tuple(dict.fromkeys(("sha-256", match[1].upper()) for match in matches if match))
    if not fingerprints:
        raise NegotiationRefused("fingerprint_missing", "no SHA-256 fingerprint")
    return RemoteTransport(ufrag, pwd, fingerprints)


_KINDS: Final = frozenset(kind.value for kind in Kind)
_TRANSPORTS: Final = frozenset({"UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF"})
UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")
PWD: Final = re.compile(r"[A-Za-z0-9+/]{22,256}")
_SHA_256: Final = re.compile(r"(?i:sha-256) ((?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2})")
