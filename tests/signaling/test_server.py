"""The socket's life: tickets, snapshots, requests, errors, take-over, removal, and rude clients."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
import socketio

from room_server.access import store
from room_server.access.rules import Admission, Role
from room_server.events.rules import ChatMode, RoomType
from room_server.events.service import Events
from room_server.ids import MessageId, PersonId, SessionId
from room_server.room.chat import Message, MessageState
from room_server.room.notices import MessagePublished
from room_server.room.watch import LOOK_EVERY_S
from room_server.storage import Database
from signaling.fanout import MOST_BEHIND
from signaling.server import Patience
from signaling.tables import REQUESTS
from signaling.wire import PING_TIMEOUT_S, Snapshot
from tests.kit.patience import PATIENCE_S
from tests.room.waiting import until
from tests.room.world import NOON, on_air
from tests.signaling.raw_client import NAMESPACE, ConnectRefused, RawClient
from tests.signaling.served import Served, served

NEVER_S = 3_600


async def test_a_ticket_admits_once_and_the_snapshot_comes_first(here: Served) -> None:
    session = await here.world.session()
    link = await here.link(session, "Ann")
    ticket = await here.ticket(link)

    client = await RawClient.connect(here.url, ticket)
    here.clients.append(client)
    await client.until(lambda: len(client.notices) > 0)

    assert client.notices[0][0] == "room.snapshot"
    Snapshot.model_validate(client.notices[0][1])
    with pytest.raises(ConnectRefused, match="ticket_invalid"):
        await RawClient.connect(here.url, ticket)


@pytest.mark.parametrize("ticket", ["", "nonsense", "x" * 5_000, None, 7, {"a": 1}])
async def test_what_is_no_ticket_is_refused_with_a_code(here: Served, ticket: object) -> None:
    with pytest.raises(ConnectRefused) as refused:
        await RawClient.connect(here.url, ticket, {"Accept-Language": "fr-FR,fr;q=0.9"})
    assert refused.value.code == "ticket_invalid"
    assert refused.value.data == {"code": "ticket_invalid", "detail": "fr:ticket_invalid:"}


async def test_who_guesses_tickets_is_stopped_at_the_door(tmp_path: Path) -> None:
    """ROOM-4: an address that brought too many wrong tickets is refused, with a true one too."""
    async with served(tmp_path, wrong_tickets_per_minute=3) as here:
        ticket = await here.ticket(await here.link(await here.world.session(), "Ann"))
        for _guess in range(3):
            with pytest.raises(ConnectRefused, match="ticket_invalid"):
                await RawClient.connect(here.url, "a guess")
        with pytest.raises(ConnectRefused, match="rate_limited"):
            await RawClient.connect(here.url, ticket)


async def test_polling_is_not_spoken(here: Served) -> None:
    client = socketio.AsyncClient()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(here.url, transports=["polling"], namespaces=["/room"])
    await client.disconnect()


async def test_an_ordinary_client_library_is_understood(here: Served) -> None:
    """ROOM-4: other clients."""
    session = await here.world.session()
    link = await here.link(session, "Ann")
    client = socketio.AsyncClient(reconnection=False)
    told: asyncio.Queue[tuple[str, object]] = asyncio.Queue()

    async def keep(event: str, payload: object) -> None:
        await told.put((event, payload))

    client.on("*", keep, namespace="/room")
    await client.connect(
        here.url,
        transports=["websocket"],
        namespaces=["/room"],
        auth={"ticket": await here.ticket(link)},
    )
    event, _ = await asyncio.wait_for(told.get(), PATIENCE_S)
    assert event == "room.snapshot"
    answer = await client.call(
        "chat.post", {"key": "k", "text": "Hello"}, namespace="/room", timeout=PATIENCE_S
    )
    assert answer["ok"]["text"] == "Hello"
    await client.disconnect()


async def test_a_request_is_answered_and_told(here: Served) -> None:
    session = await here.world.session()
    ann = await here.join(session, "Ann")
    bob = await here.join(session, "Bob")
    answer = await ann.request("chat.post", {"key": "k1", "text": "Hello"})
    assert answer["ok"]["state"] == "published"
    assert (await bob.until_told("chat.message"))["message"] == answer["ok"]


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"key": "k"}, "text"),
        ({"key": "k", "text": ""}, "text"),
        ({"key": "k", "text": "x" * 2_001}, "text"),
        ({"key": "k", "text": 7}, "text"),
        ({"key": "no spaces", "text": "x"}, "key"),
        ({"key": "k", "text": "x", "more": 1}, "more"),
        (["k", "x"], None),
        ("text", None),
        (None, "key"),
    ],
)
async def test_a_malformed_payload_is_refused_naming_the_field(
    here: Served, payload: object, field: str | None
) -> None:
    """ROOM-4."""
    session = await here.world.session()
    ann = await here.join(session, "Ann")
    answer = await ann.request("chat.post", payload)
    assert answer["error"]["code"] == "bad_request"
    assert answer["error"]["field"] == field
    assert (await ann.request("chat.post", {"key": "k", "text": "x"}))["ok"]["text"] == "x"


async def test_an_unknown_event_is_refused(here: Served) -> None:
    session = await here.world.session()
    ann = await here.join(session, "Ann")
    answer = await ann.request("chat.hack", {})
    assert answer["error"]["code"] == "bad_request"


async def test_errors_are_worded_in_the_readers_language(here: Served) -> None:
    session = await here.world.session(mode=ChatMode.NONE)
    ann = await here.connect(await here.link(session, "Ann", language="fr"))
    answer = await ann.request("chat.post", {"key": "k", "text": "Salut"})
    assert answer["error"] == {
        "code": "chat_closed",
        "detail": "fr:chat_closed:",
        "field": None,
        "retry_after_s": None,
    }


@pytest.mark.parametrize("event", [name for name, one in REQUESTS.items() if one.limit <= 60])
async def test_every_request_has_its_limit(here: Served, event: str) -> None:
    """ROOM-4: rate-limited."""
    session = await here.world.session()
    ann = await here.join(session, "Ann")
    limit = REQUESTS[event].limit
    answers = await asyncio.gather(*(ann.request(event, {"x": 1}) for _ in range(2 * limit)))
    codes = [answer["error"]["code"] for answer in answers]
    assert codes[:limit] == ["bad_request"] * limit
    hasty = [answer["error"] for answer in answers if answer["error"]["code"] == "too_fast"]
    assert hasty
    assert all(error["retry_after_s"] > 0 for error in hasty)


async def test_a_bug_of_ours_is_answered_with_an_id_and_nothing_more(here: Served) -> None:
    session = await here.world.session()
    ann = await here.join(session, "Ann")

    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the server")

    here.world.media.connect = broken  # type: ignore[method-assign,assignment]
    answer = await ann.request("media.offer", {"sdp": "v=0"})
    assert answer["error"]["code"] == "internal"
    assert "secret" not in json.dumps(answer)
    assert "id=" in answer["error"]["detail"]


async def test_an_offer_is_answered(here: Served) -> None:
    session = await here.world.session()
    ann = await here.join(session, "Ann")
    assert (await ann.request("media.view", {"slot": 0, "max_height": 360}))["error"]["code"] == "no_offer"
    assert (await ann.request("media.offer", {"sdp": "v=0"}))["ok"]["sdp"].startswith("v=0 answer")
    assert (await ann.request("media.view", {"slot": 0, "max_height": 360})) == {"ok": {}}
    refused = await ann.request("media.offer", {"sdp": "nonsense"})
    assert refused["error"]["code"] == "offer_refused"


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
        assert [member.name for member in _members(here, session.session_id)] == ["Zoe"]
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


@pytest.mark.parametrize(
    "text",
    [
        "42/room,1[",
        "42/room,1{}",
        '42/room,1[{"a":1}]',
        "42/room,1[]",
        "42/room," + "[" * 50_000,
        '42/room,1["chat.post",{"key":"k","text":"\\ud800"}]',
        '42/room,1["disconnect"]',
        '42/room,1["connect",{}]',
        "451-/room,[",
        '42/room,1["connect",{},{"ticket":"x"}]',
        '42/room,1["disconnect","x"]',
        "",
        "9",
        "\x00",
    ],
)
async def test_broken_packets_harm_nobody(here: Served, text: str) -> None:
    """ROOM-4: who sends them is closed, and gone from the room, or hears an error."""
    session = await here.world.session()
    rude = await here.join(session, "Rude")
    bob = await here.join(session, "Bob")
    await rude.send_text(text)
    assert (await bob.request("chat.post", {"key": "k", "text": "Still here"}))["ok"]
    await bob.until(lambda: bool(bob.told("chat.message")))
    await until(lambda: rude.disconnected.is_set() or len(_members(here, session.session_id)) == 2)
    if rude.disconnected.is_set():
        await until(lambda: len(_members(here, session.session_id)) == 1)
    else:
        assert (await rude.request("chat.post", {"key": "k", "text": "Sorry"}))["ok"]


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
        here_now = _members(here, session.session_id)
        to_slow = [member.connection_id for member in here_now if member.name == "Slow"]

        for _ in range(MOST_BEHIND * 5):
            here.world.ports.fanout.tell(to_slow, told)
            await asyncio.sleep(0)
            if len(_members(here, session.session_id)) == 1:
                break

        await until(lambda: len(_members(here, session.session_id)) == 1)
        assert (await ann.request("chat.post", {"key": "k", "text": "Still here"}))["ok"]


def _members(here: Served, session_id: SessionId) -> list[Admission]:
    room = here.world.rooms._rooms.here(session_id)
    return list(room.state.roster.members.values()) if room else []


async def test_nothing_is_compressed_for_each_reader_anew(here: Served) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{here.url}/socket.io/?EIO=4&transport=websocket", compress=15) as ws,
    ):
        assert not ws.compress


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
        await until(lambda: not _members(here, session.session_id), within_s=PING_TIMEOUT_S)


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
    await until(lambda: len(_members(here, session.session_id)) == 1)
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


async def test_a_host_runs_an_automated_session_over_the_wire(here: Served) -> None:
    """ROOM-7, AUT-19."""
    session = await here.world.session(RoomType.AUTOMATED)
    ann = await here.join(session, "Ann")
    hal = await here.join(session, "Hal", Role.HOST)
    assert ann.told("room.snapshot")[0]["timeline"] is None
    assert [item["item_id"] for item in hal.told("room.snapshot")[0]["timeline"]["items"]] == ["one", "two"]
    await on_air(here.world, session)
    assert (await ann.until_told("session.state"))["state"] == "on_air"

    for event, payload in (
        ("playback.take_over", {}),
        ("playback.hand_back", {"where": "left_off"}),
        ("playback.skip_to", {"item_id": "two"}),
        ("playback.extend_buffer", {"seconds": 30}),
        ("playback.shorten_buffer", {"seconds": 30}),
        ("cta.launch", {"cta_id": "more"}),
        ("cta.withdraw", {"cta_id": "more"}),
    ):
        assert await hal.request(event, payload) == {"ok": {}}, event
    assert (await ann.until_told("cta.show"))["cta"]["url"].startswith("https://")
    assert (await ann.until_told("playback.position"))["item_id"] == "two"
    assert hal.told("playback.timeline")
