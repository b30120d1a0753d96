"""What hosts do with the session itself: start a live one, end any, launch and withdraw a CTA."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from room_server.access.rules import Admission
from room_server.errors import Refused
from room_server.events import store as event_store
from room_server.events.rules import RoomType, SessionState
from room_server.ids import CtaId
from room_server.room import store
from room_server.room.course import Cta, Launch
from room_server.room.live import Room
from room_server.room.notices import SessionStateChanged
from room_server.room.permissions import Action, require
from room_server.room.ports import Ports
from room_server.room.rooms import Rooms
from room_server.room.running import Running


class Hosting:
    """Host actions.  Every method answers after the commit."""

    def __init__(self, rooms: Rooms, running: Running, ports: Ports) -> None:
        self._rooms = rooms
        self._running = running
        self._ports = ports

    async def start(self, who: Admission) -> None:
        """Put a live session on air.

        Raise `Refused`: not_allowed, starts_by_itself, already_on_air, session_over, session_cancelled,
        seat_moved.
        """
        require(who, Action.RUN_SESSION)
        room = self._rooms.of(who)
        if room.state.session.room_type is RoomType.AUTOMATED:
            raise Refused("starts_by_itself")
        async with self._ports.db.transaction() as tx:
            clock = self._ports.clock.anchored(tx.now)
            await self._ports.seats.check_holds(tx, who)
            session = await event_store.session(tx, who.session_id)
            if session is not None and session.state is SessionState.ON_AIR:
                raise Refused("already_on_air")
            session = await self._ports.events.set_state(tx, who.session_id, SessionState.ON_AIR)
            await store.claim_run(tx, who.session_id, self._ports.node.current())
        room.state, room.clock = replace(room.state, session=session), clock
        everyone = room.state.roster.everyone()
        self._ports.fanout.tell(everyone, SessionStateChanged(session.state, session.started_at))
        room.refresh_stage()
        room.pulse()

    async def end(self, who: Admission) -> None:
        """End the session for everyone; connections close once this has answered.

        Raise `Refused`: not_allowed, session_not_on_air, session_over, session_cancelled, seat_moved.
        """
        require(who, Action.RUN_SESSION)
        room = self._rooms.of(who)
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            before = await event_store.session(tx, who.session_id)
            if before is not None and before.state is SessionState.SCHEDULED:
                raise Refused("session_not_on_air")
            session = await self._ports.events.set_state(tx, who.session_id, SessionState.ENDED)
            row = await self._running.end_in(tx, room, who.name)
        self._running.over(room, session, row)

    async def launch_cta(self, who: Admission, cta_id: CtaId) -> None:
        """Show a CTA to everyone for as long as it was planned to be shown.

        Raise `Refused`: not_allowed, unknown_cta, session_not_on_air, seat_moved.
        """
        room, cta = self._room_with(who, cta_id)
        now = room.clock.now()
        launch = Launch(cta_id, now, now + timedelta(seconds=cta.shown_s))
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            await store.add_launch(tx, who.session_id, launch)
        room.state = room.state.with_launch(launch, now)
        room.show_anew(cta_id)
        room.pulse()

    async def withdraw_cta(self, who: Admission, cta_id: CtaId) -> None:
        """Take a CTA back from everyone, whether a host launched it or the timeline shows it.

        Raise `Refused`: cta_not_shown, run_lost, and as `launch_cta`.
        """
        room, cta = self._room_with(who, cta_id)
        if cta not in room.state.ctas(room.clock.now()):
            raise Refused("cta_not_shown")
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            await store.end_launches(tx, who.session_id, cta_id, room.clock.now())
            plan = await self._running.cut_in(tx, room, cta_id)
        room.state = room.state.without_launch(cta_id)
        self._running.replanned(room, plan)

    def _room_with(self, who: Admission, cta_id: CtaId) -> tuple[Room, Cta]:
        """The room of `who`, on air, and the CTA of it that they may show and withdraw."""
        require(who, Action.LAUNCH_CTA)
        room = self._rooms.of(who)
        if room.state.plan is None:
            raise Refused("unknown_cta", 404)
        cta = room.state.plan.cta(cta_id)
        if room.state.session.state is not SessionState.ON_AIR:
            raise Refused("session_not_on_air")
        return room, cta
