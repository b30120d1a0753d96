"""One room as it lives on this node: its state, its media, and what was told of both.

    SQL row committed ──► state replaced ──► told        (the services do this in one step, without awaiting)
    media event ────────► stage ──► layout ──► told
    time passes ────────► pulse: CTAs, position, end     (one timer a room, set to the next change)

Invariant: whoever is on the roster has had a snapshot, and since then every notice meant for them, in order;
on air the room's `clock` is anchored, so that a step of the wall clock moves nothing in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from media.codecs import PUBLISHED, Codec
from media.engine import EngineRefused, Kind, PeerId, RoomKey, TrackId
from playback.clock import Motion
from room_server.access.rules import Admission
from room_server.clock import Clock
from room_server.events.rules import RoomType, SessionState
from room_server.ids import CtaId
from room_server.room import course, featured
from room_server.room.course import Cta, PlaybackState
from room_server.room.notices import CodecsDecoded, CountChanged, CtaHidden, CtaShown, PersonCameOrWent
from room_server.room.permissions import is_team
from room_server.room.ports import Ports, Source
from room_server.room.stage import StageDoor, StageView
from room_server.room.view import RoomState, person, snapshot

_log = structlog.get_logger(__name__)

POSITION_EVERY_S = 5.0
COUNT_EVERY_S = 0.25
"""Counts are told this often at most, so that five hundred joins are not a quarter of a million notices."""


class Room:
    """The live half of a session.  Only its services change `state`."""

    def __init__(self, key: RoomKey, state: RoomState, ports: Ports) -> None:
        self.key = key
        self.state = state
        self.clock: Clock = ports.clock
        self.programme: Source | None = None
        self.peers: dict[PeerId, Admission] = {}
        self.on_timeline_over: Callable[[Room], None] | None = None
        self._ports = ports
        self._stage_told: StageView = state.stage.view()
        self._ctas_told: tuple[Cta, ...] = ()
        self._count_told = 0
        self._count_timer: asyncio.TimerHandle | None = None
        self._pulse_timer: asyncio.TimerHandle | None = None
        self._decoded = frozenset(PUBLISHED)
        self._layout: tuple[tuple[TrackId | None, ...], ...] = ()
        ports.media.open_room(key)
        if state.session.state is SessionState.ON_AIR:
            self.clock = ports.clock.anchored(ports.clock.now())
        self.pulse()

    def close(self) -> None:
        """Stop its timers and its media; its peers get closed."""
        for timer in (self._count_timer, self._pulse_timer):
            if timer is not None:
                timer.cancel()
        self._count_timer = self._pulse_timer = None
        self._ports.media.close_room(self.key)

    # ---- people

    def joined(self, who: Admission) -> None:
        """Put `who` on the roster, give them their snapshot and tell the others."""
        now = self.clock.now()
        stage = self.state.stage.back(who)
        self.state = replace(self.state, roster=self.state.roster.joined(who), stage=stage)
        self._ports.fanout.tell([who.connection_id], snapshot(self.state, who, now))
        self._tell_person(who, here=True)
        self.refresh_stage()

    def left(self, who: Admission) -> None:
        """Take `who` off the roster, close their media, tell the others; a place on the stage is kept."""
        roster = self.state.roster.left(who)
        for peer in [peer for peer, one in self.peers.items() if one.connection_id == who.connection_id]:
            self.drop_peer(peer)
        if roster is self.state.roster:
            return
        self.state = replace(self.state, roster=roster, stage=self.state.stage.away(who.person_id))
        self._tell_person(who, here=False)
        self.refresh_stage()

    def _tell_person(self, who: Admission, *, here: bool) -> None:
        roster = self.state.roster
        hearers = roster.everyone() if is_team(who.role) else roster.team()
        others = [connection for connection in hearers if connection != who.connection_id]
        self._ports.fanout.tell(others, PersonCameOrWent(person(who), here))
        if self._count_timer is None:
            loop = asyncio.get_running_loop()
            self._count_timer = loop.call_later(COUNT_EVERY_S, self._tell_count)

    def _tell_count(self) -> None:
        self._count_timer = None
        count = len(self.state.roster)
        if count != self._count_told:
            self._count_told = count
        self._ports.fanout.tell(self.state.roster.everyone(), CountChanged(count))

    # ---- media

    def add_peer(self, peer: PeerId, who: Admission, decodes: frozenset[Codec]) -> None:
        """Remember the new media of `who`, and close what they had before."""
        for old in [old for old, one in self.peers.items() if one.connection_id == who.connection_id]:
            self.drop_peer(old)
        self.peers[peer] = who
        self.refresh_stage()
        # Who leaves may be back: the room keeps to what everybody decoded who ever was in it.
        shrunk = self._decoded & decodes
        hearers = [who] if shrunk == self._decoded else list(self.peers.values())
        self._decoded = shrunk
        told = CodecsDecoded(tuple(codec for codec in PUBLISHED if codec in shrunk))
        may = self.state.stage.may_publish
        self._ports.fanout.tell([one.connection_id for one in hearers if may(one)], told)

    def peer_of(self, who: Admission) -> PeerId | None:
        return next((p for p, one in self.peers.items() if one.connection_id == who.connection_id), None)

    def drop_peer(self, peer: PeerId) -> None:
        """Forget a peer that is to be closed."""
        self.peers.pop(peer, None)
        self._ports.media.disconnect(peer)

    def refresh_stage(self) -> None:
        """Bring the layout and what was told of the stage up to date."""
        stage = replace(self.state.stage, door=self._door())
        self.state = replace(self.state, stage=stage)
        programme = self.programme
        layout = (
            featured.layout(stage, Kind.AUDIO, programme.audio if programme else None),
            featured.layout(stage, Kind.VIDEO, programme.video if programme else None),
        )
        if layout != self._layout:
            self._set_layout(layout)
        view = stage.view()
        if view != self._stage_told:
            self._stage_told = view
            self._ports.fanout.tell(self.state.roster.everyone(), view)

    def _set_layout(self, layout: tuple[tuple[TrackId | None, ...], tuple[TrackId | None, ...]]) -> None:
        try:
            self._ports.media.set_layout(self.key, *layout)
            self._layout = layout
        except EngineRefused:
            # The engine lost the room; its event, which is on the way, opens it again.
            _log.warning("layout_not_set", room=self.key)

    def forget_layout(self) -> None:
        """The engine lost the room: what it had been told counts no more."""
        self._layout = ()

    def _door(self) -> StageDoor:
        if self.state.session.state is not SessionState.ON_AIR:
            return StageDoor.CLOSED
        if self.state.session.room_type is RoomType.LIVE:
            return StageDoor.OPEN
        row = self.state.transport
        return StageDoor.OPEN if row is not None and row.motion is Motion.PAUSED else StageDoor.CLOSED

    # ---- time

    def pulse(self) -> None:
        """Tell what time alone changed, and wake again at the next change."""
        if self._pulse_timer is not None:
            self._pulse_timer.cancel()
            self._pulse_timer = None
        if self.state.session.state is not SessionState.ON_AIR:
            return
        now = self.clock.now()
        self._tell_ctas(self.state.ctas(now))
        position = self.state.position(now)
        if position is not None:
            self._ports.fanout.tell(self.state.roster.everyone(), position)
            if position.state is PlaybackState.ENDED:
                if self.on_timeline_over is not None:
                    self.on_timeline_over(self)
                return
        change = course.next_change(self.state.plan, self.state.transport, self.state.launches, now)
        waits = [POSITION_EVERY_S] if position is not None else []
        if change is not None:
            waits.append((change - now + timedelta(milliseconds=1)).total_seconds())
        if waits:
            self._pulse_timer = asyncio.get_running_loop().call_later(min(waits), self.pulse)

    def show_anew(self, cta_id: CtaId) -> None:
        """Tell everyone of this CTA at the next pulse, on show or not: some may have hidden it."""
        self._ctas_told = tuple(cta for cta in self._ctas_told if cta.cta_id != cta_id)

    def _tell_ctas(self, ctas: tuple[Cta, ...]) -> None:
        everyone = self.state.roster.everyone()
        for gone in self._ctas_told:
            if gone not in ctas:
                self._ports.fanout.tell(everyone, CtaHidden(gone.cta_id))
        for cta in ctas:
            if cta not in self._ctas_told:
                self._ports.fanout.tell(everyone, CtaShown(cta))
        self._ctas_told = ctas

    def hide_ctas(self) -> None:
        """The session is over: nothing is on show."""
        self._tell_ctas(())
