"""*Join* over real HTTP: who is let in, who is told what, and what opening a link does not do."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import pytest

from room_server.access import store
from room_server.events.rules import SeatPolicy, SessionState
from room_server.ids import PersonId
from tests.kit.clock import FakeClock
from tests.kit.server import FIREFOX, IPHONE, Reply, ServerUnderTest


def refused(reply: Reply, status: int, code: str) -> Reply:
    """Check that `reply` is this refusal, told as a problem of RFC 9457."""
    assert (reply.status, reply.body["code"]) == (status, code), reply.text
    assert reply.headers["Content-Type"].startswith("application/problem+json")
    assert reply.body["status"] == status
    assert reply.body["detail"]
    assert "Traceback" not in reply.text
    return reply


async def test_a_press_takes_the_seat_and_gets_a_ticket(server: ServerUnderTest) -> None:
    """ROOM-1."""
    link = await server.open_link(event_title="Learning the planner")

    reply = await server.join(link)

    assert reply.status == 200, reply.text
    assert reply.body["signalling_url"] == server.url
    assert reply.body["room"] == {
        "session_id": link.session_id,
        "title": None,
        "event_title": "Learning the planner",
    }
    admission = await server.running.access.redeem(reply.body["ticket"])
    assert admission.link_id == link.link_id
    assert admission.device == "Firefox on Windows"


async def test_an_unknown_link_leads_nowhere(server: ServerUnderTest) -> None:
    body = {"token": "never-given-to-anybody", "device_key": "a-laptop"}
    refused(await server.ask("POST", "/api/join", json=body), 404, "unknown_link")


async def test_a_link_whose_secret_was_cut_short_leads_nowhere(server: ServerUnderTest) -> None:
    link = await server.open_link()
    body = {"token": server.token(link)[:-1], "device_key": "a-laptop"}
    refused(await server.ask("POST", "/api/join", json=body), 404, "unknown_link")


async def test_a_revoked_link_is_gone(server: ServerUnderTest) -> None:
    link = await server.open_link()
    await server.running.access.revoke(link.link_id)
    refused(await server.join(link), 410, "link_revoked")


async def test_a_reissued_link_has_a_new_address_and_the_old_one_is_unknown(server: ServerUnderTest) -> None:
    link = await server.open_link()
    fresh = await server.running.access.reissue(link.link_id)

    refused(await server.join(link), 404, "unknown_link")
    body = {"token": fresh, "device_key": "a-laptop"}
    assert (await server.ask("POST", "/api/join", json=body)).status == 200


async def test_a_room_opens_when_its_event_says_so(timed_server: ServerUnderTest, clock: FakeClock) -> None:
    session = await timed_server.session(starts_in_s=1_000, opens_before_s=900)
    link = await timed_server.link(session)

    early = refused(await timed_server.join(link), 425, "not_open_yet")
    assert datetime.fromisoformat(early.body["opens_at"]) == session.opens_at
    assert "14:01 (Paris)" in early.body["detail"]

    clock.advance(99)
    refused(await timed_server.join(link), 425, "not_open_yet")
    clock.advance(1)
    assert (await timed_server.join(link)).status == 200


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([SessionState.CANCELLED], "session_cancelled"),
        ([SessionState.MISSED], "session_over"),
        ([SessionState.ON_AIR, SessionState.ENDED], "session_over"),
        ([SessionState.ON_AIR, SessionState.CANCELLED], "session_cancelled"),
    ],
)
async def test_what_is_over_or_cancelled_lets_nobody_in(
    server: ServerUnderTest, states: list[SessionState], code: str
) -> None:
    link = await server.open_link()
    for state in states:
        async with server.running.database.transaction() as tx:
            await server.running.events.set_state(tx, link.session_id, state)
    refused(await server.join(link), 410, code)


async def test_somebody_removed_stays_out_even_by_resuming(server: ServerUnderTest) -> None:
    """A removal outranks any resume."""
    link = await server.open_link()
    assert (await server.join(link, "a-laptop")).status == 200

    await server.running.access.remove_person(link.session_id, link.person_id, by=PersonId("host"))

    refused(await server.join(link, "a-laptop"), 403, "removed")
    refused(await server.join(link, "a-phone", take_over=True), 403, "removed")
    await server.running.access.reissue(link.link_id)
    view = await server.running.access.view(server.running.access._key.token(link.link_id, 2))
    assert view.state == "removed"


async def test_a_second_device_is_asked_and_told_which_holds_the_seat(server: ServerUnderTest) -> None:
    """ROOM-2, CAL-10, PLUS-1."""
    link = await server.open_link()
    before = server.running.database.wall()
    assert (await server.join(link, "a-laptop", agent=FIREFOX)).status == 200

    reply = refused(await server.join(link, "a-phone", agent=IPHONE), 409, "seat_taken")

    assert reply.body["device"] == "Firefox on Windows"
    assert before <= datetime.fromisoformat(reply.body["since"]) <= before + timedelta(seconds=10)
    assert "Firefox on Windows" in reply.body["detail"]
    assert "(Paris)" in reply.body["detail"]
    assert (await server.join(link, "a-phone", take_over=True, agent=IPHONE)).status == 200
    back = refused(await server.join(link, "a-laptop"), 409, "seat_taken")
    assert back.body["device"] == "Safari on iPhone"


async def test_the_second_device_is_told_in_french(server: ServerUnderTest) -> None:
    link = await server.open_link()
    await server.join(link, "a-laptop", agent=FIREFOX)
    body = {"token": server.token(link), "device_key": "a-phone"}

    reply = await server.ask("POST", "/api/join", json=body, headers={"Accept-Language": "fr-CA, en;q=0.5"})

    assert reply.headers["Content-Language"] == "fr"
    assert reply.body["device"] == "Firefox sous Windows"
    assert reply.body["detail"].startswith(
        "Vous êtes déjà connecté sur un autre appareil (Firefox sous Windows"
    )
    assert "Continuer ici\u00a0?" in reply.body["detail"]


async def test_the_same_browser_resumes_silently(server: ServerUnderTest) -> None:
    """A reload never locks its owner out."""
    link = await server.open_link()
    first = await server.join(link, "a-laptop")
    again = await server.join(link, "a-laptop")

    assert (first.status, again.status) == (200, 200)
    assert first.body["ticket"] != again.body["ticket"]


async def test_an_event_may_refuse_to_move_seats(server: ServerUnderTest) -> None:
    link = await server.open_link(seat_policy=SeatPolicy.REFUSE)
    await server.join(link, "a-laptop")

    reply = refused(await server.join(link, "a-phone", take_over=True), 409, "seat_taken")

    assert reply.body["policy"] == "refuse"
    assert "Continue here" not in reply.body["detail"]
    assert (await server.join(link, "a-laptop")).status == 200


async def test_of_twenty_devices_at_once_exactly_one_wins(server: ServerUnderTest) -> None:
    """ROOM-2: one link, one live connection, under a race."""
    link = await server.open_link()

    replies = await asyncio.gather(*(server.join(link, f"device-{number}") for number in range(20)))

    assert Counter(reply.status for reply in replies) == {200: 1, 409: 19}
    assert {reply.body["code"] for reply in replies if reply.status == 409} == {"seat_taken"}


async def test_a_fourth_change_of_device_within_ten_minutes_freezes_the_link(
    timed_server: ServerUnderTest, clock: FakeClock
) -> None:
    link = await timed_server.open_link()
    for number in range(4):
        reply = await timed_server.join(link, f"device-{number}", take_over=True)
        assert reply.status == 200, f"device {number} is change {number}"
        clock.advance(60)

    frozen = refused(await timed_server.join(link, "device-4", take_over=True), 423, "link_frozen")

    assert "organiser" in frozen.body["detail"]
    refused(await timed_server.join(link, "device-3"), 423, "link_frozen")
    page = await timed_server.ask("GET", f"/a/{timed_server.token(link)}")
    assert page.status == 200
    assert '"state": "frozen"' in page.text


async def test_changes_of_device_spread_over_time_freeze_nothing(
    timed_server: ServerUnderTest, clock: FakeClock
) -> None:
    link = await timed_server.open_link()
    for number in range(12):
        assert (await timed_server.join(link, f"device-{number}", take_over=True)).status == 200
        clock.advance(201)


async def test_reloads_and_refused_devices_count_as_no_change(server: ServerUnderTest) -> None:
    link = await server.open_link()
    for number in range(8):
        assert (await server.join(link, "a-laptop")).status == 200
        refused(await server.join(link, f"phone-{number}"), 409, "seat_taken")


async def test_a_new_address_thaws_a_frozen_link(server: ServerUnderTest) -> None:
    link = await server.open_link()
    for number in range(5):
        await server.join(link, f"device-{number}", take_over=True)
    fresh = await server.running.access.reissue(link.link_id)

    body = {"token": fresh, "device_key": "device-9"}
    assert (await server.ask("POST", "/api/join", json=body)).status == 200


async def test_a_mail_scanner_that_opens_the_link_takes_nothing(server: ServerUnderTest) -> None:
    """ROOM-1: opening the link alone never takes the seat, in whatever way it is opened."""
    link = await server.open_link()
    path = f"/a/{server.token(link)}"

    for method, status in [("GET", 200), ("HEAD", 200), ("GET", 200), ("OPTIONS", 405), ("POST", 405)]:
        assert (await server.ask(method, path)).status == status
    assert (await server.ask("GET", "/api/join")).status == 405
    assert (await server.ask("POST", "/api/join", data={"token": server.token(link)})).status == 415

    async with server.running.database.reading() as reading:
        assert await store.seat(reading, link.link_id) is None
    assert (await server.join(link, "the-owner")).status == 200


async def test_opening_a_link_does_not_disturb_who_sits_there(server: ServerUnderTest) -> None:
    link = await server.open_link()
    ticket = (await server.join(link)).body["ticket"]
    admission = await server.running.access.redeem(ticket)

    for _ in range(5):
        await server.ask("GET", f"/a/{server.token(link)}")

    assert await server.running.access.holds(admission)
