"""Every page in both languages, at three widths, light and dark: accessible, and nothing sticks out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.browsers import Engine, Tab
from tests.flows.conftest import PICTURES, OpenTab
from tests.flows.people import film_moves, in_the_room, say, set_mode
from tests.flows.server import Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
AT_REST = "return !document.getAnimations().some((moving) => moving instanceof CSSTransition)"
FIELD = {"en": "Your message", "fr": "Votre message"}
JOIN = {"en": "Join", "fr": "Entrer dans la salle"}


def violations(tab: Tab) -> list[str]:
    """Return what axe finds against WCAG 2.2 A and AA."""
    tab.run(AXE.read_text())
    found = tab.run_async(
        """
        const done = arguments[0];
        const rules = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] };
        axe.run(document, rules).then((result) =>
          done(result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)));
        """
    )
    return [str(line) for line in found]


def sticks_out(tab: Tab) -> bool:
    return bool(tab.run("return document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def draft(tab: Tab, label: str, text: str) -> None:
    """Type into the field with this label, and leave it there."""
    field = tab.until(f"the field {label!r}", lambda: tab.find(label, "textarea"))
    field.send_keys(text)


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("who", ["participant", "host"])
def test_pages_are_accessible_and_fit(
    language: str, who: str, demo: Callable[..., Demo], opens: OpenTab
) -> None:
    """French and English, from a phone's width up, axe without violations."""
    session = demo(starts_in_s=1).session("automated")
    link = session.hosts[0] if who == "host" else session.participants[0]
    tab = opens(Engine.CHROMIUM, link, language=language)
    look_at(tab, f"access-{who}-{language}")
    tab.press(JOIN[language])
    in_the_room(tab)
    film_moves(tab)
    if who == "participant":
        draft(tab, FIELD[language], "https://example.org/" + "a-pasted-link" * 20)
    look_at(tab, f"room-{who}-{language}")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_pages_without_a_session_are_accessible_and_fit(
    language: str, demo: Callable[..., Demo], opens: OpenTab
) -> None:
    """The server's own address, a mistyped one, and a link that leads nowhere."""
    url = demo().ready["url"]
    tab = opens(Engine.CHROMIUM, url, language=language)
    for name, path in (("home", "/"), ("nowhere", "/mistyped"), ("unknown-link", "/a/mistyped")):
        tab.open(url + path)
        tab.until("the page", lambda: tab.run("return document.querySelector('h1') !== null"))
        look_at(tab, f"{name}-{language}")


def test_the_chat_log_is_accessible_and_fits(demo: Callable[..., Demo], opens: OpenTab) -> None:
    """AUT-30: a host ends the session and reads what was collected; a participant's page has none of it."""
    session = demo().session("live")
    host = opens(Engine.CHROMIUM, session.hosts[0])
    alice = opens(Engine.CHROMIUM, session.participants[0])
    for tab in (host, alice):
        tab.press(JOIN["en"])
        in_the_room(tab)
    set_mode(host, "reply_later")
    alice.see("Only the team reads you, and answers after the session.")
    say(alice, "For later: " + "a-very-long-word" * 20)
    alice.see("For later")
    host.press("Start…")
    host.press("Start the session")
    host.press("End…")
    host.press("End the session")
    host.press("Open the chat log")
    host.see("Only hosts see this log.")
    host.see("For later")
    look_at(host, "chat-log-host-en")
    alice.see("The session is over")
    alice.reload()
    alice.see("This session is over")
    assert not alice.sees("For later")
    assert not alice.sees("Chat log")


def look_at(tab: Tab, name: str) -> None:
    for width, height, scheme in (
        (1280, 800, "light"),
        (1280, 800, "dark"),
        (390, 844, "light"),
        (320, 640, "dark"),
    ):
        tab.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        tab.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        tab.until("colours at rest", lambda: tab.run(AT_REST))
        tab.picture(PICTURES / f"{name}-{width}-{scheme}.png")
        assert not sticks_out(tab), f"{name} at {width} px is wider than the page"
        assert violations(tab) == [], f"{name} at {width} px, {scheme}"
