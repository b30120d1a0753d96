"""What to call a device, from what its browser says of itself: "Firefox on Windows".

Only the family and the system are told, never versions: enough to recognise one's own device by.
Stored in English; `in_language` words it for a reader.
"""

from __future__ import annotations

import re

_PROGRAMS = (  # the first that matches: Chrome claims to be Safari, Edge claims to be both
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("Opera", re.compile(r"\b(?:OPR|Opera|OPT)/")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Vivaldi", re.compile(r"\bVivaldi/")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/")),
    ("Chrome", re.compile(r"\b(?:Chrome|CriOS|HeadlessChrome)/")),
    ("Chromium", re.compile(r"\bChromium/")),
    ("Safari", re.compile(r"\bSafari/")),
    ("room-server probe", re.compile(r"\broom-server-probe\b")),
    ("OBS", re.compile(r"\bOBS\b|\bOBS-Studio/")),
    ("GStreamer", re.compile(r"\bGStreamer\b")),
    ("VLC", re.compile(r"\b(?:VLC|LibVLC)/")),
    ("FFmpeg", re.compile(r"\bLavf/")),
)
_SYSTEMS = (
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("macOS", re.compile(r"\bMac OS X\b|\bMacintosh\b")),
    ("Linux", re.compile(r"\bLinux\b")),
)
_LONGEST = 600
_STRANGER = "another device"
_ON_FRENCH = {"iPhone": "sur iPhone", "iPad": "sur iPad"}


def describe(user_agent: str) -> str:
    """Return the device's name in English; a stranger is "another device"."""
    text = user_agent[:_LONGEST]
    browser = next((name for name, pattern in _PROGRAMS if pattern.search(text)), None)
    system = next((name for name, pattern in _SYSTEMS if pattern.search(text)), None)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or _STRANGER


def in_language(device: str, language: str) -> str:
    """Return what `describe` said, in `language`: "fr", else English."""
    if language != "fr":
        return device
    if device == _STRANGER:
        return "un autre appareil"
    browser, on, system = device.partition(" on ")
    return f"{browser} {_ON_FRENCH.get(system, f'sous {system}')}" if on else device
