"""No byte of an unapproved message reaches anyone but its author and moderators.  Every byte is looked at."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

from room_server.access.rules import Admission, Link, Role
from room_server.errors import Refused
from room_server.events.rules import ChatMode, Session
from room_server.ids import PersonId
from room_server.room import store
from room_server.room.chat import Message, MessageState
from tests.room.world import room_of
from tests.signaling.raw_client import RawClient
from tests.signaling.served import Served

ATTENDEES = 12
ROUNDS = 60
POSTS_A_ROUND = 6


class Hall:
    """A room full of attendees whose sockets keep every byte, and one host."""

    def __init__(self, here: Served, session: Session) -> None:
        self.here = here
        self.session = session
        self.dice = random.Random(6)
        self.sockets: dict[PersonId, list[RawClient]] = {}
        self.posted: dict[str, Message] = {}
        self.talking = here.world.rooms.talking

    async def admit(self, link: Link) -> RawClient:
        client = await self.here.connect(link)
        self.sockets.setdefault(link.person_id, []).append(client)
        return client

    def members(self, role: Role) -> list[Admission]:
        roster = room_of(self.here.world, self.session).state.roster
        return [member for member in roster.members.values() if member.role is role]

    async def post(self, author: Admission, number: int) -> None:
        token = f"token-{number}-{self.dice.getrandbits(64):016x}"
        self.posted[token] = await self.talking.post(author, f"k{number}", f"Hello {token}")

    async def turn(self, turn: int) -> None:
        """A mode change, six messages, an approval and a rejection, all at once."""
        (host,) = self.members(Role.HOST)
        authors = self.members(Role.PARTICIPANT)
        held = room_of(self.here.world, self.session).state.chat.held
        work = [self.talking.set_mode(host, self.dice.choice(list(ChatMode)))]
        work += [self.post(self.dice.choice(authors), turn * POSTS_A_ROUND + n) for n in range(POSTS_A_ROUND)]
        work += [self.talking.approve(host, one.message_id) for one in held[:1]]
        work += [self.talking.reject(host, one.message_id) for one in held[1:2]]
        self.dice.shuffle(work)
        for done in await asyncio.gather(*work, return_exceptions=True):
            with suppress(Refused):
                if done is not None:
                    raise done

    async def quiet(self, clients: list[RawClient]) -> None:
        """Wait until every open socket has read what it was sent: an answer comes after what was told."""
        for client in clients:
            if not client.disconnected.is_set():
                await client.request("media.view", {"slot": 0, "max_height": 0})

    async def published(self) -> set[str]:
        """The tokens that a moderator, or the mode, let through."""
        found: set[str] = set()
        async with self.here.world.db.reading() as reading:
            for token, message in self.posted.items():
                stored = await store.message(reading, self.session.session_id, message.message_id)
                if stored.state is MessageState.PUBLISHED:
                    found.add(token)
        return found

    def has_seen(self, person_id: PersonId, token: str) -> bool:
        return any(token.encode() in client.received for client in self.sockets[person_id])


async def test_no_token_of_an_unapproved_message_is_in_anyone_elses_bytes(here: Served) -> None:
    """ROOM-6: through mode changes, approvals, rejections and reconnections."""
    session = await here.world.session(mode=ChatMode.MODERATED)
    hall = Hall(here, session)
    links = [await here.link(session, f"Attendee {number}") for number in range(ATTENDEES)]
    for link in links:
        await hall.admit(link)
    hal = await here.join(session, "Hal", Role.HOST)
    for turn in range(ROUNDS):
        await hall.turn(turn)
        if turn % 15 == 7:
            await hall.admit(hall.dice.choice(links))
    await hall.talking.set_mode(hall.members(Role.HOST)[0], ChatMode.OPEN)
    await hall.admit(await here.link(session, "Late"))
    await hall.quiet([hal, *(client for sockets in hall.sockets.values() for client in sockets)])

    published = await hall.published()
    hits = [
        (token, person_id)
        for token, message in hall.posted.items()
        for person_id in hall.sockets
        if token not in published and person_id != message.author_id and hall.has_seen(person_id, token)
    ]
    assert hits == []
    # The search would find something: moderators saw all of it, and everybody what was let through.
    assert len(published) > 20
    assert len(hall.posted) - len(published) > 20
    assert all(token.encode() in hal.received for token in hall.posted)
    for token in published:
        assert all(hall.has_seen(person_id, token) for person_id in hall.sockets)
