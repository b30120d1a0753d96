"""The services of accounts, made together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from room_server.accounts.hosting import Hosting
from room_server.accounts.letters import Post
from room_server.accounts.passwords import Passwords
from room_server.accounts.rules import HostAccess
from room_server.accounts.signing_in import SigningIn
from room_server.accounts.team import Team
from room_server.storage import Database


@dataclass(frozen=True, slots=True)
class Accounts:
    """Everything that knows people.  `close` waits for the hashes under way."""

    signing_in: SigningIn
    team: Team
    hosting: Hosting
    passwords: Passwords

    def close(self) -> None:
        self.passwords.close()


def accounts(database: Database, post: Post, policy: HostAccess, url: Callable[[], str]) -> Accounts:
    """Return the services; `url` says where browsers find the server, for the links of letters."""
    passwords = Passwords()
    signing_in = SigningIn(database, passwords, post, url)
    return Accounts(
        signing_in=signing_in,
        team=Team(database, signing_in, post),
        hosting=Hosting(database, signing_in, post, policy, url),
        passwords=passwords,
    )
