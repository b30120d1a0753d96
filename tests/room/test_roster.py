"""Who is in a room, and who may do what."""

from __future__ import annotations

import pytest

from room_server.access.rules import Role
from room_server.errors import Refused
from room_server.room.permissions import Action, may, require_over
from room_server.room.roster import Roster
from tests.room.people import ANN, BOB, HAL, ZOE, come_back


def test_a_person_counts_once_however_often_they_come_back() -> None:
    """PLUS-3: counts show real people only."""
    roster = Roster().joined(ANN).joined(come_back(ANN)).joined(BOB)
    assert len(roster) == 2
    assert roster.everyone() == (come_back(ANN).connection_id, BOB.connection_id)


def test_the_end_of_an_older_connection_takes_nobody_away() -> None:
    roster = Roster().joined(ANN).joined(come_back(ANN))
    assert roster.left(ANN) is roster
    assert len(roster.left(come_back(ANN))) == 0


def test_a_held_message_is_heard_by_its_author_and_the_team() -> None:
    roster = Roster().joined(ANN).joined(BOB).joined(ZOE).joined(HAL)
    assert set(roster.team_and(ANN.person_id)) == {c.connection_id for c in (ANN, ZOE, HAL)}
    assert set(roster.team()) == {ZOE.connection_id, HAL.connection_id}
    assert roster.hosts() == (HAL.connection_id,)


@pytest.mark.parametrize("action", Action)
def test_a_right_of_a_role_is_a_right_of_every_higher_one(action: Action) -> None:
    rights = [may(role, action) for role in (Role.PARTICIPANT, Role.MODERATOR, Role.HOST)]
    assert rights == sorted(rights)
    assert not rights[0]
    assert rights[2]


def test_nobody_is_removed_by_somebody_of_a_lower_role() -> None:
    require_over(HAL, Action.REMOVE, Role.HOST)
    require_over(ZOE, Action.REMOVE, Role.PARTICIPANT)
    with pytest.raises(Refused, match="not_allowed"):
        require_over(ZOE, Action.REMOVE, Role.HOST)
