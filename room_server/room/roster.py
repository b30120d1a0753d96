"""Who is in a room now: real people with a live connection, nobody else.

Invariant: a person is here once; their newest connection is the one that counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from room_server.access.rules import Admission, Role
from room_server.ids import ConnectionId, PersonId


@dataclass(frozen=True, slots=True)
class Roster:
    """The members by person, in the order they came."""

    members: Mapping[PersonId, Admission] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        return len(self.members)

    def get(self, person_id: PersonId) -> Admission | None:
        return self.members.get(person_id)

    def joined(self, member: Admission) -> Roster:
        return Roster(MappingProxyType({**self.members, member.person_id: member}))

    def left(self, member: Admission) -> Roster:
        """Return the roster without `member`, unchanged if a newer connection of theirs is here."""
        present = self.members.get(member.person_id)
        if present is None or present.connection_id != member.connection_id:
            return self
        rest = {who: one for who, one in self.members.items() if who != member.person_id}
        return Roster(MappingProxyType(rest))

    def everyone(self) -> tuple[ConnectionId, ...]:
        return tuple(member.connection_id for member in self.members.values())

    def team(self) -> tuple[ConnectionId, ...]:
        """Connections of hosts and moderators."""
        return tuple(m.connection_id for m in self.members.values() if m.role is not Role.PARTICIPANT)

    def hosts(self) -> tuple[ConnectionId, ...]:
        return tuple(m.connection_id for m in self.members.values() if m.role is Role.HOST)

    def team_and(self, person_id: PersonId) -> tuple[ConnectionId, ...]:
        """Connections of hosts, moderators and one more person, if here."""
        return tuple(
            m.connection_id
            for m in self.members.values()
            if m.role is not Role.PARTICIPANT or m.person_id == person_id
        )
