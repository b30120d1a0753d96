"""Telling kinds by content never fails in another way than by refusing."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from playback.kind import Kind, detect
from playback.prepared import PrepareRefused


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", "unknown_kind"),
        (b"Agenda\n\n1. Welcome, see https://example.org\n", "unknown_kind"),
        (b"GIF89a" + bytes(100), "unknown_kind"),
        (b"\x7fELF" + bytes(100), "unknown_kind"),
        (b"RIFF\xff\xff\0\0WAVEfmt " + bytes(100), "unknown_kind"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "unknown_kind"),
        (b"\xef\xbb\xbf  #EXTM3U\nhttp://127.0.0.1/a.ts\n", "forbidden_reference"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "forbidden_reference"),
        (b"file '/etc/passwd'\nfile '/etc/hostname'\n", "forbidden_reference"),
        (b"http://127.0.0.1/film.mp4\n", "forbidden_reference"),
        (b'<?xml version="1.0"?>\n<MPD><BaseURL>file:///etc/</BaseURL></MPD>', "forbidden_reference"),
        (b"\0\0\0\x14ftypqt  ", Kind.QUICKTIME),
        (b"\0\0\0\x08wide\0\0\0\0mdat", Kind.QUICKTIME),
        (b"\xff\xd8\xff\xe0", Kind.JPEG),
        (b"\xff\xfb\x90\x64", Kind.MP3),
    ],
)
def test_the_content_decides(head: bytes, expected: str) -> None:
    """AUT-25: what is accepted, what is refused, and why."""
    assert verdict(head) == expected


@given(st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
@example(b"RIFF\0\0\0\0WAVEfmt ")
@example(b"\xff\xfb\x00\x00")
@example(b"\xff\xf1\x50\x80")
def test_any_content_has_one_kind_or_a_refusal(head: bytes) -> None:
    assert verdict(head) in (*Kind, "unknown_kind", "forbidden_reference")


@given(st.sampled_from([b"#EXTM3U", b"ffconcat version 1.0", b"[playlist]"]), st.binary(max_size=50))
def test_a_playlist_is_a_forbidden_reference_whatever_follows(mark: bytes, rest: bytes) -> None:
    assert verdict(mark + b"\n" + rest) == "forbidden_reference"


def verdict(head: bytes) -> str:
    try:
        return detect(head)
    except PrepareRefused as refused:
        return refused.code
