"""Session descriptions as raw lines with typed access (RFC 8866), for offers of strangers.

    text ──parse──► Description ─┬─ session: Section      lines before the first m=
                                 └─ media: Section, …     one per m-line, in order

Nothing is normalised or reordered: a section keeps its lines as they came, and accessors read them on demand.
A line that an accessor cannot read is passed over as if absent; what the structure rests on is refused.

Invariant: on any text, however hostile, only `NegotiationRefused` comes out of this module, and every value
that an accessor returns is safe to write into another description (no control character, no line break).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final


class NegotiationRefused(Exception):
    """An offer was refused.  `code` is stable; `detail` is English, for the author of a client."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Direction(StrEnum):
    """Which way media flows, from its writer's side (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How much text is read at all.  Chromium's viewer of eight slots sends about 25 kB and 1,200 lines."""

    max_bytes: int = 65_536
    max_lines: int = 4_000
    max_line_chars: int = 2_048
    max_sections: int = 24
    max_formats: int = 96


@dataclass(frozen=True, slots=True)
class MediaLine:
    """`m=<kind> <port> <proto> <formats>`."""

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RtpMap:
    """`a=rtpmap`: `name` in lower case as compared (RFC 4855), `channels` 1 where not said."""

    name: str
    clock_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class ExtMap:
    """`a=extmap` (RFC 8285 section 5); `direction` is None where not said."""

    id: int
    direction: Direction | None
    uri: str


