"""How a connection ends over the wire: moved, removed, cut off, closed with its session or its node."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from room_server.access import store
from room_server.access.rules import Role
from room_server.events.rules import ChatMode
from room_server.events.service import Events
from room_server.ids import MessageId, PersonId
from room_server.room.chat import Message, MessageState
from room_server.room.notices import MessagePublished
from room_server.room.watch import LOOK_EVERY_S
from room_server.storage import Database
from signaling.server import Patience
from signaling.wire import PING_TIMEOUT_S
from tests.room.waiting import until
from tests.room.world import NOON
from tests.signaling.raw_client import NAMESPACE, RawClient
from tests.signaling.served import NEVER_S, Served, served


@pytest.mark.parametrize(("language", "device"), [("en", "Firefox on Linux"), ("fr", "Firefox sous Linux")])
async def test_another_device_takes_the_seat_over(here: Served, language: str, device: str) -> None:
    """ROOM-2: the first one hears why, nothing comes after it, and it is closed before the second is told."""
    session = await here.world.session()
    link = await here.link(session, "Ann", language=language)
    old = await here.connect(link, "laptop")
    await old.request("media.offer", {"sdp": "v=0"})

    new = await here.connect(link, "phone")

    await old.until(old.disconnected.is_set)
    assert old.notices[-1][0] == "seat.moved"
    assert old.notices[-1][1]["device"] == device
    assert not here.world.media.peers
    assert new.told("room.snapshot")[0]["count"] == 1


async def test_the_seat_is_free_once_the_socket_is_gone(here: Served) -> None:
    session = await here.world.session()
    link = await here.link(session, "Ann")
    ann = await here.connect(link, "laptop")
    await ann.close()

    await until(lambda: here.world.rooms._rooms.here(session.session_id) is None)
    async with here.world.db.transaction() as tx:  # the release, which was under way, has its turn first
        seat = await store.seat(tx, link.link_id)
    assert seat is not None
    assert seat.connection_id is None


async def test_a_removed_person_hears_it_and_is_out_before_the_removal_is_acknowledged(
    tmp_path: Path,
) -> None:
    """ROOM-7: no time-out is waited for, and closing may take no more than half of the second promised."""
    assert Patience().close_s <= 0.5
    async with served(tmp_path, Patience(close_s=NEVER_S)) as here:
        session = await here.world.session()
        link = await here.link(session, "Ann")
        ann = await here.connect(link)
        await ann.request("media.offer", {"sdp": "v=0"})
        zoe = await here.join(session, "Zoe", Role.MODERATOR)

        answer = await zoe.request("person.remove", {"person_id": link.person_id})

        assert answer == {"ok": {}}
        assert not here.world.media.peers
        assert [member.name for member in here.members(session.session_id)] == ["Zoe"]
        await ann.until(ann.disconnected.is_set)
        assert ann.notices[-1] == ("seat.removed", {"reason": "removed"})
        assert (await zoe.until_told("room.person"))["here"] is False


async def test_the_end_is_acknowledged_told_and_closes_everyone(here: Served) -> None:
    session = await here.world.session()
    ann = await here.join(session, "Ann")
    hal = await here.join(session, "Hal", Role.HOST)
    assert await hal.request("session.start", {}) == {"ok": {}}

    assert await hal.request("session.end") == {"ok": {}}

    for client in (ann, hal):
        await client.until(client.disconnected.is_set)
        assert client.told("session.state")[-1]["state"] == "ended"
        assert client.notices[-1] == ("seat.removed", {"reason": "session_over"})


async def test_a_huge_message_closes_who_sent_it_and_harms_nobody(here: Served) -> None:
    """10 MB in one request."""
    session = await here.world.session()
    rude = await here.join(session, "Rude")
    bob = await here.join(session, "Bob")

    with suppress(ConnectionError):
        await rude.send_text('42/room,1["chat.post",{"key":"k","text":"' + "x" * 10_000_000 + '"}]')

    await rude.until(rude.disconnected.is_set)
    assert (await bob.request("chat.post", {"key": "k", "text": "Still here"}))["ok"]
    assert not bob.told("chat.message")[0]["message"]["text"].startswith("xx")


async def test_who_floods_is_cut_off(here: Served) -> None:
    session = await here.world.session()
    rude = await here.join(session, "Rude")
    bob = await here.join(session, "Bob")
    with suppress(ConnectionError):
        for number in range(400):
            await rude.send_text(f'42/room,{number}["session.start",{{}}]')
    await rude.until(rude.disconnected.is_set)
    assert (await bob.request("chat.post", {"key": "k", "text": "Still here"}))["ok"]


async def test_a_reader_that_stops_reading_is_cut_off_and_nobody_waits(tmp_path: Path) -> None:
    """Slow consumers are bounded: what waits for one reader, and what waits for nobody."""
    state, mode = MessageState.PUBLISHED, ChatMode.OPEN
    told = MessagePublished(
        Message(MessageId("m"), PersonId("p"), "Ann", False, "x" * 20_000, state, NOON, mode)
    )
    async with served(tmp_path, Patience(ping_timeout_s=NEVER_S)) as here:
        session = await here.world.session()
        ann = await here.join(session, "Ann")
        slow = await here.join(session, "Slow")
        slow._reading.cancel()
        here_now = here.members(session.session_id)
        to_slow = [member.connection_id for member in here_now if member.name == "Slow"]

        for _ in range(5_000):
            here.world.ports.fanout.tell(to_slow, told)
            await asyncio.sleep(0)
            if len(here.members(session.session_id)) == 1:
                break

        await until(lambda: len(here.members(session.session_id)) == 1)
        assert (await ann.request("chat.post", {"key": "k", "text": "Still here"}))["ok"]


async def test_a_socket_that_brings_no_ticket_is_closed(tmp_path: Path) -> None:
    async with served(tmp_path, Patience(connect_s=0.05)) as here:
        client = await RawClient.open(here.url)
        here.clients.append(client)
        await client.until(client.disconnected.is_set, within_s=Patience().connect_s / 2)


async def test_a_reader_that_answers_no_ping_is_let_go(tmp_path: Path) -> None:
    """ROOM-8: who vanished is no longer counted."""
    async with served(tmp_path, Patience(ping_every_s=1, ping_timeout_s=1)) as here:
        session = await here.world.session()
        silent = await here.join(session, "Silent")
        silent.answers_pings = False
        # Sooner than with what a server is patient with unasked.
        await until(lambda: not here.members(session.session_id), within_s=PING_TIMEOUT_S)


async def test_closing_the_node_closes_every_socket(here: Served) -> None:
    session = await here.world.session()
    ann = await here.join(session, "Ann")
    await here.signalling.close()
    await ann.until(ann.disconnected.is_set)
    assert not ann.told("seat.removed")


async def test_a_revoked_link_hears_so(here: Served) -> None:
    session = await here.world.session()
    link = await here.link(session, "Ann")
    ann = await here.connect(link)
    await here.world.access.revoke(link.link_id)
    await ann.until(ann.disconnected.is_set)
    assert ann.notices[-1] == ("seat.removed", {"reason": "link_revoked"})


@pytest.mark.parametrize(("goodbye", "stays"), [(True, False), (False, True)])
async def test_a_goodbye_leaves_the_stage_and_a_lost_socket_does_not(
    here: Served, goodbye: bool, stays: bool
) -> None:
    session = await here.world.session()
    link = await here.link(session, "Hal", Role.HOST)
    hal = await here.connect(link)
    bob = await here.join(session, "Bob")
    assert await hal.request("stage.enter") == {"ok": {}}
    if goodbye:
        await hal.send_text(f"41{NAMESPACE},")
    else:
        await hal.ws.close()
    await until(lambda: len(here.members(session.session_id)) == 1)
    await bob.until(lambda: bob.told("stage.changed")[-1]["on_stage"] == [])
    room = here.world.rooms._rooms.here(session.session_id)
    assert room is not None
    await until(lambda: bool(room.state.stage.kept) is stays)

    again = await here.connect(link)

    on_stage = again.told("room.snapshot")[0]["stage"]["on_stage"]
    assert [one["name"] for one in on_stage] == (["Hal"] if stays else [])


async def test_a_cancellation_by_another_process_is_heard_at_the_next_look(here: Served) -> None:
    """ROOM-8: on air and in the lobby, within a second."""
    assert LOOK_EVERY_S + Patience().close_s < 1
    on_stage, in_lobby = await here.world.session(), await here.world.session()
    ann, hal = await here.join(on_stage, "Ann"), await here.join(on_stage, "Hal", Role.HOST)
    bob = await here.join(in_lobby, "Bob")
    assert await hal.request("session.start") == {"ok": {}}
    database = await Database.attach(here.world.db.path, here.world.clock.now)
    for session in (on_stage, in_lobby):
        await Events(database).cancel(session.session_id)
    await database.close()

    await here.world.rooms._watch.look()

    for client in (ann, hal, bob):
        await client.until(client.disconnected.is_set)
        assert client.told("session.state")[-1]["state"] == "cancelled"
        assert client.notices[-1] == ("seat.removed", {"reason": "session_cancelled"})
