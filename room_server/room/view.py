"""What a room looks like to one of its people: the snapshot, as a pure function.

Invariant: nothing of a held message reaches anyone but its author, hosts and moderators; participants see of
the people contributors only, and the timeline is for hosts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from playback.timeline import length_s
from room_server.access.rules import Admission, Role
from room_server.events.rules import Session, SessionState
from room_server.ids import CtaId
from room_server.room import course
from room_server.room.chat import ChatLog
from room_server.room.course import Launch, Plan, Position, TransportRow
from room_server.room.notices import (
    ItemView,
    MeView,
    PersonView,
    SessionView,
    SlotsView,
    Snapshot,
    TimelineView,
)
from room_server.room.permissions import Action, is_team, may
from room_server.room.roster import Roster
from room_server.room.stage import SLOTS, Stage


@dataclass(frozen=True, slots=True)
class RoomState:
    """All that a room holds; what SQL knows of it was committed before it stands here."""

    session: Session
    chat: ChatLog
    plan: Plan | None = None
    transport: TransportRow | None = None
    launches: tuple[Launch, ...] = ()
    roster: Roster = field(default_factory=Roster)
    stage: Stage = field(default_factory=Stage)

    def position(self, now: datetime) -> Position | None:
        """Where the timeline stands; None in a live session."""
        if self.plan is None or not self.plan.timeline.media:
            return None
        if self.transport is None:
            if self.session.state is not SessionState.SCHEDULED:
                return None
            return course.waiting(self.plan, self.session.starts_at, now)
        return course.position(self.plan, self.transport, now)

    def ctas(self, now: datetime) -> tuple[course.Cta, ...]:
        """The CTAs on show."""
        if self.session.state is not SessionState.ON_AIR:
            return ()
        return course.shown(self.plan, self.transport, self.launches, now)

    def with_launch(self, launch: Launch, now: datetime) -> RoomState:
        """The state after a host's launch; what was over is dropped."""
        still = tuple(one for one in self.launches if one.until > now and one.cta_id != launch.cta_id)
        return replace(self, launches=(*still, launch))

    def without_launch(self, cta_id: CtaId) -> RoomState:
        """The state after a host took a launched CTA back."""
        return replace(self, launches=tuple(one for one in self.launches if one.cta_id != cta_id))


def snapshot(state: RoomState, reader: Admission, now: datetime) -> Snapshot:
    """Everything that `reader` may know at `now`."""
    chat = state.chat.seen_by(reader)
    return Snapshot(
        session=_session(state.session),
        me=_me(state, reader),
        people=people(state.roster, reader.role),
        count=len(state.roster),
        chat_mode=chat.mode,
        messages=chat.published,
        held=chat.held,
        ctas=state.ctas(now),
        stage=state.stage.view(),
        slots=SlotsView(SLOTS, SLOTS),
        playback=state.position(now),
        timeline=timeline_view(state.plan) if state.plan and may(reader.role, Action.RUN_PLAYBACK) else None,
        server_time=now,
    )


def people(roster: Roster, role: Role) -> tuple[PersonView, ...]:
    """Those whom somebody of `role` sees: everyone for hosts and moderators, else contributors."""
    members = roster.members.values()
    return tuple(person(member) for member in members if is_team(role) or is_team(member.role))


def person(member: Admission) -> PersonView:
    return PersonView(member.person_id, member.name, member.role)


def timeline_view(plan: Plan) -> TimelineView:
    """The timeline as hosts see it."""
    items = (
        ItemView(item.item_id, item.title, item.offset_s, item.duration_s, item.buffer_s)
        for item in sorted(plan.timeline.media, key=lambda item: item.offset_s)
    )
    return TimelineView(tuple(items), plan.ctas, length_s(plan.timeline))


def _me(state: RoomState, reader: Admission) -> MeView:
    return MeView(
        reader.person_id,
        reader.name,
        reader.role,
        may_publish=state.stage.may_publish(reader),
        may_moderate=may(reader.role, Action.MODERATE_CHAT),
        may_host=may(reader.role, Action.RUN_SESSION),
    )


def _session(session: Session) -> SessionView:
    return SessionView(
        session.session_id,
        session.event_title,
        session.title,
        session.room_type,
        session.starts_at,
        session.time_zone,
        session.state,
        session.started_at,
        session.accent,
    )
