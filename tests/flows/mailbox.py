"""The demo's mailbox, read as a program reads it."""

from __future__ import annotations

import re
import time
import urllib.request
from html import unescape

from tests.kit.patience import PATIENCE_S


def link_to(url: str, email: str, subject: str) -> str:
    """Return the link of the newest letter of that subject to an address, once it was sent."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for item in re.findall(
            r"<li><a href=\"([^\"]+)\">(.*?)</li>", _read(f"{url}/demo/mailbox"), re.DOTALL
        ):
            if email in item[1] and subject in unescape(item[1]):
                found = re.search(rf'href="({re.escape(url)}/[^"]+)"', _read(url + item[0]))
                assert found, "the letter has a link"
                return unescape(found[1])
        time.sleep(0.1)
    raise AssertionError(f"no letter {subject!r} to {email}")


def _read(address: str) -> str:
    request = urllib.request.Request(address, headers={"Accept": "text/html", "Accept-Language": "en"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
        return str(reply.read().decode())
