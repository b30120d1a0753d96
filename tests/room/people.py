"""People for the tests of rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from room_server.access.rules import Admission, Role
from room_server.ids import ConnectionId, LinkId, PersonId, SessionId

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def person(name: str, role: Role = Role.PARTICIPANT) -> Admission:
    return Admission(
        connection_id=ConnectionId(f"c-{name}"),
        link_id=LinkId(f"l-{name}"),
        person_id=PersonId(name),
        session_id=SessionId("session"),
        fence=1,
        name=name.title(),
        role=role,
        language="en",
        device="Firefox on Linux",
    )


def come_back(who: Admission) -> Admission:
    """The same person on a newer connection."""
    return replace(who, connection_id=ConnectionId(f"{who.connection_id}-again"), fence=who.fence + 1)


ANN = person("ann")
BOB = person("bob")
ZOE = person("zoe", Role.MODERATOR)
HAL = person("hal", Role.HOST)