@dataclass(frozen=True, slots=True)
class Section:
    """One section's lines, and its attributes by name in the order they came."""

    lines: tuple[str, ...]
    media: MediaLine | None
    _attributes: dict[str, list[str]] = field(repr=False, compare=False)

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of `a=<name>:…`; a bare `a=<name>` counts as the empty string."""
        return tuple(self._attributes.get(name, ()))

    def value(self, name: str) -> str | None:
        """The first value of `a=<name>`, or None."""
        found = self._attributes.get(name)
        return found[0] if found else None

    def has(self, name: str) -> bool:
        return name in self._attributes

    def count(self, name: str) -> int:
        return len(self._attributes.get(name, ()))

    def mid(self) -> str | None:
        """The section's identification (RFC 5888), or None when absent or not a token of 1 to 16 characters.

        Sixteen bytes are what a one-byte header extension carries (RFC 8285 section 4.2).
        """
        mid = self.value("mid")
        return mid if mid is not None and _TOKEN.fullmatch(mid) and len(mid) <= 16 else None

    def direction(self) -> Direction | None:
        """The first direction attribute, or None where the section does not say."""
        return next((one for one in Direction if one.value in self._attributes), None)

    def rtpmaps(self) -> dict[int, RtpMap]:
        """Payload type → codec, for readable lines; the first line of a payload type stands."""
        maps: dict[int, RtpMap] = {}
        for value in self._attributes.get("rtpmap", ()):
            match = _RTPMAP.fullmatch(value)
            if match and (pt := int(match[1])) <= 127:
                maps.setdefault(pt, RtpMap(match[2].lower(), int(match[3]), int(match[4] or 1)))
        return maps

    def fmtp(self, payload_type: int) -> dict[str, str]:
        """Format parameters of a payload type, names in lower case; a bare word counts as its own name."""
        prefix = f"{payload_type} "
        for value in self._attributes.get("fmtp", ()):
            if value.startswith(prefix):
                pairs = (part.strip().partition("=") for part in value[len(prefix) :].split(";"))
                return {name.lower(): content for name, _, content in pairs if name}
        return {}

    def feedback(self, payload_type: int) -> frozenset[str]:
        """What `a=rtcp-fb` offers for a payload type, as "nack", "nack pli", "ccm fir"… (RFC 4585)."""
        wanted = (f"{payload_type} ", "* ")
        return frozenset(
            value.partition(" ")[2].strip()
            for value in self._attributes.get("rtcp-fb", ())
            if value.startswith(wanted)
        )

    def extmaps(self) -> tuple[ExtMap, ...]:
        """Header extensions in order, duplicates included."""
        return tuple(filter(None, map(_ext_map, self._attributes.get("extmap", ()))))

    def ssrcs(self) -> tuple[int, ...]:
        """Signalled sources (RFC 5576), each once; those that repair another (FID) come after all others."""
        seen: dict[int, None] = {}
        for value in self._attributes.get("ssrc", ()):
            ssrc = number(value.partition(" ")[0], top=0xFFFF_FFFF)
            if ssrc:
                seen[ssrc] = None
        repairs = {repair for _, repair in self.repair_pairs()}
        return tuple(sorted(seen, key=lambda ssrc: ssrc in repairs))

    def repair_pairs(self) -> tuple[tuple[int, int], ...]:
        """(media, retransmission) sources of `a=ssrc-group:FID` (RFC 4588 section 8.3 with RFC 5576)."""
        pairs = []
        for value in self._attributes.get("ssrc-group", ()):
            words = value.split()
            if len(words) == 3 and words[0] == "FID":
                media, repair = number(words[1], top=0xFFFF_FFFF), number(words[2], top=0xFFFF_FFFF)
                if media and repair and media != repair:
                    pairs.append((media, repair))
        return tuple(pairs)


@dataclass(frozen=True, slots=True)
class Description:
    session: Section
    media: tuple[Section, ...]

    def bundle(self) -> tuple[str, ...]:
        """The mids of the first BUNDLE group (RFC 9143), empty when there is none."""
        for value in self.session.values("group"):
            words = value.split()
            if words and words[0] == "BUNDLE":
                return tuple(words[1:])
        return ()


def parse(text: str, limits: TextLimits) -> Description:
    """Return the description's sections.

    Line ends may be CRLF or LF.  Raise `NegotiationRefused` with `sdp_too_large`, `sdp_too_many_lines`,
    `sdp_line_too_long`, `sdp_too_many_sections`, `sdp_too_many_formats` or `sdp_malformed`.
    """
    groups: list[list[str]] = [[]]
    for line in _lines(text, limits):
        if line.startswith("m="):
            if len(groups) > limits.max_sections:
                raise NegotiationRefused("sdp_too_many_sections", f"more than {limits.max_sections} m-lines")
            groups.append([])
        groups[-1].append(line)
    if not groups[0] or groups[0][0] != "v=0":
        raise NegotiationRefused("sdp_malformed", "the first line is not v=0")
    session = Section(tuple(groups[0]), None, _attributes(groups[0]))
    media = tuple(
        Section(tuple(lines), _media_line(lines[0], limits), _attributes(lines)) for lines in groups[1:]
    )
    return Description(session, media)


def number(text: str, *, top: int) -> int | None:
    """A plain decimal of ASCII digits from 0 to `top`, or None."""
    if not _NUMBER.fullmatch(text):
        return None
    value = int(text)
    return value if value <= top else None


def _lines(text: str, limits: TextLimits) -> list[str]:
    if len(text) > limits.max_bytes:
        raise NegotiationRefused("sdp_too_large", f"more than {limits.max_bytes} bytes")
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise NegotiationRefused("sdp_malformed", "not valid Unicode text") from None
    if len(raw) > limits.max_bytes:
        raise NegotiationRefused("sdp_too_large", f"more than {limits.max_bytes} bytes")
    text = text.replace("\r\n", "\n").rstrip("\n")
    lines = text.split("\n")
    if len(lines) > limits.max_lines:
        raise NegotiationRefused("sdp_too_many_lines", f"more than {limits.max_lines} lines")
    if max(map(len, lines)) > limits.max_line_chars:
        raise NegotiationRefused(
            "sdp_line_too_long", f"a line of more than {limits.max_line_chars} characters"
        )
    if len(raw.translate(None, _ASCII_CONTROL)) < len(raw) or (not text.isascii() and _CONTROL.search(text)):
        raise NegotiationRefused("sdp_malformed", "a control character")
    if "\r" in text:
        raise NegotiationRefused("sdp_malformed", "a carriage return within a line")
    return lines


def _media_line(line: str, limits: TextLimits) -> MediaLine:
    match = _MEDIA.fullmatch(line)
    if not match:
        raise NegotiationRefused("sdp_malformed", "an m-line that cannot be read")
    formats = tuple(match[4].split())
    if len(formats) > limits.max_formats:
        raise NegotiationRefused(
            "sdp_too_many_formats", f"more than {limits.max_formats} formats in an m-line"
        )
    return MediaLine(match[1], min(int(match[2]), 65_535), match[3], formats)


def _attributes(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in map(_attribute, lines):
        if name:
            found.setdefault(name, []).append(value)
    return found


@lru_cache(maxsize=1_024)
def _attribute(line: str) -> tuple[str, str]:
    """Name and value, or empty.  The sections of an offer, and most people's offers, are the same lines."""
    if line[:2] != "a=":
        return "", ""
    name, _, value = line[2:].partition(":")
    return name, value.strip(" ")


@lru_cache(maxsize=256)
def _ext_map(value: str) -> ExtMap | None:
    match = _EXTMAP.fullmatch(value)
    return ExtMap(int(match[1]), Direction(match[2]) if match[2] else None, match[3]) if match else None


_TOKEN: Final = re.compile(r"[!#-'*+\-.0-9A-Z^-~]+")
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
# Everything Unicode calls a line break or control, bar the line feeds and carriage returns handled apart.
_ASCII_CONTROL: Final = bytes({*range(0x20), 0x7F} - {*b"\t\n\r"})
_CONTROL: Final = re.compile(r"[\x80-\x9f\u2028\u2029]")
_MEDIA: Final = re.compile(r"m=([a-z]{1,16}) ([0-9]{1,5})(?:/[0-9]{1,3})? ([A-Z/]{1,32})((?: [!-~]{1,64})+)")
_RTPMAP: Final = re.compile(r"([0-9]{1,3}) ([A-Za-z0-9_.-]{1,32})/([0-9]{1,9})(?:/([0-9]{1,2}))?")
_EXTMAP: Final = re.compile(
    r"([0-9]{1,4})(?:/(sendrecv|sendonly|recvonly|inactive))? ([!-~]{1,256})(?: [ -~]*)?"
)
