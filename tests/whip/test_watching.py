"""WHEP: any player watches, by a link's one seat (PLUS-13)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from media.engine import GoneReason, PeerGone
from room_server.access.rules import Role
from room_server.room.stage import SLOTS, Picture
from tests.kit.clock import FakeClock
from tests.kit.server import FIREFOX, ServerUnderTest, start_server
from tests.media.engine_peers import Plain, luma, silence
from tests.media.offering import offer
from tests.whip.streaming import FRAGMENT, NEW_NAMES, PLAYER, SDP, host_in, people, room_of, streams, until

LIGHT, DARK = 200, 40


async def test_a_player_sees_who_publishes_and_their_delete_frees_the_seat(server: ServerUnderTest) -> None:
    """PLUS-13: any player watches."""
    session = await server.session()
    await host_in(server, session)
    link, camera = await server.link(session), await server.link(session, Role.HOST, "Studio")
    async with streams(server, 2) as (player, program):
        await program.send(camera, silence(), Plain(LIGHT))
        await player.watch(link)
        frames = await player.slot("video", 0).until(lambda frames: len(frames) > 10)
        assert abs(luma(frames[-1]) - LIGHT) < 30
        await player.slot("audio", 0).until(lambda frames: len(frames) > 10)
        assert "Camille" in people(server, session)

        assert (await player.delete()).status == 200

        assert "Camille" not in people(server, session)
        assert (await server.join(link)).status == 200
        assert (await player.delete()).status == 404


async def test_the_answer_names_the_stream_its_ice_session_and_what_it_takes(server: ServerUnderTest) -> None:
    link = await server.open_link()
    async with streams(server) as [player]:
        await player.watch(link)
        headers = player.reply.headers
        assert headers["Content-Type"] == SDP
        assert headers["Location"].startswith(f"{server.url}/api/streams/")
        assert server.token(link) not in headers["Location"]
        assert headers["ETag"].startswith('"')
        assert headers["Accept-Patch"] == FRAGMENT
        assert "Link" not in headers


async def test_a_turn_server_is_told_in_links(tmp_path: Path) -> None:
    urls = ("turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:443")
    secret = "a secret of the TURN server"
    async with (
        start_server(tmp_path, turn_urls=urls, turn_secret=secret) as server,
        streams(server) as [player],
    ):
        await player.watch(await server.open_link())
        links = player.reply.headers.getall("Link")  # type: ignore[attr-defined]
    assert [link.partition(">")[0].removeprefix("<") for link in links] == list(urls)
    for link in links:
        assert 'rel="ice-server"' in link
        assert 'username="' in link
        assert 'credential="' in link
        assert 'credential-type="password"' in link


async def test_a_bearer_token_stands_for_the_link(server: ServerUnderTest) -> None:
    link = await server.open_link()
    async with streams(server) as [player]:
        player.receive(1, 1)
        headers = {"Content-Type": SDP, "Authorization": f"Bearer {server.token(link)}"}
        player.reply = await server.ask("POST", "/api/whep", data=await player.offer(), headers=headers)
        await player.accept()
        wrong = {"Authorization": "Bearer another"}
        assert (await player.patch(NEW_NAMES, "*", **wrong)).status == 403
        assert (await server.ask("DELETE", player.path, headers=wrong)).status == 403
        right = {"Authorization": headers["Authorization"]}
        assert (await server.ask("DELETE", player.path, headers=right)).status == 200


@pytest.mark.parametrize("said", [None, "Basic QTpC", "Bearer", "Bearer \xff", "Bearer a b"])
async def test_without_a_token_one_is_asked_for(server: ServerUnderTest, said: str | None) -> None:
    headers = {"Content-Type": SDP} | ({} if said is None else {"Authorization": said})
    reply = await server.ask("POST", "/api/whep", data=offer("aiortc-viewer"), headers=headers)
    assert (reply.status, reply.body["code"]) == (401, "no_token")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


# ---- the seat


async def test_a_player_asks_before_it_takes_a_browsers_seat_and_then_the_browser_is_out(
    server: ServerUnderTest,
) -> None:
    """ROOM-1: one link, one live connection."""
    session = await server.session()
    link = await server.link(session)
    joined = await server.join(link)
    who = await server.running.access.redeem(joined.body["ticket"])
    async with streams(server, 2) as (asking, moving):
        asking.receive(1, 1)
        refused = await asking.post("whep", link)
        assert (refused.status, refused.body["code"]) == (409, "seat_taken")
        assert refused.body["device"] == "Firefox on Windows"
        assert await server.running.access.holds(who)

        await moving.watch(link, "?take_over=true")

        assert not await server.running.access.holds(who)
        assert people(server, session) == ["Camille"]


async def test_two_players_behind_one_address_are_two(server: ServerUnderTest) -> None:
    """ROOM-1: what looks like the same device does not move the seat unasked."""
    session = await server.session()
    link = await server.link(session)
    async with streams(server, 3) as (first, second, third):
        await first.watch(link)
        second.receive(1, 1)
        assert (await second.post("whep", link)).status == 409
        assert first.connection.connectionState != "closed"

        await third.watch(link, "?take_over=true")

        assert (await first.delete()).status == 404, "the stream that lost the seat is over"
        assert people(server, session) == ["Camille"]


async def test_a_player_that_comes_again_and_again_does_not_freeze_its_link(server: ServerUnderTest) -> None:
    link = await server.open_link()
    for _ in range(6):
        async with streams(server) as [player]:
            await player.watch(link)
            await player.delete()


async def test_a_browser_moves_the_seat_away_from_a_player(server: ServerUnderTest) -> None:
    """ROOM-2."""
    session = await server.session()
    link = await server.link(session)
    async with streams(server) as [player]:
        await player.watch(link)
        await until(lambda: player.connection.connectionState == "connected")
        refused = await server.join(link)
        assert (refused.status, refused.body["device"]) == (409, "VLC")
        assert (await server.join(link, take_over=True)).status == 200
        assert (await player.delete()).status == 404
        await until(lambda: player.connection.connectionState == "closed")


async def test_a_revoked_link_ends_its_stream(server: ServerUnderTest) -> None:
    session = await server.session()
    link = await server.link(session)
    async with streams(server) as [player]:
        await player.watch(link)
        await server.running.access.revoke(link.link_id)
        assert people(server, session) == []
        assert (await player.delete()).status == 404


async def test_who_is_removed_watches_no_more_and_does_not_come_back(server: ServerUnderTest) -> None:
    """ROOM-7."""
    session = await server.session()
    host = await host_in(server, session)
    link = await server.link(session)
    async with streams(server, 2) as (player, again):
        await player.watch(link)
        await server.running.rooms.staging.remove(host, link.person_id)
        assert people(server, session) == ["Hal"]
        again.receive(1, 1)
        reply = await again.post("whep", link)
        assert (reply.status, reply.body["code"]) == (403, "removed")


async def test_streams_end_with_their_session(server: ServerUnderTest) -> None:
    session = await server.session()
    host = await host_in(server, session)
    async with streams(server, 2) as (player, late):
        await player.watch(await server.link(session))
        await until(lambda: player.connection.connectionState == "connected")
        await server.running.rooms.hosting.end(host)
        await until(lambda: player.connection.connectionState == "closed")
        late.receive(1, 1)
        reply = await late.post("whep", await server.link(session))
        assert (reply.status, reply.body["code"]) == (410, "session_over")


async def test_media_that_say_goodbye_end_the_stream_and_a_delete_after_it_is_no_error(
    server: ServerUnderTest,
) -> None:
    """Clients close their connection before they delete the stream."""
    session = await server.session()
    link = await server.link(session)
    async with streams(server) as [player]:
        await player.watch(link)
        await until(lambda: player.connection.connectionState == "connected")
        await player.connection.close()
        await until(lambda: people(server, session) == [])
        assert (await player.delete()).status == 200
        assert (await server.join(link)).status == 200


async def test_a_player_without_consent_loses_the_seat(server: ServerUnderTest) -> None:
    """DELETE or 15 s without consent frees the seat; here the engine's word for the latter."""
    session = await server.session()
    link = await server.link(session)
    async with streams(server) as [player]:
        await player.watch(link)
        room = room_of(server, session)
        assert room is not None
        [peer] = room.peers
        server.running._media_event(PeerGone(peer, room.key, GoneReason.CONSENT_TIMEOUT))
        await until(lambda: people(server, session) == [])
        assert (await player.delete()).status == 404
        await until(lambda: not server.running.streams._endings)
        assert (await server.join(link)).status == 200


