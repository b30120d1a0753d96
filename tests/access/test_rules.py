"""Rules of seats under any sequence of takings, leavings, waits and restarts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from room_server.access.rules import (
    CHANGES_ALLOWED,
    CHANGES_WINDOW,
    Freeze,
    Link,
    LinkState,
    PageState,
    Request,
    Role,
    Seat,
    TakeOver,
    check_open,
    check_ticket,
    page_state,
    take,
)
from room_server.cluster.node import Node
from room_server.errors import Refused
from room_server.events.rules import ChatMode, RoomType, SeatPolicy, Session, SessionState, changed
from room_server.ids import ConnectionId, EventId, LinkId, NodeId, PersonId, SessionId
from tests.kit.clock import START

LINK = Link(
    link_id=LinkId("link"),
    session_id=SessionId("session"),
    person_id=PersonId("person"),
    name="Camille",
    role=Role.PARTICIPANT,
    language="fr",
    version=1,
)
SESSION = Session(
    session_id=SessionId("session"),
    event_id=EventId("event"),
    event_title="An event",
    title=None,
    room_type=RoomType.LIVE,
    starts_at=START,
    time_zone="Europe/Paris",
    planned_length_s=3_600,
    state=SessionState.SCHEDULED,
    started_at=None,
    ended_at=None,
    chat_mode=ChatMode.OPEN,
    accent="#1f6f78",
    opens_before_s=900,
    seat_policy=SeatPolicy.MOVE,
)


class Seats(RuleBasedStateMachine):
    """One link's seat, beside a model that knows only who was last granted it and whether they left."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.node = Node(NodeId("one"), 1)
        self.seat: Seat | None = None
        self.changes: list[object] = []
        self.fences: list[int] = []
        self.sitting: tuple[str, ConnectionId] | None = None
        self.promised_until = START
        self.used = True
        self.frozen = False
        self.numbers = count()

    def sits(self) -> bool:
        return self.sitting is not None and (self.used or self.now < self.promised_until)

    @rule(
        device=st.sampled_from("abc"), take_over=st.sampled_from(TakeOver), policy=st.sampled_from(SeatPolicy)
    )
    def press(self, device: str, take_over: TakeOver, policy: SeatPolicy) -> None:
        if self.frozen:
            return
        number = next(self.numbers)
        request = Request(
            device_key_hash=device,
            device=f"device {device}",
            take_over=take_over,
            connection_id=ConnectionId(f"connection-{number}"),
            ticket_hash=f"ticket-{number}",
        )
        other = self.sits() and self.sitting is not None and self.sitting[0] != device
        recent = sum(at > self.now - CHANGES_WINDOW for at in self.changes)  # type: ignore[operator]
        session = replace(SESSION, seat_policy=policy)
        try:
            outcome = take(LINK, session, self.seat, request, recent, node=self.node, now=self.now)
        except Refused:
            asks = take_over is TakeOver.ALWAYS_ASK and self.sits()
            assert other or asks, "only another device's seat is refused, unless it is always asked for"
            assert take_over is not TakeOver.MOVE or policy is SeatPolicy.REFUSE
            return
        assert not other or (take_over is TakeOver.MOVE and policy is SeatPolicy.MOVE)
        assert take_over is not TakeOver.ALWAYS_ASK or not self.sits()
        assert outcome.displaced == (self.sitting[1] if self.sits() and self.sitting else None)
        if isinstance(outcome, Freeze):
            assert recent >= CHANGES_ALLOWED
            self.frozen = True
            return
        if outcome.device_changed:
            assert recent < CHANGES_ALLOWED
            self.changes.append(self.now)
        self.seat = outcome.seat
        self.fences.append(outcome.seat.fence)
        self.sitting = (device, request.connection_id)
        self.promised_until, self.used = self.now + timedelta(seconds=10), False

    @rule()
    def use_the_ticket(self) -> None:
        if self.seat is None or self.seat.ticket_hash is None:
            return
        try:
            check_ticket(self.seat, node=self.node, now=self.now)
        except Refused:
            assert not self.sits()
            return
        assert self.sits()
        self.seat = replace(self.seat, ticket_hash=None, ticket_expires_at=None)
        self.used = True

    @rule()
    def leave(self) -> None:
        if self.seat is not None:
            self.seat = replace(self.seat, connection_id=None, ticket_hash=None, ticket_expires_at=None)
        self.sitting = None

    @rule(seconds=st.sampled_from([0.5, 9.5, 10, 200, 601]))
    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def restart(self) -> None:
        self.node = Node(self.node.node_id, self.node.epoch + 1)
        self.sitting = None

    @invariant()
    def the_fence_rises_by_one(self) -> None:
        assert self.fences == list(range(1, len(self.fences) + 1))

    @invariant()
    def the_seat_is_held_exactly_while_somebody_sits(self) -> None:
        held = self.seat is not None and self.seat.held(self.node, self.now)
        assert self.frozen or held == self.sits()


TestSeats = Seats.TestCase
TestSeats.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize(
    ("link", "state"),
    [
        (LINK, LinkState.ACTIVE),
        (replace(LINK, frozen_at=START), LinkState.FROZEN),
        (replace(LINK, frozen_at=START, revoked_at=START), LinkState.REVOKED),
        (replace(LINK, frozen_at=START, revoked_at=START, removed_at=START), LinkState.REMOVED),
    ],
)
def test_the_gravest_state_of_a_link_shows(link: Link, state: LinkState) -> None:
    assert link.state is state
    assert page_state(link, replace(SESSION, state=SessionState.CANCELLED), START) != PageState.OPEN


@pytest.mark.parametrize("state", PageState)
def test_the_page_says_open_exactly_when_a_press_would_be_let_in(state: PageState) -> None:
    cases = {
        PageState.OPEN: (LINK, SESSION),
        PageState.EARLY: (LINK, replace(SESSION, starts_at=START + timedelta(days=1))),
        PageState.OVER: (LINK, replace(SESSION, state=SessionState.ENDED)),
        PageState.CANCELLED: (LINK, replace(SESSION, state=SessionState.CANCELLED)),
        PageState.REVOKED: (replace(LINK, revoked_at=START), SESSION),
        PageState.FROZEN: (replace(LINK, frozen_at=START), SESSION),
        PageState.REMOVED: (replace(LINK, removed_at=START), SESSION),
    }
    if state is PageState.UNKNOWN:
        return
    link, session = cases[state]
    assert page_state(link, session, START) is state
    if state is PageState.OPEN:
        check_open(link, session, START)
    else:
        with pytest.raises(Refused):
            check_open(link, session, START)


def test_a_session_on_air_is_open_even_before_its_time() -> None:
    early = replace(SESSION, starts_at=START + timedelta(days=1), state=SessionState.ON_AIR)
    check_open(LINK, early, START)


@pytest.mark.parametrize("final", [SessionState.ENDED, SessionState.CANCELLED, SessionState.MISSED])
@pytest.mark.parametrize("state", SessionState)
def test_what_ended_stays_so(final: SessionState, state: SessionState) -> None:
    with pytest.raises(Refused):
        changed(replace(SESSION, state=final), state, now=START)


def test_started_at_is_set_once() -> None:
    on_air = changed(SESSION, SessionState.ON_AIR, now=START)
    ended = changed(on_air, SessionState.ENDED, now=START + timedelta(hours=1))
    assert (ended.started_at, ended.ended_at) == (START, START + timedelta(hours=1))
