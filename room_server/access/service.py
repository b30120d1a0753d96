"""Joining: a link's one seat, taken by a press, moved by a second device, freed by leaving.

    POST /api/join ─► take_seat ─► the displaced connection closes ─► ticket ─► redeem ─► Admission ─► release

Invariants: a seat is taken, moved and freed in one transaction each; the connection that held it is closed
before its successor gets a ticket (break before make); what freezes, revokes or removes is stored before
anybody is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Protocol

from room_server import ids
from room_server.access import rules, store
from room_server.access.device import in_language
from room_server.access.rules import (
    CHANGES_WINDOW,
    TICKET_LASTS,
    Admission,
    Closing,
    ClosingReason,
    Freeze,
    Link,
    PageState,
    Removed,
    Request,
    Role,
    Seat,
    SeatMovedTo,
    Take,
    TakeOver,
    check_open,
    check_ticket,
    page_state,
)
from room_server.access.tokens import MAX_TOKEN_CHARS, ServerKey, Ticket, Token, hashed, new_ticket
from room_server.cluster.node import Node
from room_server.errors import Refused
from room_server.events import store as event_store
from room_server.events.rules import Session
from room_server.ids import ConnectionId, LinkId, PersonId, SessionId
from room_server.storage import Database, Reading, Transaction

TICKETS_KNOWN_S = 6 * TICKET_LASTS.total_seconds()

__all__ = ["Access", "Admission", "Closing", "LinkView", "Removed", "SeatMovedTo", "TakeOver", "Taken"]

OnClosing = Callable[[ConnectionId, Closing], Awaitable[None]]


class CurrentNode(Protocol):
    """Says which node this process is; raises `Refused("node_away")` while it may not act."""

    def current(self) -> Node: ...


@dataclass(frozen=True, slots=True)
class AccessLimits:
    """`people_per_room`: seats of one session that participants hold at once."""

    people_per_room: int = 1_000


@dataclass(frozen=True, slots=True)
class LinkView:
    """What the access page shows.  `link` and `session` are None for an unknown link."""

    state: PageState
    link: Link | None = None
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A seat was taken: connect with `ticket`, once, within ten seconds."""

    ticket: Ticket = field(repr=False)
    session: Session


@dataclass(frozen=True, slots=True)
class _Taking:
    """What was decided, and the ended connections whose seats were freed with it."""

    link: Link
    session: Session
    outcome: Take | Freeze
    freed: set[Admission]
    now: datetime