@pytest.mark.slow
async def test_a_player_that_vanishes_loses_the_seat_within_its_fifteen_seconds(
    server: ServerUnderTest,
) -> None:
    session = await server.session()
    link = await server.link(session)
    async with streams(server) as [player]:
        await player.watch(link)
        await until(lambda: player.connection.connectionState == "connected")
        ice = player.connection.getTransceivers()[0].receiver.transport.transport
        began = asyncio.get_running_loop().time()
        await ice._connection.close()  # no goodbye of DTLS, no check from here on
        await until(lambda: people(server, session) == [])
        assert 5 < asyncio.get_running_loop().time() - began < 20


async def test_a_stop_of_the_server_frees_the_seats_of_its_streams(tmp_path: Path) -> None:
    async with start_server(tmp_path) as server:
        link = await server.open_link()
        access = server.running.access
        async with streams(server) as [player]:
            await player.watch(link)
            [stream] = server.running.streams._streams.values()
            assert await access.holds(stream.who)
            await server.running.streams.close()
            assert not await access.holds(stream.who)


# ---- what takes nothing


@pytest.mark.parametrize(
    ("sdp", "status", "reason"),
    [
        ("hello", 400, "sdp_malformed"),
        (offer("aiortc-viewer").replace("VP8", "VP7"), 422, "codec_missing"),
        (offer("aiortc-viewer").replace("recvonly", "sendonly"), 422, "nothing_to_receive"),
        (offer("aiortc-viewer").replace("recvonly", "inactive"), 422, "nothing_to_receive"),
    ],
)
async def test_an_offer_that_is_refused_takes_no_seat(
    server: ServerUnderTest, sdp: str, status: int, reason: str
) -> None:
    session = await server.session()
    link = await server.link(session)
    joined = await server.join(link)
    who = await server.running.access.redeem(joined.body["ticket"])
    path = f"/api/whep/{server.token(link)}?take_over=true"
    reply = await server.ask("POST", path, data=sdp, headers={"Content-Type": SDP})
    assert (reply.status, reply.body["code"], reply.body["reason"]) == (status, "offer_refused", reason)
    assert await server.running.access.holds(who)


