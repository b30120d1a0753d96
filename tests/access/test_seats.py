"""Seats below HTTP: tickets, break before make, what frees a seat, and what a connection may still write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from media.engine import EngineRefused, Publishing, RoomKey
from room_server.access import store
from room_server.access.rules import (
    TEAM_PER_ROOM,
    ClosingReason,
    Link,
    Removed,
    Role,
    SeatMovedTo,
    TakeOver,
)
from room_server.access.service import Access, Admission, Closing
from room_server.access.tokens import hashed
from room_server.errors import Refused
from room_server.events.rules import SessionState
from room_server.ids import ConnectionId, PersonId
from tests.kit.clock import FakeClock
from tests.kit.patience import PATIENCE_S
from tests.kit.server import ServerUnderTest, start_server
from tests.media.offering import offer


class Sockets:
    """Stands for signalling: remembers what it was told to close, and closes when `finish` is set."""

    def __init__(self, access: Access) -> None:
        self.told: list[tuple[ConnectionId, Closing]] = []
        self.closed: list[ConnectionId] = []
        self.finish = asyncio.Event()
        self.finish.set()
        self.called = asyncio.Event()
        access.on_closing = self.close

    async def close(self, connection_id: ConnectionId, closing: Closing) -> None:
        self.told.append((connection_id, closing))
        self.called.set()
        await self.finish.wait()
        self.closed.append(connection_id)


async def sit(
    server: ServerUnderTest, link: Link, device_key: str, device: str = "Firefox on Windows"
) -> Admission:
    """Take the seat, moving it if need be, and use the ticket."""
    access = server.running.access
    taken = await access.take_seat(server.token(link), device_key, TakeOver.MOVE, device)
    return await access.redeem(taken.ticket)


async def refusal_of(ticket: str, access: Access) -> str:
    with pytest.raises(Refused) as refused:
        await access.redeem(ticket)
    return refused.value.code


async def test_a_ticket_admits_once(server: ServerUnderTest) -> None:
    link = await server.open_link()
    ticket = (await server.join(link)).body["ticket"]

    admission = await server.running.access.redeem(ticket)

    assert (admission.person_id, admission.session_id) == (link.person_id, link.session_id)
    assert await refusal_of(ticket, server.running.access) == "ticket_invalid"
    assert await server.running.access.holds(admission), "a second use takes nothing from the first"


async def test_of_twenty_uses_of_one_ticket_at_once_one_admits(server: ServerUnderTest) -> None:
    ticket = (await server.join(await server.open_link())).body["ticket"]

    outcomes = await asyncio.gather(
        *(server.running.access.redeem(ticket) for _ in range(20)), return_exceptions=True
    )

    assert sum(isinstance(outcome, Admission) for outcome in outcomes) == 1


@pytest.mark.parametrize("ticket", ["", "made-up", "x" * 100_000, "\ud800", "é"])
async def test_a_made_up_ticket_admits_nobody(server: ServerUnderTest, ticket: str) -> None:
    assert await refusal_of(ticket, server.running.access) == "ticket_invalid"


async def test_a_ticket_runs_out_after_ten_seconds_and_frees_the_seat(
    timed_server: ServerUnderTest, clock: FakeClock
) -> None:
    link = await timed_server.open_link()
    ticket = (await timed_server.join(link, "a-laptop")).body["ticket"]

    clock.advance(9.9)
    assert (await timed_server.join(link, "a-phone")).status == 409
    clock.advance(0.2)

    assert await refusal_of(ticket, timed_server.running.access) == "ticket_invalid"
    assert (await timed_server.join(link, "a-phone")).status == 200


async def test_a_used_ticket_keeps_the_seat_for_as_long_as_it_is_wanted(
    timed_server: ServerUnderTest, clock: FakeClock
) -> None:
    link = await timed_server.open_link()
    await sit(timed_server, link, "a-laptop")
    clock.advance(3 * 3_600)
    assert (await timed_server.join(link, "a-phone")).status == 409


async def test_leaving_frees_the_seat(server: ServerUnderTest) -> None:
    link = await server.open_link()
    admission = await sit(server, link, "a-laptop")

    await server.running.access.release(admission)

    assert not await server.running.access.holds(admission)
    assert (await server.join(link, "a-phone")).status == 200


async def test_a_leaving_that_could_not_be_stored_is_made_up_for(server: ServerUnderTest) -> None:
    """A disk that was full while somebody left must not keep their seat taken."""
    access, link = server.running.access, await server.open_link()
    admission = await sit(server, link, "a-laptop")
    async with server.running.database.transaction() as tx:
        await tx.execute(text("CREATE TABLE big (what BLOB)"))
        grow = (
            "CREATE TRIGGER grow BEFORE UPDATE ON seat BEGIN INSERT INTO big VALUES (zeroblob(99999999)); END"
        )
        await tx.execute(text(grow))
    async with server.running.database.transaction() as tx:
        await tx.execute(text("PRAGMA max_page_count=5000"))

    with pytest.raises(Refused) as refused:
        await access.release(admission)
    assert refused.value.code == "storage_full"
    assert await access.holds(admission)

    async with server.running.database.transaction() as tx:
        await tx.execute(text("DROP TRIGGER grow"))
    assert (await server.join(link, "a-phone")).status == 200


async def test_a_late_leaving_does_not_free_the_seat_of_who_came_after(server: ServerUnderTest) -> None:
    link = await server.open_link()
    old = await sit(server, link, "a-laptop")
    new = await sit(server, link, "a-phone")

    await server.running.access.release(old)

    assert await server.running.access.holds(new)
    assert new.fence == old.fence + 1


async def test_the_old_connection_is_closed_before_the_new_one_gets_its_ticket(
    server: ServerUnderTest,
) -> None:
    """ROOM-2: break before make."""
    access, link = server.running.access, await server.open_link()
    old = await sit(server, link, "a-laptop")
    sockets = Sockets(access)
    sockets.finish.clear()

    moving = asyncio.create_task(
        access.take_seat(server.token(link), "a-phone", TakeOver.MOVE, "Safari on iPhone")
    )
    await asyncio.wait_for(sockets.called.wait(), PATIENCE_S)

    assert not moving.done(), "no ticket while the old connection lives"
    assert not await access.holds(old), "yet nothing more is written for it"
    sockets.finish.set()
    taken = await asyncio.wait_for(moving, PATIENCE_S)
    assert sockets.closed == [old.connection_id]
    moved = sockets.told[0][1]
    assert isinstance(moved, SeatMovedTo)
    assert moved.device == "Safari on iPhone"
    assert (await access.redeem(taken.ticket)).fence == old.fence + 1


async def test_a_third_device_waits_for_the_first_to_close_too(server: ServerUnderTest) -> None:
    """The seat moves twice while the first holder still closes: the last one waits for it."""
    access, link = server.running.access, await server.open_link()
    first = await sit(server, link, "a-laptop")
    sockets = Sockets(access)
    sockets.finish.clear()
    second = asyncio.create_task(access.take_seat(server.token(link), "a-phone", TakeOver.MOVE, "a phone"))
    await asyncio.wait_for(sockets.called.wait(), PATIENCE_S)
    sockets.called.clear()

    third = asyncio.create_task(access.take_seat(server.token(link), "a-tablet", TakeOver.MOVE, "a tablet"))
    await asyncio.wait_for(sockets.called.wait(), PATIENCE_S)

    assert not third.done()
    sockets.finish.set()
    overtaken, taken = await asyncio.wait_for(asyncio.gather(second, third), PATIENCE_S)
    assert first.connection_id in sockets.closed
    assert await refusal_of(overtaken.ticket, access) == "ticket_invalid"
    assert (await access.redeem(taken.ticket)).fence == first.fence + 2


async def test_a_press_that_is_given_up_still_closes_the_old_connection(server: ServerUnderTest) -> None:
    access, link = server.running.access, await server.open_link()
    old = await sit(server, link, "a-laptop")
    sockets = Sockets(access)
    sockets.finish.clear()
    moving = asyncio.create_task(access.take_seat(server.token(link), "a-phone", TakeOver.MOVE, "a phone"))
    await asyncio.wait_for(sockets.called.wait(), PATIENCE_S)

    moving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await moving
    sockets.finish.set()
    await access.close()

    assert sockets.closed == [old.connection_id]


async def test_a_reload_closes_the_older_tab_of_the_same_browser(server: ServerUnderTest) -> None:
    access, link = server.running.access, await server.open_link()
    old = await sit(server, link, "a-laptop")
    sockets = Sockets(access)

    await sit(server, link, "a-laptop")

    assert [connection for connection, _ in sockets.told] == [old.connection_id]
    assert isinstance(sockets.told[0][1], SeatMovedTo)


async def test_a_write_for_a_connection_that_lost_its_seat_is_refused(server: ServerUnderTest) -> None:
    """Every durable write made for a connection carries its fence."""
    access, link = server.running.access, await server.open_link()
    old = await sit(server, link, "a-laptop")
    new = await sit(server, link, "a-phone")

    async with server.running.database.transaction() as tx:
        await access.check_holds(tx, new)
        with pytest.raises(Refused) as refused:
            await access.check_holds(tx, old)
    assert refused.value.code == "seat_moved"


@pytest.mark.parametrize("how", ["removed", "revoked", "reissued", "frozen", "session over"])
async def test_who_may_no_longer_sit_is_closed_with_the_reason(server: ServerUnderTest, how: str) -> None:
    access, link = server.running.access, await server.open_link()
    admission = await sit(server, link, "a-laptop")
    sockets = Sockets(access)

    match how:
        case "removed":
            await access.remove_person(link.session_id, link.person_id, by=PersonId("host"))
        case "revoked":
            await access.revoke(link.link_id)
        case "reissued":
            await access.reissue(link.link_id)
        case "session over":
            await access.close_session(link.session_id, ClosingReason.SESSION_OVER)
        case "frozen":
            for number in range(3):
                admission = await sit(server, link, f"phone-{number}")
            with pytest.raises(Refused):
                await sit(server, link, "one-too-many")

    reasons = {
        "removed": ClosingReason.REMOVED,
        "revoked": ClosingReason.LINK_REVOKED,
        "reissued": ClosingReason.LINK_REVOKED,
        "frozen": ClosingReason.LINK_FROZEN,
        "session over": ClosingReason.SESSION_OVER,
    }
    assert sockets.told[-1] == (admission.connection_id, Removed(reasons[how]))
    assert not await access.holds(admission)


async def test_a_ticket_given_before_a_removal_admits_nobody(server: ServerUnderTest) -> None:
    access, link = server.running.access, await server.open_link()
    ticket = (await server.join(link)).body["ticket"]
    await access.remove_person(link.session_id, link.person_id, by=PersonId("host"))
    assert await refusal_of(ticket, access) == "ticket_invalid"


async def test_a_ticket_given_before_a_cancellation_admits_nobody(server: ServerUnderTest) -> None:
    link = await server.open_link()
    ticket = (await server.join(link)).body["ticket"]
    async with server.running.database.transaction() as tx:
        await server.running.events.set_state(tx, link.session_id, SessionState.CANCELLED)
    assert await refusal_of(ticket, server.running.access) == "session_cancelled"


async def test_a_full_room_lets_nobody_more_in_but_its_own_people_back(
    server_for_two: ServerUnderTest,
) -> None:
    session = await server_for_two.session()
    first, second, third = [await server_for_two.link(session) for _ in range(3)]
    assert (await server_for_two.join(first)).status == 200
    assert (await server_for_two.join(second)).status == 200

    full = await server_for_two.join(third)

    assert (full.status, full.body["code"]) == (503, "room_full")
    assert int(full.headers["Retry-After"]) > 0
    assert (await server_for_two.join(first)).status == 200
    assert (await server_for_two.join(second, "another-device", take_over=True)).status == 200
    elsewhere = await server_for_two.link(await server_for_two.session())
    assert (await server_for_two.join(elsewhere)).status == 200


async def test_a_full_room_lets_its_hosts_and_moderators_in(server_for_two: ServerUnderTest) -> None:
    session = await server_for_two.session()
    for _ in range(2):
        assert (await server_for_two.join(await server_for_two.link(session))).status == 200
    host = await server_for_two.link(session, Role.HOST)
    moderator = await server_for_two.link(session, Role.MODERATOR)

    assert (await server_for_two.join(host)).status == 200
    assert (await server_for_two.join(moderator)).status == 200
    assert (await server_for_two.join(await server_for_two.link(session))).status == 503


async def test_hosts_and_moderators_take_no_place_of_a_participant(server_for_two: ServerUnderTest) -> None:
    session = await server_for_two.session()
    for role in (Role.HOST, Role.MODERATOR, Role.PARTICIPANT, Role.PARTICIPANT):
        assert (await server_for_two.join(await server_for_two.link(session, role))).status == 200


async def test_the_teams_places_are_many_but_not_endless(server_for_two: ServerUnderTest) -> None:
    session = await server_for_two.session()
    hosts = [await server_for_two.link(session, Role.HOST) for _ in range(TEAM_PER_ROOM + 1)]
    *seated, late = hosts
    for host in seated:
        assert (await server_for_two.join(host)).status == 200

    assert (await server_for_two.join(late)).body["code"] == "room_full"
    assert (await server_for_two.join(seated[0])).status == 200


async def test_media_has_a_place_for_the_team_of_a_full_room(tmp_path: Path) -> None:
    async with start_server(tmp_path, people_per_room=1) as server:
        session = await server.session()
        engine, key = server.running.engine, RoomKey(session.session_id)
        engine.open_room(key)
        for _ in range(1 + TEAM_PER_ROOM):
            engine.connect(key, offer("chromium-viewer"), Publishing.DENIED)
        with pytest.raises(EngineRefused, match="room_full"):
            engine.connect(key, offer("chromium-viewer"), Publishing.DENIED)


@pytest.fixture
async def server_for_two(tmp_path: Path) -> AsyncIterator[ServerUnderTest]:
    async with start_server(tmp_path, people_per_room=2) as running:
        yield running


async def test_the_database_holds_neither_tokens_nor_tickets_nor_device_keys(server: ServerUnderTest) -> None:
    """A leaked database opens no room."""
    link = await server.open_link()
    reply = await server.join(link, "a-very-recognisable-device-key")
    secrets = [server.token(link), reply.body["ticket"], "a-very-recognisable-device-key"]

    async with server.running.database.reading() as reading:
        seat = await store.seat(reading, link.link_id)
    folder = server.running.database.path.parent
    stored = b"".join(path.read_bytes() for path in folder.glob("room.sqlite3*"))

    assert seat is not None
    assert seat.ticket_hash == hashed(reply.body["ticket"])
    assert seat.ticket_hash.encode() in stored, "the check reads what was stored"
    assert not [secret for secret in secrets if secret.encode() in stored]


async def test_taking_a_seat_keeps_since_over_reloads(
    timed_server: ServerUnderTest, clock: FakeClock
) -> None:
    link = await timed_server.open_link()
    since = clock.now()
    await sit(timed_server, link, "a-laptop")
    clock.advance(300)
    await sit(timed_server, link, "a-laptop")

    reply = await timed_server.join(link, "a-phone")

    assert reply.body["since"] == since.isoformat().replace("+00:00", "Z")
