"""Who may do what in a room, as one table.

Invariant: a right of a role is a right of every higher one; what is not in the table nobody may do.
"""

from __future__ import annotations

from enum import Enum, auto

from room_server.access.rules import Admission, Role
from room_server.errors import Refused

_RANK = {Role.PARTICIPANT: 0, Role.MODERATOR: 1, Role.HOST: 2}


class Action(Enum):
    """What takes more than being here."""

    MODERATE_CHAT = auto()
    SET_CHAT_MODE = auto()
    INVITE = auto()
    MUTE = auto()
    REMOVE = auto()
    RUN_SESSION = auto()
    RUN_PLAYBACK = auto()
    LAUNCH_CTA = auto()


_NEEDS = {
    Action.MODERATE_CHAT: Role.MODERATOR,
    Action.SET_CHAT_MODE: Role.MODERATOR,
    Action.INVITE: Role.MODERATOR,
    Action.MUTE: Role.MODERATOR,
    Action.REMOVE: Role.MODERATOR,
    Action.RUN_SESSION: Role.HOST,
    Action.RUN_PLAYBACK: Role.HOST,
    Action.LAUNCH_CTA: Role.HOST,
}


def may(role: Role, action: Action) -> bool:
    """Whether `role` may do `action`."""
    return _RANK[role] >= _RANK[_NEEDS[action]]


def require(member: Admission, action: Action) -> None:
    """Raise `Refused` not_allowed unless `member` may do `action`."""
    if not may(member.role, action):
        raise Refused("not_allowed")


def require_over(member: Admission, action: Action, role: Role) -> None:
    """As `require`, for something done to a person of `role`."""
    if not may_over(member.role, action, role):
        raise Refused("not_allowed")


def may_over(role: Role, action: Action, other: Role) -> bool:
    """Whether `role` may do `action` to somebody of the role `other`: never to one of a higher role."""
    return may(role, action) and _RANK[other] <= _RANK[role]


def is_team(role: Role) -> bool:
    """Hosts and moderators: they see everyone and every message."""
    return role is not Role.PARTICIPANT