async def test_another_content_type_is_told_which_is_taken(server: ServerUnderTest) -> None:
    link = await server.open_link()
    headers = {"Content-Type": "application/json", "Accept-Language": "fr"}
    reply = await server.ask("POST", f"/api/whep/{server.token(link)}", data="{}", headers=headers)
    assert (reply.status, reply.body["code"]) == (415, "unsupported_media_type")
    assert SDP in reply.body["detail"]
    assert reply.body["detail"].startswith("Le serveur")


async def test_an_offer_without_end_is_not_read(server: ServerUnderTest) -> None:
    link = await server.open_link()
    path = f"/api/whep/{server.token(link)}"
    reply = await server.ask("POST", path, data="v" * 70_000, headers={"Content-Type": SDP})
    assert (reply.status, reply.body["code"]) == (413, "too_large")
    reply = await server.ask("POST", path, data=b"v=0\xff", headers={"Content-Type": SDP})
    assert (reply.status, reply.body["code"]) == (400, "malformed")


async def test_a_wrong_link_and_one_that_is_early_are_told_apart(
    timed_server: ServerUnderTest, clock: FakeClock
) -> None:
    server = timed_server
    link = await server.open_link(starts_in_s=3_600)
    async with streams(server, 2) as (player, stranger):
        player.receive(1, 1)
        early = await player.post("whep", link)
        assert (early.status, early.body["code"]) == (425, "not_open_yet")
        assert "opens_at" in early.body
        stranger.receive(1, 1)
        headers = {"Content-Type": SDP}
        reply = await server.ask("POST", "/api/whep/nobody", data=await stranger.offer(), headers=headers)
        assert (reply.status, reply.body["code"]) == (404, "unknown_link")


