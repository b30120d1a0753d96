"""The real kind of a file, by its content, never by its name.

Only kinds that are listed reach a demuxer, and each reaches its own demuxer alone: a playlist that poses as a
video is never handed to the code that would follow it.
"""

from __future__ import annotations

from enum import StrEnum

from playback.prepared import PrepareRefused

HEAD_BYTES = 4096
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_DURATION_AT, ASF_PREROLL_AT = 64, 80
QUICKTIME_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
PLAYLIST_STARTS = (
    *(b"#extm3u", b"#ext-x-", b"ffconcat", b"[playlist]", b"[reference]"),
    *(b"v=0", b"rtsptext", b"smtextrefe"),
)
PLAYLIST_ELEMENTS = (b"<asx", b"<smil", b"<mpd", b"<playlist", b"<smoothstreamingmedia")
REFERENCES = (
    *(b"#", b"file ", b"file:", b"http:", b"https:", b"concat:"),
    *(b"subfile", b"data:", b"rtmp", b"rtsp:", b"ftp:"),
)


class Kind(StrEnum):
    """Accepted kinds; the value is the name of the one demuxer that may read it."""

    QUICKTIME = "mov"
    AVI = "avi"
    WINDOWS_MEDIA = "asf"
    MPEG_PROGRAM = "mpeg"
    MPEG_VIDEO = "mpegvideo"
    MP3 = "mp3"
    PNG = "png_pipe"
    JPEG = "jpeg_pipe"


STILLS = (Kind.PNG, Kind.JPEG)


def detect(head: bytes) -> Kind:
    """Return the kind of a file that begins with `head` (its first 4096 bytes).

    Raise `PrepareRefused` forbidden_reference for a playlist or a text that points elsewhere, unknown_kind
    for anything else that is not accepted.
    """
    if head[4:8] in QUICKTIME_BOXES:
        return Kind.QUICKTIME
    if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX"):
        return Kind.AVI
    if head.startswith(ASF):
        return Kind.WINDOWS_MEDIA
    if head.startswith(b"\0\0\1\xba"):
        return Kind.MPEG_PROGRAM
    if head.startswith(b"\0\0\1\xb3"):
        return Kind.MPEG_VIDEO
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if head.startswith(b"ID3") or _is_mp3_frame(head[:4]):
        return Kind.MP3
    if _points_elsewhere(head):
        raise PrepareRefused("forbidden_reference", "a playlist")
    raise PrepareRefused("unknown_kind", head[:8].hex())


def asf_duration_s(head: bytes) -> float | None:
    """Return the play duration of the File Properties object (ASF specification, 3.2), None without it."""
    at = head.find(ASF_FILE_PROPERTIES)
    if at < 0 or at + ASF_PREROLL_AT + 8 > len(head):
        return None
    duration_100ns = int.from_bytes(head[at + ASF_DURATION_AT : at + ASF_DURATION_AT + 8], "little")
    preroll_ms = int.from_bytes(head[at + ASF_PREROLL_AT : at + ASF_PREROLL_AT + 8], "little")
    return max(0.0, duration_100ns / 1e7 - preroll_ms / 1e3)


def has_mp3_length(head: bytes) -> bool:
    """Say whether a Xing or Info header counts the frames; without one the length is a guess."""
    return b"Xing" in head or b"Info" in head


def _is_mp3_frame(header: bytes) -> bool:
    """Say whether this is the header of an MPEG layer III frame (ISO 11172-3, 2.4.1.3)."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return False
    return header[2] >> 4 not in (0, 15) and header[2] & 0x0C != 0x0C


def _points_elsewhere(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(PLAYLIST_STARTS):
        return True
    if text.startswith(b"<") and any(element in text for element in PLAYLIST_ELEMENTS):
        return True
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return bool(lines) and all(line.startswith(REFERENCES) for line in lines[:-1] or lines)
