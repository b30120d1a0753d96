"""Offer in, answer out: a browser offers once, the slots it gets are fixed (RFC 8829, as an ICE-lite server).

    offer text ──read_offer──► Offer ──answer──► Negotiated ─┬─ answer_sdp   for the peer
                                                             └─ to_core()    for the media core

Audio slot k and video slot k share one media stream, so that browsers keep them together.  A publishing
m-line of a peer that may not publish is answered inactive; one that cannot be carried, with port 0.

Invariant: pure.  No I/O, no clock, randomness is an argument.  The answer names only mids, payload types and
extension ids that the offer named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import ip_address
from typing import Any

from media import codecs
from media.codecs import PUBLISHED, Codec, CodecParams, Kind
from media.offer import Limits, Offer, OfferedSection, Purpose, RemoteTransport, Role, read_offer
from media.sdp import NegotiationRefused

__all__ = [
    "Candidate",
    "Kind",
    "Limits",
    "LocalDescription",
    "Negotiated",
    "NegotiationRefused",
    "Offer",
    "PublishParams",
    "Publishing",
    "Purpose",
    "RemoteTransport",
    "SlotParams",
    "answer",
    "candidate_lines",
    "read_offer",
]


class Publishing(Enum):
    """Whether a peer may send media."""

    DENIED = auto()
    ALLOWED = auto()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A host candidate of ours: a numeric address and a port."""

    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class LocalDescription:
    """Our side.  `fingerprint` is SHA-256, "AA:BB:…"; `next_ssrc` returns random numbers of 32 bits.

    `candidates` are of UDP; at `tcp_candidates` we take connections.
    """

    ice_ufrag: str
    ice_pwd: str
    fingerprint: str
    candidates: tuple[Candidate, ...]
    session_id: int
    next_ssrc: Callable[[], int]
    tcp_candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class SlotParams:
    """A receive slot of the peer: what the core sends there, under fixed sources."""

    kind: Kind
    index: int
    mid: str
    ssrc: int
    rtx_ssrc: int | None
    codecs: tuple[CodecParams, ...]
    extensions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PublishParams:
    """Something the peer publishes; `ssrcs` as signalled, retransmission sources last, often none.

    `rids` name its layers, none for one that has none.
    """

    kind: Kind
    mid: str
    codecs: tuple[CodecParams, ...]
    ssrcs: tuple[int, ...]
    rids: tuple[str, ...]
    extensions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Negotiated:
    """`consent_s`: without a check of the peer for so long it is gone; None is what RFC 7675 says."""

    answer_sdp: str
    local_ufrag: str
    local_pwd: str
    transport: RemoteTransport
    slots: tuple[SlotParams, ...]
    publishes: tuple[PublishParams, ...]
    consent_s: int | None = None

    @property
    def decodes(self) -> frozenset[Codec]:
        """What can be published so that each video slot of the peer shows it."""
        slots = (slot for slot in self.slots if slot.kind is Kind.VIDEO)
        return frozenset(PUBLISHED).intersection(*({one.name for one in slot.codecs} for slot in slots))

    @property
    def needs(self) -> Codec | None:
        """What a viewer must decode to see what the peer publishes; None for what everybody does."""
        videos = (one.codecs[0].name for one in self.publishes if one.kind is Kind.VIDEO)
        return next((codec for codec in videos if codec is not Codec.VP8), None)

    def to_core(self) -> dict[str, Any]:
        """The peer's parameters as the core reads them, JSON-able."""
        remote = self.transport
        return {
            **({} if self.consent_s is None else {"consent_s": self.consent_s}),
            "local": {"ufrag": self.local_ufrag, "pwd": self.local_pwd},
            "remote": {
                "ufrag": remote.ice_ufrag,
                "pwd": remote.ice_pwd,
                "fingerprints": [list(one) for one in remote.fingerprints],
            },
            "slots": [
                {
                    "kind": slot.kind.value,
                    "index": slot.index,
                    "mid": slot.mid,
                    "ssrc": slot.ssrc,
                    "rtx_ssrc": slot.rtx_ssrc,
                    "codecs": [_codec_to_core(codec) for codec in slot.codecs],
                    "extensions": dict(slot.extensions),
                }
                for slot in self.slots
            ],
            "publishes": [
                {
                    "kind": one.kind.value,
                    "mid": one.mid,
                    "track": None,
                    "codecs": [_codec_to_core(codec) for codec in one.codecs],
                    "ssrcs": list(one.ssrcs),
                    "rids": list(one.rids),
                    "extensions": dict(one.extensions),
                }
                for one in self.publishes
            ],
        }


