"""The demo's mail: nothing leaves the machine, a page shows what would have.

Invariant: a demo never connects to a mail server, whatever its settings say.
"""

from __future__ import annotations

from collections.abc import Iterable

from room_server.config import Settings
from room_server.demo.routes import MAILBOX, MailboxRoutes
from room_server.http.home import Link
from room_server.http.operations import Operation
from room_server.http.pages import Pages
from room_server.mail.delivery import MayBegin
from room_server.mail.store import Mail
from room_server.occasion import Occasion
from room_server.storage import Database

ANSWER = "kept in the demonstration's mailbox"


class Kept:
    """A `Delivery` that hands over to nobody: the outbox itself is what the page shows."""

    async def hand_over(self, mail: Mail, may_begin: MayBegin) -> str | None:
        """See `Delivery`."""
        del mail
        return ANSWER if await may_begin() else None

    async def close(self) -> None:
        """There is nothing to close."""


def _kept(_settings: Settings) -> Kept:
    return Kept()


def _pages(database: Database, pages: Pages) -> Iterable[Operation]:
    return MailboxRoutes(database, pages).operations()


SHOWING = Occasion(_kept, _pages, (Link(MAILBOX, "mailbox.home"),))
"""What a demo runs for."""
