"""Running automated sessions: start at the set second, resume after a restart, a host's hand on it, the end.

    scheduled ──start──► on air ──────────────── end of the last buffer ──► ended
        │                  │ ▲ take over, hand back, skip, longer buffer
        └ too late ► missed└─┘

Every step is a transport row, committed with what it changes before anybody is told.  The first row stands at
the planned start, so a session that starts late starts where it would be.

Invariant: one start row; only the run's fence writes; never early.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from playback.clock import Motion, Transport
from playback.timeline import Timeline, length_s
from room_server.access.rules import Admission, ClosingReason
from room_server.clock import Clock
from room_server.errors import Refused
from room_server.events import store as event_store
from room_server.events.rules import RoomType, Session, SessionState
from room_server.ids import CtaId, SessionId
from room_server.room import course, store
from room_server.room.course import Cause, HandBack, Plan, TransportRow
from room_server.room.errands import Errands
from room_server.room.live import Room
from room_server.room.notices import MediaLost, SessionStateChanged
from room_server.room.permissions import Action, require
from room_server.room.ports import Ports
from room_server.room.programme import Programme
from room_server.room.rooms import Rooms
from room_server.room.view import timeline_view
from room_server.storage import Transaction

_log = structlog.get_logger(__name__)

Change = Callable[[Plan, TransportRow, datetime], tuple[Plan, TransportRow]]

NO_PLAN = Plan(0, Timeline(()))


@dataclass(slots=True)
class Run:
    """A run of this node: the fence it owns it by, and what it sends."""

    fence: int
    programme: Programme


@dataclass(frozen=True, slots=True)
class Claim:
    """What starting, missing or resuming a session wrote or found.

    `clock` is anchored to the database's as it was claimed; `late_s` is how long after its start it starts,
    None when it was on air already.
    """

    session: Session
    plan: Plan
    row: TransportRow
    fence: int
    clock: Clock
    late_s: float | None


class Running:
    """The automated sessions of this node."""

    def __init__(self, rooms: Rooms, ports: Ports, errands: Errands) -> None:
        self._rooms = rooms
        self._ports = ports
        self._errands = errands
        self._prepared: dict[SessionId, Programme] = {}
        self._runs: dict[SessionId, Run] = {}
        self._closing: set[SessionId] = set()

    # ---- starting

    async def prepare(self, session_id: SessionId) -> None:
        """Open what the session will play, so that its start waits for nothing."""
        room = await self._rooms.load(session_id)
        if self.is_prepared(session_id) or self.plays(session_id):
            return
        programme = Programme(room.key, self._ports, self._errands)
        self._prepared[session_id] = programme
        room.programme = programme.source
        await programme.open(room.state.plan)

    def is_prepared(self, session_id: SessionId) -> bool:
        return session_id in self._prepared

    def plays(self, session_id: SessionId) -> bool:
        return session_id in self._runs

    async def start(self, session_id: SessionId) -> None:
        """Start a due session, or record that it was missed; go on with one that is on air and plays nowhere.

        Does nothing if it is neither.
        """
        await self.prepare(session_id)
        room = await self._rooms.load(session_id)
        async with self._ports.db.transaction() as tx:
            claim = await self._claim(tx, session_id)
        if claim is None:
            if session_id not in self._runs:
                await self._let_go(room, self._prepared.pop(session_id, None))
        elif claim.session.state is SessionState.MISSED:
            _log.error("session_missed", session=session_id, late_s=claim.late_s)
            self.over(room, claim.session)
        else:
            what = "session_resumed" if claim.late_s is None else "session_started"
            _log.info(what, session=session_id, late_s=claim.late_s)
            await self._begin(room, claim)

    async def _claim(self, tx: Transaction, session_id: SessionId) -> Claim | None:
        """Write the start of a due session, or that it was missed, or inherit it; None when not due."""
        clock = self._ports.clock.anchored(tx.now)
        session = await event_store.session(tx, session_id)
        if session is not None and session.state is SessionState.ON_AIR and not self.plays(session_id):
            return await self._inherit(tx, session, clock)
        if session is None or session.state is not SessionState.SCHEDULED or session.starts_at > tx.now:
            return None
        plan = await store.plan(tx, session_id) or NO_PLAN
        row = TransportRow(1, session.starts_at, 0.0, Motion.RUNNING, Cause.START)
        late_s = (tx.now - session.starts_at).total_seconds()
        if late_s > max(session.planned_length_s, length_s(plan.timeline)):
            missed = await self._ports.events.set_state(tx, session_id, SessionState.MISSED)
            return Claim(missed, plan, row, 0, clock, late_s)
        fence = await store.claim_run(tx, session_id, self._ports.node.current())
        on_air = await self._ports.events.set_state(tx, session_id, SessionState.ON_AIR)
        await store.add_transport(tx, session_id, fence, row)
        return Claim(on_air, plan, row, fence, clock, late_s)

    async def _inherit(self, tx: Transaction, session: Session, clock: Clock) -> Claim:
        """Own a session that a process of before had started, from its last transport row on."""
        plan, row = await self._stored(tx, session.session_id)
        fence = await store.claim_run(tx, session.session_id, self._ports.node.current())
        return Claim(session, plan, row, fence, clock, None)

    async def _begin(self, room: Room, claim: Claim) -> None:
        session, plan = claim.session, claim.plan
        room.state = replace(room.state, session=session, plan=plan, transport=claim.row)
        room.clock = claim.clock
        room.on_timeline_over = self._timeline_over
        run = Run(claim.fence, self._prepared.pop(session.session_id))
        self._runs[session.session_id] = run
        everyone = room.state.roster.everyone()
        self._ports.fanout.tell(everyone, SessionStateChanged(session.state, session.started_at))
        await run.programme.open(plan)
        if self._runs.get(session.session_id) is run:  # nobody ended it meanwhile
            self._followed(room, run)

    def _followed(self, room: Room, run: Run) -> None:
        """The state is as the last row says: play so, and tell."""
        plan, row = room.state.plan, room.state.transport
        if plan is not None and row is not None:
            at_ns = room.clock.to_monotonic_ns(row.at)
            run.programme.follow(plan.timeline, Transport(row.motion, row.position_s, at_ns))
        room.programme = run.programme.source
        room.refresh_stage()
        room.pulse()

    # ---- a host's hand

    async def take_over(self, who: Admission) -> None:
        """Pause.  Raise `Refused`: not_allowed, not_automated, session_not_on_air, already_taken_over…"""
        await self._change(who, lambda plan, row, now: (plan, course.take_over(row, who.name, now)))

    async def hand_back(self, who: Admission, where: HandBack) -> None:
        """Go on.  Raise `Refused`: not_taken_over, and as `take_over`."""
        await self._change(who, lambda plan, row, now: (plan, course.hand_back(row, where, who.name, now)))

    async def skip_to(self, who: Admission, item_id: str) -> None:
        """Start an item now.  Raise `Refused`: unknown_item, and as `take_over`."""
        await self._change(
            who, lambda plan, row, now: (plan, course.skip_to(plan, row, item_id, who.name, now))
        )

    async def extend_buffer(self, who: Admission, seconds: float) -> None:
        """Lengthen the present item's buffer.  Raise `Refused`: no_buffer, and as `take_over`."""
        await self._change(
            who, lambda plan, row, now: course.extend_buffer(plan, row, seconds, who.name, now)
        )

    async def shorten_buffer(self, who: Admission, seconds: float) -> None:
        """Take back what lengthened it.  Raise `Refused`: no_buffer, buffer_spent, and as `take_over`."""
        await self._change(
            who, lambda plan, row, now: course.shorten_buffer(plan, row, seconds, who.name, now)
        )

    async def cut_in(self, tx: Transaction, room: Room, cta_id: CtaId) -> Plan:
        """Take a CTA off the timeline, in the transaction that withdraws it.

        Returns the plan from then on.  Raise `Refused` session_not_on_air or run_lost.
        """
        session_id = room.state.session.session_id
        run = self._runs.get(session_id)
        if run is None:
            raise Refused("session_not_on_air")
        await store.require_run(tx, session_id, run.fence)
        plan, row = await self._stored(tx, session_id)
        cut = course.withdraw_cta(plan, row, cta_id, room.clock.now())
        if cut is not plan:
            await store.save_plan(tx, session_id, cut)
        return cut

    def replanned(self, room: Room, plan: Plan) -> None:
        """A plan is stored: tell it to the hosts, and play so."""
        run = self._runs.get(room.state.session.session_id)
        before = room.state.plan
        room.state = replace(room.state, plan=plan)
        if plan != before:
            self._ports.fanout.tell(room.state.roster.hosts(), timeline_view(plan))
        if run is not None:
            self._followed(room, run)

    async def _change(self, who: Admission, change: Change) -> None:
        require(who, Action.RUN_PLAYBACK)
        room = self._rooms.of(who)
        if room.state.session.room_type is not RoomType.AUTOMATED:
            raise Refused("not_automated")
        run = self._runs.get(who.session_id)
        if run is None:
            raise Refused("session_not_on_air")
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            await store.require_run(tx, who.session_id, run.fence)
            plan, row = await self._stored(tx, who.session_id)
            if row.motion is Motion.ENDED:
                raise Refused("session_over")
            changed, new_row = change(plan, row, room.clock.now())
            if changed is not plan:
                await store.save_plan(tx, who.session_id, changed)
            await store.add_transport(tx, who.session_id, run.fence, new_row)
        room.state = replace(room.state, plan=changed, transport=new_row)
        if changed is not plan:
            self._ports.fanout.tell(room.state.roster.hosts(), timeline_view(changed))
        self._followed(room, run)

    async def _stored(self, tx: Transaction, session_id: SessionId) -> tuple[Plan, TransportRow]:
        row = await store.last_transport(tx, session_id)
        if row is None:
            raise Refused("session_not_on_air")
        return await store.plan(tx, session_id) or NO_PLAN, row

    # ---- the end

    async def end_in(self, tx: Transaction, room: Room, by_name: str | None) -> TransportRow | None:
        """Write the end row of a run, if there is one, in the transaction that ends the session."""
        session_id = room.state.session.session_id
        run = self._runs.get(session_id)
        if run is None:
            return None
        await store.require_run(tx, session_id, run.fence)
        _, row = await self._stored(tx, session_id)
        ended = course.end(row, by_name, room.clock.now())
        await store.add_transport(tx, session_id, run.fence, ended)
        return ended

    def over(self, room: Room, session: Session, row: TransportRow | None = None) -> None:
        """The session's end is stored: tell everyone, then close what belongs to it."""
        room.state = replace(
            room.state,
            session=session,
            transport=row or room.state.transport,
        )
        room.pulse()
        room.hide_ctas()
        roster, tell = room.state.roster, self._ports.fanout.tell
        position = room.state.position(room.clock.now())
        if position is not None:
            tell(roster.everyone(), position)
        tell(roster.everyone(), SessionStateChanged(session.state, session.started_at))
        room.refresh_stage()
        self._put_out(room)

    def cancelled(self, room: Room, session: Session) -> None:
        """Another process cancelled the session: `over`, and its closing again until everybody is out."""
        if session.session_id in self._closing:
            return
        if room.state.session.state is SessionState.CANCELLED:
            self._put_out(room)
        else:
            _log.info("session_cancelled", session=session.session_id)
            self.over(room, session)

    def _put_out(self, room: Room) -> None:
        session_id = room.state.session.session_id
        self._closing.add(session_id)
        closing = self._errands.insist(lambda: self._close(room), f"close {session_id}")
        closing.add_done_callback(lambda _closing: self._closing.discard(session_id))

    async def _close(self, room: Room) -> None:
        session_id = room.state.session.session_id
        cancelled = room.state.session.state is SessionState.CANCELLED
        reason = ClosingReason.SESSION_CANCELLED if cancelled else ClosingReason.SESSION_OVER
        run = self._runs.pop(session_id, None)
        programme = run.programme if run else self._prepared.pop(session_id, None)
        try:
            if programme is not None and cancelled:
                # People are put out one by one; the film does not go on meanwhile.
                room.programme = None
                room.refresh_stage()
            await self._ports.seats.close_session(session_id, reason)
        finally:
            await self._let_go(room, programme)

    async def _let_go(self, room: Room, programme: Programme | None) -> None:
        """Nothing plays here any more, or will."""
        room.programme = None
        if programme is not None:
            await programme.close()
        self._rooms.drop_if_idle(room)

    def _timeline_over(self, room: Room) -> None:
        self._errands.insist(lambda: self._end_by_itself(room), f"end {room.key}")

    async def _end_by_itself(self, room: Room) -> None:
        """End a session whose timeline is over, unless somebody else ended, cancelled or moved it."""
        session_id = room.state.session.session_id
        async with self._ports.db.transaction() as tx:
            session, ended = await event_store.session(tx, session_id), None
            if session is not None and session.state is SessionState.ON_AIR:
                plan, row = await self._stored(tx, session_id)
                goes_on = row.position_at(room.clock.now()) < length_s(plan.timeline)
                if row.motion is Motion.RUNNING and not goes_on:
                    ended = await self.end_in(tx, room, None)
                    session = await self._ports.events.set_state(tx, session_id, SessionState.ENDED)
        told = room.state.session.state is not SessionState.ON_AIR
        if session is None or session.state is SessionState.ON_AIR or told:
            return
        _log.info("session_ended", session=session_id)
        self.over(room, session, ended)

    # ---- trouble and closing

    async def media_failed(self, room: Room) -> None:
        """The engine closed the room after a failure of its own: open it again, have everybody back, play on.

        Raise `EngineRefused` when it cannot be opened now; may be called again.
        """
        self._ports.media.open_room(room.key)
        room.forget_layout()
        here = [member.connection_id for member in room.state.roster.members.values()]
        self._ports.fanout.tell(here, MediaLost())
        session_id = room.state.session.session_id
        run = self._runs.get(session_id)
        programme = run.programme if run else self._prepared.get(session_id)
        if programme is not None:
            await programme.renew()
            room.programme = programme.source
        room.refresh_stage()

    async def close(self) -> None:
        """Stop playing.  The rows stay as they are, so a later process resumes."""
        programmes = [run.programme for run in self._runs.values()] + list(self._prepared.values())
        self._runs.clear()
        self._prepared.clear()
        await asyncio.gather(*(programme.close() for programme in programmes))