def answer(offer: Offer, local: LocalDescription, publishing: Publishing, first_slot: int = 0) -> Negotiated:
    """Answer an offer that `read_offer` accepted: slots numbered from `first_slot`, sources given.

    Nothing is refused any more.
    """
    slots: list[SlotParams] = []
    publishes: list[PublishParams] = []
    next_source = _sources(offer, local)
    for section in offer.sections:
        if section.kind is None:
            continue
        ids = {uri: number for number, _, uri in section.extensions}
        if section.role is Role.SLOT:
            index = first_slot + sum(slot.kind is section.kind for slot in slots)
            repaired = any(codec.rtx_pt is not None for codec in section.codecs)
            ssrc, rtx_ssrc = next_source(), next_source() if repaired else None
            slots.append(SlotParams(section.kind, index, section.mid, ssrc, rtx_ssrc, section.codecs, ids))
        elif section.role is Role.PUBLISH and publishing is Publishing.ALLOWED:
            publishes.append(
                PublishParams(section.kind, section.mid, section.codecs, section.ssrcs, section.rids, ids)
            )
    text = _answer_text(offer, local, slots, publishes)
    return Negotiated(text, local.ice_ufrag, local.ice_pwd, offer.transport, tuple(slots), tuple(publishes))


def _sources(offer: Offer, local: LocalDescription) -> Callable[[], int]:
    """Random sources, none of them zero, the peer's own, or given twice."""
    taken = {0}.union(*(section.ssrcs for section in offer.sections))

    def next_source() -> int:
        for _ in range(1_000):
            ssrc = local.next_ssrc() & 0xFFFF_FFFF
            if ssrc not in taken:
                taken.add(ssrc)
                return ssrc
        raise RuntimeError("next_ssrc returns the same numbers again and again")

    return next_source


def _answer_text(
    offer: Offer, local: LocalDescription, slots: list[SlotParams], publishes: list[PublishParams]
) -> str:
    slot_of = {slot.mid: slot for slot in slots}
    published = {one.mid for one in publishes}
    bundle = [section.mid for section in offer.sections if section.kind]
    lines = [
        "v=0",
        f"o=- {local.session_id} 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        f"a=group:BUNDLE {' '.join(bundle)}",
        "a=msid-semantic: WMS *",
    ]
    for section in offer.sections:
        if section.kind is None:
            lines += _refused_lines(section)
            continue
        lines += _section_lines(section, local)
        lines += candidate_lines(local)
        if section.mid in slot_of:
            lines += ["a=sendonly", *_source_lines(slot_of[section.mid])]
        elif section.mid in published:
            lines += ["a=recvonly", *_layer_lines(section.rids)]
        else:
            lines.append("a=inactive")
    return "\r\n".join(lines) + "\r\n"


def _refused_lines(section: OfferedSection) -> list[str]:
    media = section.media
    lines = [f"m={media.kind} 0 {media.proto} {' '.join(media.formats)}", "c=IN IP4 0.0.0.0", "a=inactive"]
    return [*lines, f"a=mid:{section.mid}"] if section.mid else lines


def _section_lines(section: OfferedSection, local: LocalDescription) -> list[str]:
    payload_types = [str(pt) for codec in section.codecs for pt in _payload_types(codec, section.role)]
    port, address = _default_address(local)
    lines = [
        f"m={section.media.kind} {port} {section.media.proto} {' '.join(payload_types)}",
        f"c=IN {address}",
        f"a=mid:{section.mid}",
        "a=rtcp-mux",
        *(["a=rtcp-rsize"] if section.reduced_size_rtcp else []),
        f"a=ice-ufrag:{local.ice_ufrag}",
        f"a=ice-pwd:{local.ice_pwd}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        "a=setup:passive",
    ]
    if any(uri == codecs.DEPENDENCY_DESCRIPTOR for _, _, uri in section.extensions):
        lines.append(f"a={codecs.ALLOW_MIXED}")
    for number, direction, uri in section.extensions:
        lines.append(f"a=extmap:{number}{f'/{direction}' if direction else ''} {uri}")
    for codec in section.codecs:
        lines += _codec_lines(codec)
    return lines


