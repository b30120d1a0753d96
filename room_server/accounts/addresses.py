"""When two e-mail addresses are one person's.  What is an address at all, `room_server.mail` says."""

from __future__ import annotations

from dataclasses import dataclass

from room_server.mail import message


@dataclass(frozen=True, slots=True)
class Address:
    """`email` is as mail is sent to it; two addresses with one `key` are one person's."""

    email: str
    key: str


def address(text: str) -> Address:
    """Return the address that `text` spells, with white space around it forgiven.

    Raises `Refused("address_invalid")`.
    """
    found = message.Address(text)
    # The standard lets a host tell cases of the local part apart; none that people use does.
    return Address(found.email, f"{found.local}@{found.domain}".casefold())
