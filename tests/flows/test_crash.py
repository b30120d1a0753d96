"""`kill -9` in mid-film: everybody is back by themselves, nothing that was acknowledged is gone."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.flows.browsers import Engine
from tests.flows.conftest import OpenTab
from tests.flows.people import film_moves, join, say
from tests.flows.reading import read
from tests.flows.server import Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.mark.parametrize("engine", list(Engine))
def test_a_crash_in_mid_film_is_survived(engine: Engine, demo: Callable[..., Demo], opens: OpenTab) -> None:
    """ROOM-2, ROOM-5: the session goes on where it is due, browsers are back 8 s after the restart."""
    server = demo(starts_in_s=1)
    session = server.session("automated")
    tab = opens(engine, session.participants[0])
    join(tab)
    film_moves(tab)

    say(tab, "Said before the crash")
    tab.until("the message to be acknowledged", lambda: not tab.sees("Sending…"))
    server.kill()
    tab.see("Connection lost")
    server.start()
    restarted = time.monotonic()

    tab.until("the connection", lambda: not tab.sees("Connection lost"), 10)
    film_moves(tab, 10)
    assert time.monotonic() - restarted < 8
    assert tab.sees("Said before the crash")
    assert abs(read(tab, 3).position_error_ms(session.starts_at)) < 300