class Access:
    """Access links and their seats.  Signalling sets `on_closing` before the first join."""

    def __init__(
        self, database: Database, key: ServerKey, node: CurrentNode, limits: AccessLimits | None = None
    ) -> None:
        self._database = database
        self._key = key
        self._node = node
        self._limits = limits or AccessLimits()
        self._closings: dict[LinkId, set[asyncio.Future[None]]] = {}
        self._ended: set[Admission] = set()
        self._given: dict[str, float] = {}
        self.on_closing: OnClosing = _nobody_connected

    # ---- links

    async def issue_link(self, session_id: SessionId, name: str, role: Role, language: str) -> Link:
        """Make a link for one more person of the session."""
        async with self._database.transaction() as tx:
            return await self.issue_link_in(tx, session_id, name, role, language)

    async def issue_link_in(
        self, tx: Transaction, session_id: SessionId, name: str, role: Role, language: str
    ) -> Link:
        """Like `issue_link`, within the caller's transaction."""
        link = Link(
            link_id=LinkId(ids.new()),
            session_id=session_id,
            person_id=PersonId(ids.new()),
            name=name,
            role=role,
            language=language,
            version=1,
        )
        await store.add_link(tx, link, hashed(self.token(link)))
        return link

    def token(self, link: Link) -> Token:
        """Return the secret of a link's address."""
        return self._key.token(link.link_id, link.version)

    async def links(self, session_id: SessionId) -> Sequence[Link]:
        """Return the session's links in the order in which they were made."""
        async with self._database.reading() as reading:
            return await store.links_of_session(reading, session_id)

    async def view(self, token: str) -> LinkView:
        """Return what the link's page says.  Changes nothing."""
        async with self._database.reading() as reading:
            found = await self._find(reading, token)
            if found is None:
                return LinkView(PageState.UNKNOWN)
            link, session = found
            return LinkView(page_state(link, session, reading.now), link, session)

    async def reissue(self, link_id: LinkId) -> Token:
        """Replace the link's address: the old one is unknown from now on, whoever sits is closed."""
        async with self._database.transaction() as tx:
            link = await _known(store.link(tx, link_id))
            token = self._key.token(link_id, link.version + 1)
            await store.reissue_link(tx, link_id, link.version + 1, hashed(token))
            displaced = await self._free(tx, link_id)
        await self._close(link_id, displaced, Removed(ClosingReason.LINK_REVOKED))
        return token

    async def revoke(self, link_id: LinkId) -> None:
        """End the link; whoever sits is closed."""
        async with self._database.transaction() as tx:
            await _known(store.link(tx, link_id))
            await store.revoke_link(tx, link_id)
            displaced = await self._free(tx, link_id)
        await self._close(link_id, displaced, Removed(ClosingReason.LINK_REVOKED))

    # ---- seats

    async def take_seat(self, token: str, device_key: str, take_over: TakeOver, device: str) -> Taken:
        """Take the seat of a link for `device`, the browser that calls itself `device_key`.

        Raises `Refused`: `unknown_link`, `removed`, `link_revoked`, `session_cancelled`, `session_over`,
        `link_frozen`, `not_open_yet`, `seat_taken`, `room_full`; `storage_full` and the like.
        """
        ticket = new_ticket()
        request = Request(
            device_key_hash=hashed(device_key),
            device=device,
            take_over=take_over,
            connection_id=ConnectionId(ids.new()),
            ticket_hash=hashed(ticket),
        )
        # Once the seat has moved, the connection that lost it closes, also for a caller who gives up.
        session = await asyncio.shield(self._take(token, request))
        self._remember(request.ticket_hash)
        return Taken(ticket, session)

    def _remember(self, ticket_hash: str) -> None:
        """Know the tickets that were given lately."""
        now_s = monotonic()
        while self._given and next(iter(self._given.values())) < now_s - TICKETS_KNOWN_S:
            del self._given[next(iter(self._given))]
        self._given[ticket_hash] = now_s

    async def _take(self, token: str, request: Request) -> Session:
        taking = await self._database.transact(lambda tx: self._decide(tx, token, request))
        self._ended -= taking.freed
        link, outcome = taking.link, taking.outcome
        if isinstance(outcome, Freeze):
            await self._close(link.link_id, outcome.displaced, Removed(ClosingReason.LINK_FROZEN))
            raise Refused("link_frozen", 423)
        moved = SeatMovedTo(in_language(request.device, link.language), taking.now)
        await self._close(link.link_id, outcome.displaced, moved)
        return taking.session

    async def redeem(self, ticket: str) -> Admission:
        """Use a ticket, once; raises `Refused`: `ticket_invalid`, or why the link no longer admits.

        Nothing is awaited between the end of the transaction and the return, so a caller that registers the
        connection at once knows it before anything can displace it.
        """
        node, ticket_hash = self._node.current(), hashed(ticket)
        if ticket_hash not in self._given:  # what nobody was given costs no question, and no writer's turn
            raise Refused("ticket_invalid", 403)
        return await self._database.transact(lambda tx: _redeem(tx, ticket_hash, node))

    async def release(self, admission: Admission) -> None:
        """Free the seat of a connection that ended, if it is still its own.

        What the database refuses is remembered and done with the next taking of a seat.
        """
        self._ended.add(admission)
        async with self._database.transaction() as tx:
            freed = await self._free_ended(tx)
        self._ended -= freed

    async def holds(self, admission: Admission) -> bool:
        """Return whether the connection still holds its seat."""
        async with self._database.reading() as reading:
            return await self.holds_in(reading, admission)

    async def holds_in(self, reading: Reading, admission: Admission) -> bool:
        """Like `holds`, in the transaction of a durable write made for the connection."""
        return await store.fence_holds(
            reading, admission.connection_id, admission.fence, self._node.current()
        )

    async def check_holds(self, tx: Transaction, admission: Admission) -> None:
        """Raise `Refused("seat_moved")` unless the connection still holds its seat."""
        if not await self.holds_in(tx, admission):
            raise Refused("seat_moved", 409)

    async def remove_person(self, session_id: SessionId, person_id: PersonId, by: PersonId) -> None:
        """Remove a person from the session for good and close their connection.

        Raises `Refused("unknown_person")`.
        """
        async with self._database.transaction() as tx:
            link = await store.link_of_person(tx, session_id, person_id)
            if link is None:
                raise Refused("unknown_person", 404)
            displaced = await self.remove_in(tx, link, by)
        await self.close_removed(link, displaced)

    async def remove_in(self, tx: Transaction, link: Link, by: PersonId) -> ConnectionId | None:
        """Remove a link's person within the caller's transaction; return the connection to close after it."""
        await store.remove_person(tx, link.link_id, by)
        return await self._free(tx, link.link_id)

    async def close_removed(self, link: Link, displaced: ConnectionId | None) -> None:
        """Close the connection that `remove_in` returned."""
        await self._close(link.link_id, displaced, Removed(ClosingReason.REMOVED))

    async def close_session(self, session_id: SessionId, reason: ClosingReason) -> None:
        """Free every seat of a session that ended or was cancelled, and close the connections.

        The session's state is stored by the caller before.
        """
        async with self._database.transaction() as tx:
            freed = await store.free_session(tx, session_id, self._node.current())
        await asyncio.gather(
            *(self._close(link_id, connection_id, Removed(reason)) for link_id, connection_id in freed)
        )

    async def evict(self, admission: Admission, reason: ClosingReason) -> None:
        """Close a connection whose link another process ended; its seat is freed as it goes."""
        await self._close(admission.link_id, admission.connection_id, Removed(reason))

    async def close(self) -> None:
        """Wait until every connection that is being closed is."""
        under_way = [task for tasks in self._closings.values() for task in tasks]
        await asyncio.gather(*under_way, return_exceptions=True)

    # ---- within a transaction

    async def _free_ended(self, tx: Transaction) -> set[Admission]:
        ended = set(self._ended)
        for admission in ended:
            await store.free_seat(tx, admission.link_id, admission.fence)
        return ended

    async def _find(self, reading: Reading, token: str) -> tuple[Link, Session] | None:
        if not 0 < len(token) <= MAX_TOKEN_CHARS:
            return None
        link = await store.link_of_token(reading, hashed(token))
        if link is None:
            return None
        session = await event_store.session(reading, link.session_id)
        return None if session is None else (link, session)

    async def _decide(self, tx: Transaction, token: str, request: Request) -> _Taking:
        found = await self._find(tx, token)
        if found is None:
            raise Refused("unknown_link", 404)
        link, session = found
        check_open(link, session, tx.now)
        freed = await self._free_ended(tx)
        outcome = await self._take_in(tx, link, session, request)
        return _Taking(link, session, outcome, freed, tx.now)

    async def _take_in(
        self, tx: Transaction, link: Link, session: Session, request: Request
    ) -> Take | Freeze:
        node = self._node.current()
        seat = await store.seat(tx, link.link_id)
        since = tx.now - CHANGES_WINDOW
        changes = 0 if seat is None else await store.count_changes(tx, link.link_id, since)
        outcome = rules.take(link, session, seat, request, changes, node=node, now=tx.now)
        if isinstance(outcome, Freeze):
            await store.freeze_link(tx, link.link_id)
            await self._free(tx, link.link_id)
            return outcome
        if outcome.displaced is None:
            held = await store.count_held_beside(tx, link, node, tx.now)
            rules.check_room(link.role, held, self._limits.people_per_room)
        await store.put_seat(tx, outcome.seat)
        if outcome.device_changed:
            await store.add_change(tx, link.link_id, outcome.seat.fence, since)
        return outcome

    async def _free(self, tx: Transaction, link_id: LinkId) -> ConnectionId | None:
        """Free the link's seat and return the connection that held it."""
        seat = await store.seat(tx, link_id)
        if seat is None:
            return None
        await store.free_seat(tx, link_id, seat.fence)
        return seat.connection_id if seat.node == self._node.current() else None

    async def _close(self, link_id: LinkId, connection_id: ConnectionId | None, closing: Closing) -> None:
        """Have a connection closed; return when all of the link's that were being closed are.

        All: the seat may have moved on while an earlier holder still closes.  A closing goes on when its
        caller is cancelled.
        """
        under_way = self._closings.setdefault(link_id, set())
        if connection_id is not None:
            task = asyncio.ensure_future(self.on_closing(connection_id, closing))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.shield(asyncio.gather(*under_way))
        if not under_way:
            self._closings.pop(link_id, None)


async def _known(finding: Awaitable[Link | None]) -> Link:
    link = await finding
    if link is None:
        raise Refused("unknown_link", 404)
    return link


async def _redeem(tx: Transaction, ticket_hash: str, node: Node) -> Admission:
    seat = await store.seat_of_ticket(tx, ticket_hash)
    check_ticket(seat, node=node, now=tx.now)
    assert seat is not None
    assert seat.connection_id is not None
    link = await _known(store.link(tx, seat.link_id))
    session = await event_store.session(tx, seat.session_id)
    assert session is not None
    check_open(link, session, tx.now)
    await store.use_ticket(tx, seat.link_id, seat.fence)
    return _admission(link, seat, seat.connection_id)


def _admission(link: Link, seat: Seat, connection_id: ConnectionId) -> Admission:
    return Admission(
        connection_id=connection_id,
        link_id=link.link_id,
        person_id=link.person_id,
        session_id=link.session_id,
        fence=seat.fence,
        name=link.name,
        role=link.role,
        language=link.language,
        device=seat.device,
    )


async def _nobody_connected(_connection_id: ConnectionId, _closing: Closing) -> None:
    """Before signalling is there, no connection is."""
