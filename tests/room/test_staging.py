"""Media and the stage, on a real database with a media engine that remembers."""

from __future__ import annotations

import pytest

from media.engine import GoneReason, Kind, PeerGone, PeerId, Publishing, TrackEnded, TrackId, TrackStarted
from room_server.access.rules import Admission, Role
from room_server.errors import Refused
from room_server.events.rules import RoomType
from room_server.room.course import HandBack
from room_server.room.stage import StageView
from tests.room.world import World, on_air, room_of

SDP = "v=0"


def stage_as_told(here: World, who: Admission) -> StageView:
    return [told for told in here.notices.to(who) if isinstance(told, StageView)][-1]


def connect(here: World, who: Admission) -> PeerId:
    here.rooms.staging.connect(who, SDP)
    return max(here.media.peers)


def publish(here: World, peer: PeerId, audio: int, video: int) -> None:
    here.rooms.media_event(TrackStarted(TrackId(audio), peer, Kind.AUDIO))
    here.rooms.media_event(TrackStarted(TrackId(video), peer, Kind.VIDEO))


async def test_a_participant_receives_but_does_not_publish(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    peer = connect(here, ann)
    assert here.media.peers[peer][1] is Publishing.DENIED


async def test_an_invited_participant_publishes_with_a_new_offer(here: World) -> None:
    """ROOM-7: bring to the stage."""
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    first = connect(here, ann)

    await here.rooms.staging.invite(hal, ann.person_id)
    second = connect(here, ann)

    assert first not in here.media.peers
    assert here.media.peers[second][1] is Publishing.ALLOWED
    assert stage_as_told(here, ann).invited == (ann.person_id,)


async def test_what_is_published_on_the_stage_is_forwarded_on_air_only(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    publish(here, connect(here, hal), 7, 8)
    here.rooms.staging.enter(hal)
    key = room_of(here, session).key
    assert here.media.layouts[key] == ((None,) * 4, (None,) * 4)
    assert stage_as_told(here, ann).on_stage[0].audio_slot is None

    await here.rooms.hosting.start(hal)

    assert here.media.layouts[key] == ((None, 7, None, None), (None, 8, None, None))
    assert (
        stage_as_told(here, ann).on_stage[0].audio_slot,
        stage_as_told(here, ann).on_stage[0].video_slot,
    ) == (
        1,
        1,
    )


async def test_the_stage_of_an_automated_session_opens_for_a_host_who_took_over(here: World) -> None:
    """AUT-19."""
    session = await here.session(RoomType.AUTOMATED)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    publish(here, connect(here, hal), 7, 8)
    here.rooms.staging.enter(hal)
    key, source = room_of(here, session).key, here.media.sources[0]
    assert here.media.layouts[key][0] == (source.audio, None, None, None)

    await here.rooms.running.take_over(hal)
    assert here.media.layouts[key][0] == (source.audio, 7, None, None)

    await here.rooms.running.hand_back(hal, HandBack.LEFT_OFF)
    assert here.media.layouts[key][0] == (source.audio, None, None, None)


async def test_a_track_that_ends_frees_its_slot(here: World) -> None:
    session = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    publish(here, connect(here, hal), 7, 8)
    here.rooms.staging.enter(hal)
    await here.rooms.hosting.start(hal)
    here.rooms.media_event(TrackEnded(TrackId(8)))
    assert stage_as_told(here, hal).on_stage[0].video_slot is None
    assert stage_as_told(here, hal).on_stage[0].audio_slot == 1


async def test_who_leaves_the_room_leaves_the_stage(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    connect(here, hal)
    here.rooms.staging.enter(hal)
    await here.leave(hal)
    assert stage_as_told(here, ann).on_stage == ()
    assert not here.media.peers


async def test_an_invitation_outlives_a_reconnection_and_a_restart(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.staging.invite(hal, ann.person_id)
    await here.restart()
    ann = await here.enter(await here.sit(ann.link_id, session.session_id))
    assert here.snapshot(ann).me.may_publish
    here.rooms.staging.enter(ann)


async def test_leaving_the_stage_ends_a_participants_invitation(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.staging.invite(hal, ann.person_id)
    here.rooms.staging.enter(ann)
    await here.rooms.staging.leave(ann, None)
    with pytest.raises(Refused, match="not_invited"):
        here.rooms.staging.enter(ann)


async def test_a_moderator_sends_somebody_off_the_stage_and_a_participant_does_not(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    here.rooms.staging.enter(hal)
    with pytest.raises(Refused, match="not_allowed"):
        await here.rooms.staging.leave(ann, hal.person_id)
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    await here.rooms.staging.leave(zoe, hal.person_id)
    assert stage_as_told(here, ann).on_stage == ()


async def test_muting_silences_at_the_server_and_lasts(here: World) -> None:
    """ROOM-7."""
    session = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    publish(here, connect(here, zoe), 7, 8)
    here.rooms.staging.enter(zoe)

    await here.rooms.staging.mute(hal, zoe.person_id)
    assert here.media.muted == {TrackId(7)}
    assert stage_as_told(here, hal).on_stage[0].muted

    publish(here, connect(here, zoe), 9, 10)
    assert TrackId(9) in here.media.muted

    await here.rooms.staging.unmute(hal, zoe.person_id)
    assert TrackId(9) not in here.media.muted
    assert not stage_as_told(here, hal).on_stage[0].muted


async def test_a_view_needs_media_and_an_offer_must_be_one(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    with pytest.raises(Refused, match="no_offer"):
        here.rooms.staging.view(ann, 0, 720)
    with pytest.raises(Refused, match="offer_refused"):
        here.rooms.staging.connect(ann, "nonsense")
    peer = connect(here, ann)
    here.rooms.staging.view(ann, 0, 720)
    assert here.media.views == [(peer, 0, 720)]


async def test_a_peer_that_is_lost_ends_alone(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    peer = connect(here, ann)
    here.rooms.media_event(PeerGone(peer, room_of(here, session).key, GoneReason.CONSENT_TIMEOUT))
    with pytest.raises(Refused, match="no_offer"):
        here.rooms.staging.view(ann, 0, 720)
    connect(here, ann)
    here.rooms.staging.view(ann, 0, 720)


async def test_somebody_who_is_not_here_is_not_invited(here: World) -> None:
    session = await here.session()
    other = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    ann = await here.join(other.session_id, "Ann")
    with pytest.raises(Refused, match="unknown_person"):
        await here.rooms.staging.invite(hal, ann.person_id)
    with pytest.raises(Refused, match="unknown_person"):
        await here.rooms.staging.remove(hal, ann.person_id)
