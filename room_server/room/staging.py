"""The stage and media: connecting, inviting, entering, muting, removing.

Invitations, mutes and places on the stage are rows, so they outlive a reconnection and a restart: who was on
the stage and comes back is on it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from media.engine import (
    Connected,
    EngineEvent,
    EngineRefused,
    GoneReason,
    IceCredentials,
    Kind,
    LayersWanted,
    Muting,
    NegotiationRefused,
    Offer,
    PeerGone,
    PeerId,
    Publishing,
    Speaking,
    TrackEnded,
    TrackId,
    TrackStarted,
)
from room_server.access import store as access_store
from room_server.access.rules import Admission, Link
from room_server.errors import Refused
from room_server.ids import PersonId
from room_server.room import notices, store
from room_server.room.live import Room
from room_server.room.permissions import Action, is_team, require, require_over
from room_server.room.ports import Ports
from room_server.room.rooms import Rooms
from room_server.room.stage import Picture, Stage
from room_server.storage import Transaction

_log = structlog.get_logger(__name__)


class Staging:
    """What people do with media and on the stage."""

    def __init__(self, rooms: Rooms, ports: Ports) -> None:
        self._rooms = rooms
        self._ports = ports

    # ---- media

    def connect(self, who: Admission, sdp: str) -> str:
        """Return the SDP answer; what `who` had connected before is closed.

        Raise `Refused`: offer_refused with `reason`, room_full, seat_moved.
        """
        room = self._rooms.of(who)
        may = room.state.stage.may_publish(who)
        publishing = Publishing.ALLOWED if may else Publishing.DENIED
        return _joined(room, who, lambda: self._ports.media.connect(room.key, sdp, publishing)).answer_sdp

    def connect_stream(self, who: Admission, offer: Offer, first_slot: int) -> Connected:
        """Connect a stream whose offer was read; what it receives are the slots from `first_slot` on.

        Raise `Refused`: room_full, seat_moved.
        """
        room = self._rooms.of(who)
        return _joined(room, who, lambda: self._ports.media.connect_stream(room.key, offer, first_slot))

    def restart_ice(self, who: Admission, remote_ufrag: str) -> IceCredentials:
        """Let the media of `who` go on after a change of network.  Raise `Refused` no_offer, seat_moved."""
        peer = self._rooms.of(who).peer_of(who)
        if peer is None:
            raise Refused("no_offer")
        return self._ports.media.restart_ice(peer, remote_ufrag)

    def view(self, who: Admission, slot: int, max_height: int) -> None:
        """Say how high `who` shows a video slot.  Raise `Refused` no_offer."""
        peer = self._rooms.of(who).peer_of(who)
        if peer is None:
            raise Refused("no_offer")
        self._ports.media.set_view(peer, slot, max_height)

    def media_event(self, event: EngineEvent) -> None:
        """Follow what the engine says: tracks come and go, layers are watched or not, peers are lost."""
        match event:
            case TrackStarted(track, peer, kind):
                self._track_started(track, peer, kind)
            case TrackEnded(track):
                self._track_ended(track)
            case PeerGone(peer, _, reason):
                self._peer_gone(peer, reason)
            case Speaking(track, speaking):
                self._heard(track, speaking)
            case LayersWanted(peer, mid, rids):
                self._layers_wanted(peer, mid, rids)
            case _:
                pass

    def _track_started(self, track: TrackId, peer: PeerId, kind: Kind) -> None:
        room = self._rooms.with_peer(peer)
        if room is None:
            return
        who = room.peers[peer]
        if kind is Kind.AUDIO and who.person_id in room.state.stage.muted:
            self._set_muted((track,), muted=True)
        self._restage(room, room.state.stage.publishing(who.person_id, kind, track))

    def _track_ended(self, track: TrackId) -> None:
        room = self._rooms.with_track(track)
        if room is not None:
            self._restage(room, room.state.stage.track_ended(track))

    def _heard(self, track: TrackId, speaking: bool) -> None:
        room = self._rooms.with_track(track)
        if room is not None:
            self._restage(room, room.state.stage.heard(track, speaking=speaking))

    def _peer_gone(self, peer: PeerId, reason: GoneReason) -> None:
        room = self._rooms.with_peer(peer)
        if room is None:
            return
        who = room.peers.pop(peer)
        if reason in (GoneReason.CONSENT_TIMEOUT, GoneReason.DTLS_FAILED):
            _log.info("media_lost", connection=who.connection_id, reason=reason)
            self._ports.fanout.tell([who.connection_id], notices.MediaLost())

    def _layers_wanted(self, peer: PeerId, mid: str, rids: tuple[str, ...]) -> None:
        room = self._rooms.with_peer(peer)
        if room is not None:
            to = room.peers[peer].connection_id
            self._ports.fanout.tell([to], notices.LayersWanted(mid, rids))

    # ---- the stage

    async def invite(self, who: Admission, person_id: PersonId) -> None:
        """Let a participant publish and enter.  Raise `Refused`: not_allowed, unknown_person, seat_moved."""
        require(who, Action.INVITE)
        room = self._rooms.of(who)
        guest = _member(room, person_id)
        if is_team(guest.role):
            return
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            await store.set_invited(tx, who.session_id, person_id, True)
        stage = room.state.stage
        self._restage(room, replace(stage, invited=stage.invited | {person_id}))

    async def enter(self, who: Admission) -> None:
        """Enter the stage.  Raise `Refused`: not_invited, stage_full, seat_moved."""
        room = self._rooms.of(who)
        if room.state.stage.is_on(who.person_id):
            return
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            one = room.state.stage.place_for(who)
            await store.set_place(tx, who.session_id, who.person_id, one.place)
        stage = room.state.stage.stood(one)
        here = room.state.roster.get(who.person_id) is not None  # they may have gone as it was stored
        self._restage(room, stage if here else stage.away(who.person_id))

    async def leave(self, who: Admission, person_id: PersonId | None) -> None:
        """Step off the stage, or send `person_id` off it.  A participant's invitation ends.

        Raise `Refused`: not_allowed, unknown_person, seat_moved.
        """
        room = self._rooms.of(who)
        leaving = who.person_id if person_id is None else person_id
        await self._step_off(who, leaving)
        self._restage(room, room.state.stage.dismissed(leaving))

    def show(self, who: Admission, picture: Picture) -> None:
        """Say what the video of `who` shows.  Raise `Refused` not_invited."""
        room = self._rooms.of(who)
        if not room.state.stage.may_publish(who):
            raise Refused("not_invited")
        self._restage(room, room.state.stage.showing(who.person_id, picture))

    def is_on_stage(self, who: Admission) -> bool:
        room = self._rooms.here(who.session_id)
        return room is not None and room.state.stage.is_on(who.person_id)

    async def quit(self, who: Admission) -> None:
        """Take somebody who left the room by a press off the stage, before their seat is free.

        Raise `Refused` seat_moved, when they are back already.
        """
        await self._step_off(who, who.person_id)
        room = self._rooms.here(who.session_id)
        if room is not None:
            self._restage(room, room.state.stage.dismissed(who.person_id))

    async def _step_off(self, who: Admission, leaving: PersonId) -> None:
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            if leaving != who.person_id:
                await _link_below(tx, who, Action.INVITE, leaving)
            await store.step_off(tx, who.session_id, leaving)

    async def mute(self, who: Admission, person_id: PersonId) -> None:
        """Silence somebody at the server.  Raise `Refused`: not_allowed, unknown_person, seat_moved."""
        await self._mute(who, person_id, muted=True)

    async def unmute(self, who: Admission, person_id: PersonId) -> None:
        """Let somebody be heard again.  Raise `Refused`: not_allowed, unknown_person, seat_moved."""
        await self._mute(who, person_id, muted=False)

    async def remove(self, who: Admission, person_id: PersonId) -> None:
        """Remove somebody from the session for good, here or not.

        Raise `Refused`: not_allowed, not_yourself, unknown_person, seat_moved.
        """
        require(who, Action.REMOVE)
        if person_id == who.person_id:
            raise Refused("not_yourself")
        room = self._rooms.of(who)
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            link = await _link_below(tx, who, Action.REMOVE, person_id)
            await store.step_off(tx, who.session_id, person_id)
            displaced = await self._ports.seats.remove_in(tx, link, who.person_id)
        self._restage(room, room.state.stage.dismissed(person_id))
        await self._ports.seats.close_removed(link, displaced)

    async def _mute(self, who: Admission, person_id: PersonId, *, muted: bool) -> None:
        require(who, Action.MUTE)
        room = self._rooms.of(who)
        require_over(who, Action.MUTE, _member(room, person_id).role)
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            await store.set_muted(tx, who.session_id, person_id, muted)
        stage = room.state.stage
        silenced = stage.muted | {person_id} if muted else stage.muted - {person_id}
        self._set_muted(stage.tracks_of(person_id, Kind.AUDIO), muted=muted)
        self._restage(room, replace(stage, muted=silenced))

    def _set_muted(self, tracks: tuple[TrackId, ...], *, muted: bool) -> None:
        for track in tracks:
            self._ports.media.set_muted(track, Muting.MUTED if muted else Muting.AUDIBLE)

    def _restage(self, room: Room, stage: Stage) -> None:
        room.state = replace(room.state, stage=stage)
        room.refresh_stage()


def _joined(room: Room, who: Admission, connect: Callable[[], Connected]) -> Connected:
    try:
        connected = connect()
    except NegotiationRefused as refused:
        raise Refused("offer_refused", 400, {"reason": refused.code}) from refused
    except EngineRefused as refused:
        raise Refused("room_full", 503, {"reason": refused.code}) from refused
    room.state = replace(room.state, stage=room.state.stage.needing(who.person_id, connected.needs))
    room.add_peer(connected.peer, who, connected.decodes)
    return connected


async def _link_below(tx: Transaction, who: Admission, action: Action, person_id: PersonId) -> Link:
    """Return the link of somebody, here or not, to whom `who` may do `action`."""
    require(who, action)
    link = await access_store.link_of_person(tx, who.session_id, person_id)
    if link is None:
        raise Refused("unknown_person", 404)
    require_over(who, action, link.role)
    return link


def _member(room: Room, person_id: PersonId) -> Admission:
    member = room.state.roster.get(person_id)
    if member is None:
        raise Refused("unknown_person", 404)
    return member
