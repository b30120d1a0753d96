"""The refusals of signing in, and the asking that ends in some of them.

Invariant: `reason` is a word for the operator, never a value that somebody sent.
"""

from __future__ import annotations

import re

from room_server.accounts.oidc.fetching import Answer, Ask, Fetcher, Unreachable, Unreadable
from room_server.accounts.oidc.provider import Provider
from room_server.errors import Refused

_ERROR = re.compile(r"[a-z_]{1,40}")


def away(provider: Provider, reason: str) -> Refused:
    return Refused("provider_away", 503, {"provider": provider.label, "reason": reason})


def unusable(provider: Provider, reason: str) -> Refused:
    """The provider, or what was set of it, does not serve."""
    return Refused("provider_unusable", 502, {"provider": provider.label, "reason": reason})


def untrusted(provider: Provider, reason: str) -> Refused:
    """What the provider says of a person is not believed."""
    return Refused("identity_refused", 502, {"provider": provider.label, "reason": reason})


def stray() -> Refused:
    """What came back belongs to no sign-in of this browser."""
    return Refused("sign_in_stray", 400)


def over() -> Refused:
    return Refused("sign_in_over", 400)


def named(error: object) -> str:
    """Return an error code of OAuth (RFC 6749, section 5.2) fit to be shown."""
    return error if isinstance(error, str) and _ERROR.fullmatch(error) else "unnamed"


async def asked(fetcher: Fetcher, provider: Provider, ask: Ask) -> Answer:
    """Return the answer.  Raises `Refused`: `provider_away`, `provider_unusable`."""
    try:
        return await fetcher.fetch(ask)
    except Unreachable as unreachable:
        raise away(provider, unreachable.reason) from None
    except Unreadable as unreadable:
        raise unusable(provider, unreadable.reason) from None
