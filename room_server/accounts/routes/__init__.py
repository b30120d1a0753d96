"""What accounts serve: `/api/` for programs, pages for people, and the guard before all operations."""

from __future__ import annotations

from collections.abc import Iterator

from room_server.accounts.composition import Accounts
from room_server.accounts.providers import Providers
from room_server.accounts.routes.account_pages import AccountPages
from room_server.accounts.routes.forms import Forms
from room_server.accounts.routes.guard import Guard
from room_server.accounts.routes.people_api import PeopleApi
from room_server.accounts.routes.provider_pages import ProviderPages
from room_server.accounts.routes.sign_in_pages import SignInPages
from room_server.accounts.routes.signing_out_pages import SigningOutPages
from room_server.accounts.routes.team_api import TeamApi
from room_server.accounts.routes.team_pages import TeamPages
from room_server.http.home import Link
from room_server.http.limits import SignInRate
from room_server.http.operations import Operation

__all__ = ["HOME_LINK", "STYLE", "guard", "operations"]

HOME_LINK = Link("/sign-in", "home.signIn")
STYLE = "src/account/account.css"
"""The style sheet of these pages, as the build knows it."""


def guard(accounts: Accounts) -> Guard:
    """Return what checks the needs of every operation."""
    return Guard(accounts.signing_in, accounts.team)


def operations(
    accounts: Accounts, rate: SignInRate, forms: Forms, providers: Providers
) -> Iterator[Operation]:
    signing_in, team, hosting = accounts.signing_in, accounts.team, accounts.hosting
    yield from PeopleApi(signing_in, team, hosting, rate).operations()
    yield from TeamApi(team, rate).operations()
    yield from SignInPages(signing_in, team, hosting, rate, forms).operations()
    yield from AccountPages(signing_in, team, hosting, rate, forms, providers).operations()
    yield from ProviderPages(providers, rate, forms).operations()
    yield from SigningOutPages(signing_in, providers, rate, forms).operations()
    yield from TeamPages(team, rate, forms).operations()
