"""The socket's life: tickets, snapshots, requests, errors, take-over, removal, and rude clients."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
import socketio

from room_server.access.rules import Role
from room_server.events.rules import ChatMode, RoomType
from signaling.tables import REQUESTS
from signaling.wire import Snapshot
from tests.kit.patience import PATIENCE_S
from tests.room.waiting import until
from tests.room.world import on_air
from tests.signaling.raw_client import ConnectRefused, RawClient
from tests.signaling.served import Served, served


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
    restarted = await ann.request("media.restart", {"ice_ufrag": "anew"})
    assert restarted == {"ok": {"ice_ufrag": "anew-for-101", "ice_pwd": "password"}}
    assert (await ann.request("media.restart", {"ice_ufrag": "no"}))["error"]["code"] == "bad_request"
    refused = await ann.request("media.offer", {"sdp": "nonsense"})
    assert refused["error"]["code"] == "offer_refused"


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
    await until(lambda: rude.disconnected.is_set() or len(here.members(session.session_id)) == 2)
    if rude.disconnected.is_set():
        await until(lambda: len(here.members(session.session_id)) == 1)
    else:
        assert (await rude.request("chat.post", {"key": "k", "text": "Sorry"}))["ok"]


@pytest.mark.parametrize("data", [b"", b"\x04", b"4", b"x" * 10_000])
async def test_bytes_that_nobody_announced_harm_nobody(here: Served, data: bytes) -> None:
    """ROOM-4."""
    session = await here.world.session()
    rude = await here.join(session, "Rude")
    bob = await here.join(session, "Bob")
    await rude.ws.send_bytes(data)
    await rude.until(rude.disconnected.is_set)
    await until(lambda: len(here.members(session.session_id)) == 1)
    assert (await bob.request("chat.post", {"key": "k", "text": "Still here"}))["ok"]


@pytest.mark.parametrize(
    "query",
    ["", "EIO=4", "EIO=3&transport=websocket", "EIO=4&transport=polling", "EIO=4&transport=websocket"],
)
async def test_a_request_that_opens_no_websocket_is_refused(here: Served, query: str) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{here.url}/socket.io/?{query}") as answer,
    ):
        assert answer.status == 400


@pytest.mark.parametrize("length", [1, 124, 125, 126, 65_534, 65_535, 65_536, 300_000])
async def test_packets_of_every_length_arrive_whole(here: Served, length: int) -> None:
    """The length of a frame is written in three ways (RFC 6455, section 5.2)."""
    client = await RawClient.open(here.url)
    here.clients.append(client)
    await client.until(lambda: bool(client.received))
    opening = len(client.received)
    engine = here.signalling._server.eio
    await engine.send(next(iter(engine.sockets)), "x" * length)
    await engine.send(next(iter(engine.sockets)), "end")
    await client.until(lambda: client.received.endswith(b"end"))
    assert client.received[opening:] == b"4" + b"x" * length + b"4end"


async def test_nothing_is_compressed_for_each_reader_anew(here: Served) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{here.url}/socket.io/?EIO=4&transport=websocket", compress=15) as ws,
    ):
        assert not ws.compress


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
