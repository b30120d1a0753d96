"""What accounts serve: `/api/` for programs, pages for people, and the guard before all operations."""

from __future__ import annotations

from collections.abc import Iterator

from room_server.accounts.composition import Accounts
from room_server.accounts.routes.guard import Guard
from room_server.accounts.routes.people_api import PeopleApi
from room_server.accounts.routes.team_api import TeamApi
from room_server.http.limits import SignInRate
from room_server.http.operations import Operation

__all__ = ["guard", "operations"]


def guard(accounts: Accounts) -> Guard:
    """Return what checks the needs of every operation."""
    return Guard(accounts.signing_in, accounts.team)


def operations(accounts: Accounts, rate: SignInRate) -> Iterator[Operation]:
    yield from PeopleApi(accounts.signing_in, accounts.team, accounts.hosting, rate).operations()
    yield from TeamApi(accounts.team, rate).operations()
