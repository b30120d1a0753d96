"""Media and the stage, on a real database with a media engine that remembers."""

from __future__ import annotations

import pytest

from media.codecs import Codec
from media.engine import (
    GoneReason,
    LayersWanted,
    PeerGone,
    Publishing,
    Speaking,
    TrackEnded,
    TrackId,
)
from room_server.access.rules import ClosingReason, Removed, Role
from room_server.errors import Refused
from room_server.events.rules import RoomType
from room_server.room import notices
from room_server.room.course import HandBack
from room_server.room.stage import Picture, StageView
from tests.room.publishing import connect, publish, stage_as_told
from tests.room.world import World, on_air, room_of


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
    await here.rooms.staging.enter(hal)
    key = room_of(here, session).key
    assert here.media.layouts[key] == ((None,) * 8, (None,) * 8)
    assert stage_as_told(here, ann).on_stage[0].audio_slot is None

    await here.rooms.hosting.start(hal)

    nobody = (None,) * 3
    assert here.media.layouts[key] == ((None, 7, None, None, 7, *nobody), (None, 8, None, None, 8, *nobody))
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
    await here.rooms.staging.enter(hal)
    key, source, nobody = room_of(here, session).key, here.media.sources[0], (None,) * 3
    assert here.media.layouts[key][0] == (source.audio, *nobody, source.audio, *nobody)

    await here.rooms.running.take_over(hal)
    assert here.media.layouts[key][0] == (source.audio, 7, None, None, 7, source.audio, None, None)

    await here.rooms.running.hand_back(hal, HandBack.LEFT_OFF)
    assert here.media.layouts[key][0] == (source.audio, *nobody, source.audio, *nobody)


async def test_a_track_that_ends_frees_its_slot(here: World) -> None:
    session = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    publish(here, connect(here, hal), 7, 8)
    await here.rooms.staging.enter(hal)
    await here.rooms.hosting.start(hal)
    here.rooms.media_event(TrackEnded(TrackId(8)))
    assert stage_as_told(here, hal).on_stage[0].video_slot is None
    assert stage_as_told(here, hal).on_stage[0].audio_slot == 1


async def test_everyone_is_told_who_shows_a_screen_until_they_stop_or_step_off(here: World) -> None:
    """ROOM-7: a screen is shown whole, so viewers have to know it from a face."""
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.staging.enter(hal)

    shown = []
    for picture in (Picture.SCREEN, Picture.CAMERA, Picture.SCREEN):
        here.rooms.staging.show(hal, picture)
        shown.append(stage_as_told(here, ann).on_stage[0].shows)
    assert shown == [Picture.SCREEN, Picture.CAMERA, Picture.SCREEN]

    await here.rooms.staging.leave(hal, None)
    await here.rooms.staging.enter(hal)
    assert stage_as_told(here, ann).on_stage[0].shows is Picture.CAMERA


