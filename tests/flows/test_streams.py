"""PLUS-13: programs publish to the stage and any player watches, with a public client that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.flows.browsers import Engine, Tab
from tests.flows.conftest import OpenTab
from tests.flows.people import in_the_room, join, stage_is_heard, stage_is_seen
from tests.flows.server import Demo, DemoSession
from tests.flows.streaming import Client, elsewhere

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

# Of several candidates the client makes no valid description when it restarts.
ONE_CANDIDATE = {"ROOM_TCP_PORT": "off"}


@pytest.fixture
def page() -> Iterator[str]:
    with elsewhere() as address:
        yield address


def way(server: Demo, name: str) -> str:
    return f"{server.ready['url'].rstrip('/')}/api/{name}"


def secret(link: str) -> str:
    return link.rpartition("/")[2]


def on_air(opens: OpenTab, session: DemoSession) -> None:
    """A host starts the session and leaves the room."""
    host = opens(Engine.CHROMIUM, session.hosts[0])
    join(host)
    host.press("Start…")
    host.press("Start the session")
    host.see("On air")
    host.driver.get("about:blank")


def has_no_stage(tab: Tab) -> None:
    script = "return document.querySelector('[data-testid=stage-tile] video') === null"
    tab.until("an empty stage", lambda: tab.run(script))


def test_what_a_program_publishes_is_seen_and_heard_in_the_room(
    demo: Callable[..., Demo], opens: OpenTab, page: str
) -> None:
    """PLUS-13: OBS publishes to the stage."""
    server = demo(settings=ONE_CANDIDATE)
    session = server.session("live")
    on_air(opens, session)
    viewer = opens(Engine.CHROMIUM, session.participants[0])
    join(viewer)
    program = Client(opens(Engine.CHROMIUM, page))

    program.publish(f"{way(server, 'whip')}?take_over=true", secret(session.hosts[0]))
    stage_is_seen(viewer)
    assert stage_is_heard(viewer) > 0.001

    program.restart()
    program.connected()
    stage_is_seen(viewer)

    program.stop()
    has_no_stage(viewer)
    asked = program.answers()
    assert (asked[0], asked[-1]) == (("POST", 201), ("DELETE", 200))
    patched = [status for method, status in asked[1:-1] if method == "PATCH"]
    assert len(patched) == len(asked) - 2
    assert (patched.count(200), set(patched)) == (1, {200, 204})
    host = opens(Engine.CHROMIUM, session.hosts[0])
    join(host)


def test_h264_of_a_program_is_seen_as_it_is_and_who_cannot_reads_why(
    demo: Callable[..., Demo], opens: OpenTab, page: str
) -> None:
    """PLUS-13: broadcasting programs encode H.264 alone."""
    server = demo(settings=ONE_CANDIDATE)
    session = server.session("live")
    on_air(opens, session)
    viewer, without = (
        opens(engine, link) for engine, link in zip(Engine, session.participants[:2], strict=True)
    )
    join(viewer)
    join(without)
    program = Client(opens(Engine.CHROMIUM, page))
    program.publish(f"{way(server, 'whip')}?take_over=true", secret(session.hosts[0]), "video/H264")
    stage_is_seen(viewer)
    # Debian's Firefox has no H.264.
    without.see("This picture comes in H.264, which your browser does not show.")
    assert not viewer.sees("your browser does not show")


@pytest.mark.parametrize("engine", Engine)
def test_a_player_on_another_page_watches_and_frees_the_seat_as_it_stops(
    demo: Callable[..., Demo], opens: OpenTab, page: str, engine: Engine
) -> None:
    """PLUS-13: any player watches."""
    server = demo(settings=ONE_CANDIDATE)
    link = server.session("automated").participants[0]
    player = Client(opens(engine, page))

    player.watch(way(server, "whep"), secret(link))
    player.plays()
    player.restart()
    player.connected()
    player.plays()
    player.stop()

    asked = player.answers()
    assert asked[0] == ("POST", 201)
    assert ("PATCH", 200) in asked
    assert asked[-1] == ("DELETE", 200)
    browser = opens(Engine.CHROMIUM, link)
    browser.press("Join")
    in_the_room(browser)  # not asked to take the seat over: it is free
