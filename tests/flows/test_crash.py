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

# When the banner went, and when pictures were shown after that; the server reads the same machine's clock.
NOTE_THE_RETURN = """
  window.back = { connected: null, shown: [] };
  let film = null;
  const onPicture = (now, frame) => {
    if (back.connected !== null) back.shown.push(performance.timeOrigin + frame.presentationTime);
    film.requestVideoFrameCallback(onPicture);
  };
  new MutationObserver(() => {
    const lost = document.querySelector('[data-testid=connection-lost]') !== null;
    if (!lost && back.connected === null) back.connected = Date.now();
    const video = document.querySelector('[data-testid=film]');
    if (!video || video === film) return;
    film = video;
    film.requestVideoFrameCallback(onPicture);
  }).observe(document.documentElement, { childList: true, subtree: true });
"""

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

LONGEST_PAUSE_S = 3
"""Between two attempts of a client to come back (`backoffMs` in the web client)."""


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
    tab.run(NOTE_THE_RETURN)
    server.start()
    ready_s = time.time()

    tab.until("a moving picture", lambda: len(tab.run("return back.shown")) > 5)
    connected_s, moves_s = (at / 1000 - ready_s for at in tab.run("return [back.connected, back.shown[5]]"))
    assert connected_s < LONGEST_PAUSE_S + 3
    assert moves_s < 8
    assert tab.sees("Said before the crash")
    assert abs(read(tab, 3).position_error_ms(session.starts_at)) < 300