async def test_who_leaves_the_room_leaves_the_stage(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    connect(here, hal)
    await here.rooms.staging.enter(hal)
    await here.leave(hal)
    assert stage_as_told(here, ann).on_stage == ()
    assert not here.media.peers


async def test_leaving_the_stage_ends_a_participants_invitation(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.staging.invite(hal, ann.person_id)
    await here.rooms.staging.enter(ann)
    await here.rooms.staging.leave(ann, None)
    with pytest.raises(Refused, match="not_invited"):
        await here.rooms.staging.enter(ann)


async def test_a_moderator_sends_participants_and_moderators_off_the_stage_and_no_host(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    yan = await here.join(session.session_id, "Yan", Role.MODERATOR)
    await here.rooms.staging.invite(zoe, ann.person_id)
    for one in (ann, hal, yan):
        await here.rooms.staging.enter(one)

    for who, whom in ((ann, yan), (ann, hal), (zoe, hal)):
        with pytest.raises(Refused, match="not_allowed"):
            await here.rooms.staging.leave(who, whom.person_id)
    for whom in (ann, yan):
        await here.rooms.staging.leave(zoe, whom.person_id)

    assert [one.person_id for one in stage_as_told(here, ann).on_stage] == [hal.person_id]


async def test_a_removal_is_stored_at_once_before_anybody_is_told(here: World) -> None:
    """ROOM-2: under the fence of who removes."""
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.staging.invite(hal, ann.person_id)
    await here.rooms.staging.enter(ann)

    async def no_more_writes() -> None:
        here.db.trouble = "storage_full"

    here.db.before_commit = no_more_writes
    await here.rooms.staging.remove(hal, ann.person_id)

    assert here.closed == [(ann.connection_id, Removed(ClosingReason.REMOVED))]
    assert stage_as_told(here, hal).on_stage == ()
    here.db.trouble = None
    with pytest.raises(Refused, match="removed"):
        await here.sit(ann.link_id, session.session_id)


async def test_muting_silences_at_the_server_and_lasts(here: World) -> None:
    """ROOM-7."""
    session = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    publish(here, connect(here, zoe), 7, 8)
    await here.rooms.staging.enter(zoe)

    await here.rooms.staging.mute(hal, zoe.person_id)
    assert here.media.muted == {TrackId(7)}
    assert stage_as_told(here, hal).on_stage[0].muted

    publish(here, connect(here, zoe), 9, 10)
    assert TrackId(9) in here.media.muted

    await here.rooms.staging.unmute(hal, zoe.person_id)
    assert TrackId(9) not in here.media.muted
    assert not stage_as_told(here, hal).on_stage[0].muted


async def test_everyone_is_told_who_speaks_on_the_stage(here: World) -> None:
    """ROOM-7: a voice shows, but for one that is muted, off the stage, or gone."""
    session = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    ann = await here.join(session.session_id, "Ann")
    await here.rooms.hosting.start(hal)
    publish(here, connect(here, hal), 7, 8)
    here.rooms.media_event(Speaking(TrackId(7), True))
    assert not any(isinstance(told, StageView) for told in here.notices.to(ann)), "not on the stage"
    await here.rooms.staging.enter(hal)
    assert stage_as_told(here, ann).on_stage[0].speaking

    here.rooms.media_event(Speaking(TrackId(7), False))
    assert not stage_as_told(here, ann).on_stage[0].speaking
    here.rooms.media_event(Speaking(TrackId(7), True))
    here.rooms.media_event(TrackEnded(TrackId(7)))
    publish(here, connect(here, hal), 9, 10)
    assert not stage_as_told(here, ann).on_stage[0].speaking, "another track, silent so far"


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


async def test_media_go_on_by_another_name_after_a_change_of_network(here: World) -> None:
    """ROOM-3: the newest connection of who asks, and no other."""
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    with pytest.raises(Refused, match="no_offer"):
        here.rooms.staging.restart_ice(ann, "anew")
    connect(here, ann)
    peer = connect(here, ann)
    assert here.rooms.staging.restart_ice(ann, "anew").ufrag == f"anew-for-{peer}"


async def test_a_publisher_alone_hears_which_of_their_layers_are_watched(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    connect(here, ann)
    peer = connect(here, hal)
    wanted = LayersWanted(peer, "5", ("q", "h"))
    here.rooms.media_event(wanted)

    told = notices.LayersWanted("5", ("q", "h"))
    assert told in here.notices.to(hal)
    assert told not in here.notices.to(ann)

    here.rooms.media_event(PeerGone(peer, room_of(here, session).key, GoneReason.CLOSED))
    here.rooms.media_event(wanted)
    assert here.notices.to(hal).count(told) == 1


async def test_publishers_hear_what_everybody_decodes_and_it_never_grows(here: World) -> None:
    session = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    ann = await here.join(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")
    connect(here, hal)
    every = notices.CodecsDecoded((Codec.VP8, Codec.VP9, Codec.AV1))
    assert here.notices.to(hal).count(every) == 1

    connect(here, ann)
    assert here.notices.to(hal).count(every) == 1, "nothing changed"
    here.media.decodes = frozenset({Codec.VP8, Codec.VP9})
    connect(here, bob)
    fewer = notices.CodecsDecoded((Codec.VP8, Codec.VP9))
    assert here.notices.to(hal).count(fewer) == 1
    assert not {every, fewer} & set(here.notices.to(ann) + here.notices.to(bob))

    await here.leave(bob)
    here.media.decodes = frozenset(Codec)
    connect(here, hal)
    assert here.notices.to(hal).count(fewer) == 2, "bob may be back"
    assert here.notices.to(hal).count(every) == 1


async def test_a_peer_that_is_lost_ends_alone(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    peer = connect(here, ann)
    here.rooms.media_event(PeerGone(peer, room_of(here, session).key, GoneReason.CONSENT_TIMEOUT))
    with pytest.raises(Refused, match="no_offer"):
        here.rooms.staging.view(ann, 0, 720)
    connect(here, ann)
    here.rooms.staging.view(ann, 0, 720)


@pytest.mark.parametrize(
    ("reason", "told"),
    [(GoneReason.CONSENT_TIMEOUT, 1), (GoneReason.DTLS_FAILED, 1), (GoneReason.CLOSED, 0)],
)
async def test_who_lost_their_media_hears_so_but_not_who_closed_it(
    here: World, reason: GoneReason, told: int
) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")
    replaced = connect(here, ann)
    peer = connect(here, ann)
    here.rooms.media_event(PeerGone(replaced, room_of(here, session).key, reason))
    assert notices.MediaLost() not in here.notices.to(ann), "another took its place"
    here.rooms.media_event(PeerGone(peer, room_of(here, session).key, reason))
    assert here.notices.to(ann).count(notices.MediaLost()) == told
    assert notices.MediaLost() not in here.notices.to(bob)


async def test_somebody_who_is_not_here_is_not_invited(here: World) -> None:
    session = await here.session()
    other = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    ann = await here.join(other.session_id, "Ann")
    with pytest.raises(Refused, match="unknown_person"):
        await here.rooms.staging.invite(hal, ann.person_id)
    with pytest.raises(Refused, match="unknown_person"):
        await here.rooms.staging.remove(hal, ann.person_id)
