"""Who a provider says somebody is.

Invariant: `issuer` and `subject` together are the person; an address is what they are reached by, and is
theirs only where the provider says that it has made sure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from room_server.accounts.oidc.tokens import Claims

MAX_EMAIL_CHARS = 254
MAX_NAME_CHARS = 200

_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\\\]]{1,64}@[^\s@\"(),:;<>\[\\\]]{1,253}")


@dataclass(frozen=True, slots=True)
class Identity:
    """`id_token` is kept for `logout_url` alone: it is as secret as a session."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str | None
    id_token: str = field(default="", repr=False, compare=False)


def identity(issuer: str, subject: str, claims: Claims, id_claims: Claims, id_token: str) -> Identity:
    """Return who `claims`, of userinfo, tell of; what they leave out may be in the ID token.

    An address and whether it was made sure of are read from the same place.
    """
    source = claims if claims.get("email") is not None else id_claims
    email = _email(source.get("email"))
    return Identity(
        issuer=issuer,
        subject=subject,
        email=email,
        email_verified=email is not None and source.get("email_verified") is True,
        name=_name(claims) or _name(id_claims),
        id_token=id_token,
    )


def _email(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > MAX_EMAIL_CHARS or not value.isprintable():
        return None
    return value if _EMAIL.fullmatch(value) else None


def _name(claims: Claims) -> str | None:
    whole = _line(claims.get("name"))
    if whole is not None:
        return whole
    family = claims.get("usual_name") or claims.get("family_name")
    return _line(" ".join(part for part in (claims.get("given_name"), family) if isinstance(part, str)))


def _line(value: object) -> str | None:
    """Return a text as one line, without what a screen does not show."""
    if not isinstance(value, str):
        return None
    shown = "".join(
        character if character.isprintable() else " " for character in value[: 4 * MAX_NAME_CHARS]
    )
    return " ".join(shown.split())[:MAX_NAME_CHARS].rstrip() or None
