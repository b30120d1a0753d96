"""Hosts on the stage: from each browser to the other, and over a running film."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.flows.browsers import Engine
from tests.flows.conftest import OpenTab
from tests.flows.people import film_moves, join, stage_is_heard, stage_is_seen, stage_speaks
from tests.flows.reading import read
from tests.flows.server import Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.mark.parametrize(
    ("publisher", "viewer"), [(Engine.CHROMIUM, Engine.FIREFOX), (Engine.FIREFOX, Engine.CHROMIUM)]
)
def test_a_host_is_seen_and_heard_in_the_other_browser(
    publisher: Engine, viewer: Engine, demo: Callable[..., Demo], opens: OpenTab
) -> None:
    """ROOM-3, ROOM-7: camera and microphone from one browser, seen and heard in the other."""
    session = demo().session("live")
    host = opens(publisher, session.hosts[0])
    join(host)
    host.press("Start…")
    host.press("Start the session")
    host.press("Turn camera on")
    host.press("Turn microphone on")
    participant = opens(viewer, session.participants[0])
    join(participant)
    assert participant.find("Turn camera on") is None
    stage_is_seen(participant)
    assert stage_is_heard(participant) > 0.001
    if (
        publisher is Engine.FIREFOX
    ):  # its microphone is a lasting tone; Chromium's beeps are shorter than a voice
        stage_speaks(participant)

    host.press("End…")
    host.press("End the session")
    participant.see("The session is over")


def test_a_host_takes_over_and_hands_back(demo: Callable[..., Demo], opens: OpenTab) -> None:
    """AUT-19, ROOM-7: the programme pauses for the host and goes on where it was left."""
    session = demo(starts_in_s=1).session("automated")
    viewer = opens(Engine.CHROMIUM, session.participants[0])
    join(viewer)
    film_moves(viewer)
    host = opens(Engine.FIREFOX, session.hosts[0])
    join(host)

    before = time.monotonic()
    host.press("Take over")
    viewer.see("has taken over")
    paused = time.monotonic()
    host.press("Turn camera on")
    stage_is_seen(viewer)

    host.press("Hand back")
    going_on = time.monotonic()
    host.press("Where it was left")
    film_moves(viewer)
    after = time.monotonic()
    reading = read(viewer, 4)
    assert reading.frames
    behind_s = reading.position_error_ms(session.starts_at) / 1000
    assert going_on - paused - 0.2 < behind_s < after - before + 0.5, "it went on where it was left"
