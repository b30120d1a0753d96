"""What a device is called by what its browser says of itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_server.access.device import describe, in_language
from tests.kit.server import FIREFOX, IPHONE

SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"


@pytest.mark.parametrize(
    ("agent", "english", "french"),
    [
        (FIREFOX, "Firefox on Windows", "Firefox sous Windows"),
        (IPHONE, "Safari on iPhone", "Safari sur iPhone"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI}", "Safari on macOS", "Safari sous macOS"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36", "Chrome on Linux", "Chrome sous Linux"),
        (
            f"Mozilla/5.0 (Windows NT 10.0) {CHROME} Safari/537.36 Edg/142.0.0.0",
            "Edge on Windows",
            "Edge sous Windows",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 15; K) {CHROME} Mobile Safari/537.36",
            "Chrome on Android",
            "Chrome sous Android",
        ),
        ("room-server-probe/0.1", "room-server probe", "room-server probe"),
        ("", "another device", "un autre appareil"),
        ("curl/8.14", "another device", "un autre appareil"),
    ],
)
def test_a_device_is_called_by_family_and_system(agent: str, english: str, french: str) -> None:
    assert describe(agent) == english
    assert in_language(english, "fr") == french
    assert in_language(english, "en") == english


@given(st.text(max_size=3_000))
def test_whatever_a_client_says_the_name_is_short_and_one_of_ours(agent: str) -> None:
    assert 0 < len(describe(agent)) < 60
    assert len(in_language(describe(agent), "fr")) < 60
