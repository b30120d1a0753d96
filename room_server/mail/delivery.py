"""How a mail leaves, as `Sending` sees it: handed over, or why not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from room_server.mail.store import Mail

MayBegin = Callable[[], Awaitable[bool]]


class Delivery(Protocol):
    """A way out."""

    async def hand_over(self, mail: Mail, may_begin: MayBegin) -> str | None:
        """Hand `mail` over and return the answer.

        `may_begin` is awaited when everything else is ready, directly before the message's text leaves; when
        it says no, nothing leaves and None is returned.  Raises `NotNow`, `Never`, `Unreachable`.
        """
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


class NotNow(Exception):
    """This mail was not taken, or nobody knows whether it was; another try may succeed."""


class Never(Exception):
    """This mail will not be taken, however often it is tried."""


class Unreachable(Exception):
    """No mail can be handed over for now: nothing was said of this one."""