async def test_who_guesses_links_is_stopped(tmp_path: Path) -> None:
    async with start_server(tmp_path, unknown_links_per_minute=2) as server:
        sdp, headers = offer("aiortc-viewer"), {"Content-Type": SDP}
        asked = [await server.ask("POST", "/api/whep/guess", data=sdp, headers=headers) for _ in range(3)]
        assert [reply.status for reply in asked] == [404, 404, 429]


# ---- what is watched


async def test_a_player_follows_who_speaks_and_a_shared_screen(server: ServerUnderTest) -> None:
    """PLUS-13: with one picture it gets the one that matters."""
    session = await server.session()
    host = await host_in(server, session)
    async with streams(server, 3) as (light, dark, player):
        await light.send(await server.link(session, Role.HOST, "Light"), Plain(LIGHT))
        await dark.send(await server.link(session, Role.HOST, "Dark"), Plain(DARK))
        room = room_of(server, session)
        assert room is not None
        await until(lambda: len(room.state.stage.tracks) == 2)
        await player.watch(await server.link(session))
        picture = player.slot("video", 0)
        await picture.until(lambda frames: bool(frames) and abs(luma(frames[-1]) - LIGHT) < 30)

        [second] = [one.who for one in server.running.streams._streams.values() if one.who.name == "Dark"]
        server.running.rooms.staging.show(second, Picture.SCREEN)
        await picture.until(lambda frames: bool(frames) and abs(luma(frames[-1]) - DARK) < 30)

        await server.running.rooms.staging.leave(host, second.person_id)
        await picture.until(lambda frames: bool(frames) and abs(luma(frames[-1]) - LIGHT) < 30)


async def test_a_player_that_may_send_too_only_receives(server: ServerUnderTest) -> None:
    """Some players leave the direction at what it is by default."""
    session = await server.session()
    await host_in(server, session)
    async with streams(server, 2) as (program, player):
        await program.send(await server.link(session, Role.HOST, "Light"), Plain(LIGHT))
        player.connection.addTransceiver("audio", direction="sendrecv")
        player.connection.addTransceiver("video", direction="sendrecv")
        reply = await player.post("whep", await server.link(session))
        assert reply.text.count("a=sendonly") == 2
        await player.accept()
        await player.slot("video", 0).until(lambda frames: len(frames) > 5)


async def test_a_player_has_slots_of_its_own_numbers(server: ServerUnderTest) -> None:
    async with streams(server) as [player]:
        player.receive(4, 4)
        reply = await player.post("whep", await server.open_link())
        for slot in range(SLOTS, 2 * SLOTS):
            assert f"a=msid:slot-{slot} " in reply.text


async def test_streams_are_counted(server: ServerUnderTest) -> None:
    async with streams(server) as [player]:
        await player.watch(await server.open_link())
        async with server.http.get(server.running.metrics_url) as reply:
            text = await reply.text()
        assert "room_whep_streams 1.0" in text
        assert "room_whip_streams 0.0" in text
        assert 'room_joins_total{outcome="taken"} 1.0' in text


def test_players_are_named_by_what_they_say_of_themselves() -> None:
    from room_server.access.device import describe

    assert describe(PLAYER) == "VLC"
    assert describe("Mozilla/5.0 (OBS-Studio/31.0.0; Windows x86_64; en-US)") == "OBS on Windows"
    assert describe("GStreamer souphttpsrc 1.22.0 libsoup/2.74.3") == "GStreamer"
    assert describe(FIREFOX) == "Firefox on Windows"
