"""One link, one live connection, as people meet it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.flows.browsers import Engine
from tests.flows.conftest import OpenTab
from tests.flows.people import count, in_the_room, join
from tests.flows.server import Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OPENS_BEFORE_S = 15 * 60


def test_a_second_device_is_asked_and_the_first_is_told(demo: Callable[..., Demo], opens: OpenTab) -> None:
    """ROOM-2, CAL-10: *continue here* moves the seat; the first page says so and stays closed."""
    link = demo().session("live").participants[0]
    first = opens(Engine.CHROMIUM, link)
    join(first)
    second = opens(Engine.FIREFOX, link)
    second.press("Join")
    second.see("Chrom")
    second.press("Continue here")
    in_the_room(second)

    first.see("You are now watching on another device")
    assert count(second).startswith("1 ")
    first.reload()
    first.see("Join")


def test_opening_the_link_takes_nothing(demo: Callable[..., Demo], opens: OpenTab) -> None:
    """ROOM-1: a page that is only opened, scripts and all, leaves the seat to whoever presses."""
    link = demo().session("live").participants[0]
    scanner = opens(Engine.CHROMIUM, link)
    scanner.see("Join")
    person = opens(Engine.FIREFOX, link)
    join(person)
    assert count(person).startswith("1 ")


def test_who_comes_early_goes_in_when_the_room_opens(demo: Callable[..., Demo], opens: OpenTab) -> None:
    """ROOM-1: a press before the room opens is remembered, can be taken back, and lets in by itself."""
    tab = opens(Engine.CHROMIUM)
    tab.open(demo(starts_in_s=OPENS_BEFORE_S + 20).session("automated").participants[0])
    tab.press("Let me in when it opens")
    tab.see("You will be let in at")
    tab.see("Press again to cancel.")
    described = "return document.getElementById(document.activeElement.getAttribute('aria-describedby'))"
    assert tab.run(f"{described}.innerText") == "Press again to cancel."
    tab.press("You will be let in at")
    tab.see("Let me in when it opens")
    assert not tab.sees("Press again to cancel.")
    assert tab.run(f"{described}") is None
    tab.press("Let me in when it opens")
    tab.see("You will be let in at")

    in_the_room(tab)


def test_a_link_that_leads_nowhere_says_so(demo: Callable[..., Demo], opens: OpenTab) -> None:
    link = demo().session("live").participants[0]
    tab = opens(Engine.CHROMIUM, link[:-4] + "AAAA", language="fr")
    assert not tab.sees("Entrer dans la salle")
    assert tab.run("return document.documentElement.lang") == "fr"
