"""Chat in its four modes, typed and read in real browsers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.flows.browsers import Engine
from tests.flows.conftest import OpenTab
from tests.flows.people import join, say, set_mode
from tests.flows.server import Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]


def test_chat_runs_open_moderated_reply_later_and_closed(demo: Callable[..., Demo], opens: OpenTab) -> None:
    """ROOM-6, AUT-26, AUT-27, AUT-28, AUT-29, AUT-30: who reads what in each mode."""
    session = demo().session("live")
    host = opens(Engine.CHROMIUM, session.hosts[0])
    alice = opens(Engine.FIREFOX, session.participants[0])
    bob = opens(Engine.CHROMIUM, session.participants[1])
    for tab in (host, alice, bob):
        join(tab)

    say(alice, "Hello <b>everyone</b>")
    bob.see("Hello <b>everyone</b>")

    set_mode(host, "moderated")
    alice.see("Read by the team before it is published.")
    say(alice, "May I ask?")
    alice.see("Waiting, only you see this")
    host.press("Queue")
    host.see("May I ask?")
    assert not bob.sees("May I ask?")
    host.press("Approve")
    bob.see("May I ask?")
    say(alice, "Something rude")
    host.see("Something rude")
    host.press("Reject")
    alice.see("Not published")
    assert not bob.sees("Something rude")

    set_mode(host, "reply_later")
    alice.see("Only the team reads you, and answers after the session.")
    say(alice, "For later")
    host.press("Queue")
    host.see("For later")
    assert not bob.sees("For later")

    set_mode(host, "none")
    bob.see("The chat is closed.")
    set_mode(host, "open")
    say(bob, "Open again")
    alice.see("Open again")
    assert not bob.sees("For later")