def _payload_types(codec: CodecParams, role: Role) -> list[int]:
    """Redundant sound is sent by who finds it first, and taken wherever it stands."""
    forms = (codec.pt, codec.red_pt) if role is Role.SLOT else (codec.red_pt, codec.pt)
    return [pt for pt in (*forms, codec.rtx_pt) if pt is not None]


def _codec_lines(codec: CodecParams) -> list[str]:
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    lines = [f"a=rtpmap:{codec.pt} {codec.name.encoding}/{codec.clock_rate}{channels}"]
    if codec.fmtp:
        lines.append(f"a=fmtp:{codec.pt} {codec.fmtp}")
    lines += [f"a=rtcp-fb:{codec.pt} {feedback}" for feedback in codec.feedback]
    if codec.rtx_pt is not None:
        lines += [f"a=rtpmap:{codec.rtx_pt} rtx/{codec.clock_rate}", f"a=fmtp:{codec.rtx_pt} apt={codec.pt}"]
    if codec.red_pt is not None:
        lines += [
            f"a=rtpmap:{codec.red_pt} red/{codec.clock_rate}{channels}",
            f"a=fmtp:{codec.red_pt} {codec.pt}/{codec.pt}",
        ]
    return lines


def _source_lines(slot: SlotParams) -> list[str]:
    stream = f"slot-{slot.index}"
    lines = [f"a=msid:{stream} {stream}-{slot.kind}"]
    if slot.rtx_ssrc is not None:
        lines.append(f"a=ssrc-group:FID {slot.ssrc} {slot.rtx_ssrc}")
    return lines + [
        f"a=ssrc:{ssrc} cname:{stream}" for ssrc in (slot.ssrc, slot.rtx_ssrc) if ssrc is not None
    ]


def _layer_lines(rids: tuple[str, ...]) -> list[str]:
    """All layers are taken (RFC 8853 section 5.3), under the restrictions that the peer gave itself."""
    if not rids:
        return []
    return [*(f"a=rid:{rid} recv" for rid in rids), f"a=simulcast:recv {';'.join(rids)}"]


def candidate_lines(local: LocalDescription) -> list[str]:
    """Host candidates of component 1, the first preferred (RFC 8445 section 5.1.2.1), and no more to come.

    They stand in every section: browsers read the first of a bundle, aiortc the last.
    """
    lines = []
    for place, candidate in enumerate(local.candidates):
        priority = (126 << 24) + ((65_535 - place) << 8) + 255
        lines.append(
            f"a=candidate:{place + 1} 1 udp {priority} {candidate.ip} {candidate.port} typ host"
            f" ufrag {local.ice_ufrag}"
        )
    return [*lines, *_tcp_candidate_lines(local), "a=end-of-candidates"]


def _tcp_candidate_lines(local: LocalDescription) -> list[str]:
    """Passive host candidates (RFC 6544 section 4.5), after every one of UDP.

    The type preference is the one that browsers give theirs; the direction preference of a passive one is 4.
    """
    lines = []
    for place, candidate in enumerate(local.tcp_candidates):
        priority = (90 << 24) + (((4 << 13) + 8_191 - place) << 8) + 255
        foundation = len(local.candidates) + place + 1
        lines.append(
            f"a=candidate:{foundation} 1 tcp {priority} {candidate.ip} {candidate.port}"
            f" typ host tcptype passive ufrag {local.ice_ufrag}"
        )
    return lines


def _default_address(local: LocalDescription) -> tuple[int, str]:
    if not local.candidates:
        return 9, "IP4 0.0.0.0"
    first = local.candidates[0]
    return first.port, f"IP{ip_address(first.ip).version} {first.ip}"


def _codec_to_core(codec: CodecParams) -> dict[str, Any]:
    return {
        "name": codec.name.value,
        "pt": codec.pt,
        "rtx_pt": codec.rtx_pt,
        "red_pt": codec.red_pt,
        "clock_rate": codec.clock_rate,
        "nack": "nack" in codec.feedback,
        "pli": "nack pli" in codec.feedback,
        "fir": "ccm fir" in codec.feedback,
        "fmtp": codec.fmtp,
    }
