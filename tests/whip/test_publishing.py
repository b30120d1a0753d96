"""WHIP: a program publishes to the stage as its link's person (PLUS-13, RFC 9725)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiortc import RTCRtpSender

from media.engine import GoneReason, PeerGone
from room_server.access.rules import Role
from tests.kit.certificates import Authority
from tests.kit.server import ServerUnderTest
from tests.media.engine_peers import Plain, luma, silence
from tests.media.offering import FINGERPRINT, offer
from tests.whip.broadcast import LIGHT, broadcasting
from tests.whip.streaming import SDP, Stream, host_in, people, room_of, streams, until


def with_h264_alone(program: Stream) -> None:
    """Offer what broadcasting programs offer: H.264, and no VP8."""
    codecs = RTCRtpSender.getCapabilities("video").codecs
    alone = [codec for codec in codecs if codec.mimeType == "video/H264"]
    for transceiver in program.connection.getTransceivers():
        if transceiver.kind == "video":
            transceiver.setCodecPreferences(alone)


async def test_a_program_stands_on_the_stage_from_its_first_second(server: ServerUnderTest) -> None:
    """PLUS-13: OBS publishes to the stage."""
    session = await server.session()
    await host_in(server, session)
    studio = await server.link(session, Role.HOST, "Studio")
    async with streams(server) as [program]:
        await program.send(studio, silence(), Plain(LIGHT))
        assert program.reply.text.count("a=recvonly") == 2
        room = room_of(server, session)
        assert room is not None
        await until(lambda: len(room.state.stage.tracks) == 2)
        [on_stage] = room.state.stage.view().on_stage
        assert (on_stage.name, on_stage.audio_slot, on_stage.video_slot) == ("Studio", 1, 1)
        assert "Studio" in people(server, session)

        assert (await program.delete()).status == 200

        assert room.state.stage.view().on_stage == ()
        assert people(server, session) == ["Hal"]
        assert room.state.stage.kept == (), "who ends gives the place up"


async def test_a_bearer_token_is_what_obs_sends(server: ServerUnderTest) -> None:
    session = await server.session()
    studio = await server.link(session, Role.MODERATOR, "Studio")
    async with streams(server) as [program]:
        program.publish(silence(), Plain(LIGHT))
        headers = {"Content-Type": SDP, "Authorization": f"Bearer {server.token(studio)}"}
        program.reply = await server.ask("POST", "/api/whip", data=await program.offer(), headers=headers)
        await program.accept()
        assert people(server, session) == ["Studio"]


async def test_an_attendee_may_not_publish_and_keeps_the_seat_free(server: ServerUnderTest) -> None:
    session = await server.session()
    link = await server.link(session)
    async with streams(server) as [program]:
        program.publish(silence(), Plain(LIGHT))
        reply = await program.post("whip", link)
        assert (reply.status, reply.body["code"]) == (403, "not_allowed")
        assert people(server, session) == []
        assert (await server.join(link)).status == 200


async def test_h264_alone_is_taken_and_reaches_who_decodes_it(server: ServerUnderTest) -> None:
    """PLUS-13: OBS encodes H.264; a browser or player that can is shown it as it is."""
    session = await server.session()
    await host_in(server, session)
    async with streams(server, 2) as (program, player):
        program.publish(silence(), Plain(LIGHT))
        with_h264_alone(program)
        await program.post("whip", await server.link(session, Role.HOST, "Studio"))
        assert "VP8" not in program.reply.text
        assert "H264/90000" in program.reply.text
        await program.accept()
        room = room_of(server, session)
        assert room is not None
        assert [one.needs for one in room.state.stage.view().on_stage] == ["h264"]
        await player.watch(await server.link(session))
        frames = await player.slot("video", 0).until(lambda frames: len(frames) > 5)
        assert abs(luma(frames[-1]) - LIGHT) < 30


async def test_ffmpeg_publishes_and_gives_up_its_place_as_it_ends(
    server: ServerUnderTest, tmp_path: Path
) -> None:
    """PLUS-13: a public program that is not ours, with H.264 of its own encoder."""
    session = await server.session()
    await host_in(server, session)
    studio = await server.link(session, Role.HOST, "Studio")
    files = Authority().issue(tmp_path, "program")
    async with (
        broadcasting(f"{server.url}/api/whip", server.token(studio), files) as program,
        streams(server) as [player],
    ):
        await until(lambda: "Studio" in people(server, session))
        await player.watch(await server.link(session))
        frames = await player.slot("video", 0).until(lambda frames: len(frames) > 20)
        assert abs(luma(frames[-1]) - LIGHT) < 30
        await player.slot("audio", 0).until(lambda frames: len(frames) > 20)

        assert program.stdin is not None
        program.stdin.close()

        assert await program.wait() == 0
        assert people(server, session) == ["Hal", "Camille"]
        room = room_of(server, session)
        assert room is not None
        assert room.state.stage.kept == ()


# As libdatachannel, which OBS has, writes it; the encoder's lines are the test's.
OBS = """v=0
o=rtc 3767197920 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=group:LS 0 1
a=msid-semantic:WMS *
a=setup:actpass
a=ice-ufrag:OcTd
a=ice-pwd:0123456789abcdefABCDEF
a=ice-options:ice2,trickle
a=fingerprint:sha-256 {fingerprint}
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=ssrc:1 cname:obs
a=ssrc:1 msid:obs audio
a=msid:obs audio
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=sendonly
a=ssrc:2 cname:obs
a=ssrc:2 msid:obs video
a=msid:obs video
a=rtcp-mux
a=rtpmap:96 {codec}/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
{fmtp}""".replace("\n", "\r\n")
MODE_1 = "a=fmtp:96 profile-level-id={};packetization-mode=1;level-asymmetry-allowed=1\r\n"


@pytest.mark.parametrize(
    ("codec", "fmtp"),
    [
        ("H264", MODE_1.format("42e01f")),
        ("H264", MODE_1.format("42001f")),
        ("H264", MODE_1.format("640032")),
        ("AV1", ""),
    ],
)
async def test_what_a_program_encodes_is_what_it_is_answered(
    server: ServerUnderTest, codec: str, fmtp: str
) -> None:
    """PLUS-13: whatever profile OBS or another program has."""
    session = await server.session()
    sdp = OBS.format(fingerprint=FINGERPRINT, codec=codec, fmtp=fmtp)
    path = f"/api/whip/{server.token(await server.link(session, Role.HOST, 'Studio'))}"
    reply = await server.ask("POST", path, data=sdp, headers={"Content-Type": SDP})
    assert reply.status == 201
    assert f"a=rtpmap:96 {codec}/90000" in reply.text
    assert fmtp.partition("profile-level-id=")[2][:6] in reply.text
    assert reply.text.count("a=recvonly") == 2
    room = room_of(server, session)
    assert room is not None
    assert [one.needs for one in room.state.stage.view().on_stage] == [codec.lower()]


async def test_who_offers_vp8_is_asked_for_it(server: ServerUnderTest) -> None:
    """ROOM-3: everybody decodes VP8."""
    session = await server.session()
    async with streams(server) as [program]:
        await program.send(await server.link(session, Role.HOST, "Studio"), Plain(LIGHT))
        assert "VP8/90000" in program.reply.text
        assert "H264" not in program.reply.text


@pytest.mark.parametrize(
    ("sdp", "reason"),
    [
        (offer("aiortc-viewer"), "nothing_to_send"),
        (offer("aiortc-host").replace("VP8", "VP7").replace("H264", "H265"), "codec_missing"),
    ],
)
async def test_an_offer_that_is_refused_takes_no_seat(server: ServerUnderTest, sdp: str, reason: str) -> None:
    session = await server.session()
    studio = await server.link(session, Role.HOST, "Studio")
    path = f"/api/whip/{server.token(studio)}"
    reply = await server.ask("POST", path, data=sdp, headers={"Content-Type": SDP})
    assert (reply.status, reply.body["reason"]) == (422, reason)
    assert (await server.join(studio)).status == 200


async def test_what_a_program_only_receives_is_left_idle(server: ServerUnderTest) -> None:
    """RFC 9725 section 4.2: WHIP is one way."""
    session = await server.session()
    async with streams(server) as [program]:
        program.publish(Plain(LIGHT))
        program.receive(1, 0)
        reply = await program.post("whip", await server.link(session, Role.HOST, "Studio"))
        assert reply.text.count("a=recvonly") == 1
        assert reply.text.count("a=inactive") == 1


async def test_a_full_stage_takes_no_seat(server: ServerUnderTest) -> None:
    session = await server.session()
    async with streams(server, 4) as programs:
        *three, late = programs
        for number, program in enumerate(three):
            await program.send(await server.link(session, Role.HOST, f"Studio {number}"), Plain(LIGHT))
        link = await server.link(session, Role.HOST, "Late")
        late.publish(Plain(LIGHT))
        reply = await late.post("whip", link)
        assert (reply.status, reply.body["code"]) == (409, "stage_full")
        assert len(people(server, session)) == 3
        assert (await server.join(link)).status == 200


async def test_a_program_is_muted_and_sent_off_as_anybody(server: ServerUnderTest) -> None:
    """ROOM-7."""
    session = await server.session()
    host = await host_in(server, session)
    studio = await server.link(session, Role.HOST, "Studio")
    staging = server.running.rooms.staging
    async with streams(server, 2) as (program, again):
        await program.send(studio, silence(), Plain(LIGHT))
        room = room_of(server, session)
        assert room is not None
        await until(lambda: len(room.state.stage.tracks) == 2)

        await staging.mute(host, studio.person_id)
        assert room.state.stage.view().on_stage[0].muted

        await staging.leave(host, studio.person_id)
        assert room.state.stage.view().on_stage == ()
        assert "Studio" in people(server, session), "sent off the stage, not out of the room"

        again.publish(Plain(LIGHT))
        await again.post("whip", studio, "?take_over=true")
        assert room.state.stage.is_on(studio.person_id), "streaming anew enters anew"

        await staging.remove(host, studio.person_id)
        assert people(server, session) == ["Hal"]


async def test_a_program_that_says_goodbye_gives_its_place_up(server: ServerUnderTest) -> None:
    session = await server.session()
    await host_in(server, session)
    async with streams(server) as [program]:
        await program.send(await server.link(session, Role.HOST, "Studio"), Plain(LIGHT))
        await until(lambda: program.connection.connectionState == "connected")
        await program.connection.close()
        await until(lambda: people(server, session) == ["Hal"])
        room = room_of(server, session)
        assert room is not None
        assert room.state.stage.kept == ()


async def test_a_program_that_is_lost_keeps_its_place_and_comes_back_to_it(server: ServerUnderTest) -> None:
    session = await server.session()
    studio = await server.link(session, Role.HOST, "Studio")
    async with streams(server, 2) as (program, again):
        await program.send(studio, Plain(LIGHT))
        room = room_of(server, session)
        assert room is not None
        await host_in(server, session)  # the room stays
        [peer] = room.peers
        server.running._media_event(PeerGone(peer, room.key, GoneReason.CONSENT_TIMEOUT))
        await until(lambda: people(server, session) == ["Hal"])
        assert dict(room.state.stage.kept) == {studio.person_id: 1}
        await until(lambda: not server.running.streams._endings)

        await again.send(studio, Plain(LIGHT))

        assert {one.person_id: one.place for one in room.state.stage.people} == {studio.person_id: 1}


async def test_a_browser_takes_over_from_the_program(server: ServerUnderTest) -> None:
    """ROOM-2: one link, one live connection, whatever speaks."""
    session = await server.session()
    studio = await server.link(session, Role.HOST, "Studio")
    async with streams(server) as [program]:
        await program.send(studio, Plain(LIGHT))
        await until(lambda: program.connection.connectionState == "connected")
        assert (await server.join(studio, take_over=True)).status == 200
        await until(lambda: program.connection.connectionState == "closed")
        assert (await program.delete()).status == 404


async def test_an_early_program_is_told_when_the_room_opens(server: ServerUnderTest) -> None:
    session = await server.session(starts_in_s=3_600)
    studio = await server.link(session, Role.HOST, "Studio")
    async with streams(server) as [program]:
        program.publish(Plain(LIGHT))
        reply = await program.post("whip", studio)
        assert (reply.status, reply.body["code"]) == (425, "not_open_yet")
        assert json.loads(reply.text)["opens_at"]
