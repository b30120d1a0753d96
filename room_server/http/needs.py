"""What an operation needs of who calls it: the one list of it that routes, documentation and checks share.

    NOTHING     whoever asks, by whatever means
    LINK        the secret of an access link or of a stream, which the operation itself looks up
    VISITOR     nobody in particular; but what changes something comes from a page of ours
    SIGNED_IN   an account, by the cookie of its sign-in
    MEMBER ⊂ ADMIN ⊂ OWNER    that role, or one that includes it, in the workspace that the path names

Invariant: everything that a cookie may decide is refused to the pages of other sites.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1)."""

SCHEMES: Mapping[str, Any] = {
    "signedIn": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-sign-in",
        "description": "An account's sign-in; “sign-in” where the server is reached without TLS.",
    },
    "link": {
        "type": "http",
        "scheme": "bearer",
        "description": "The secret of an access link or a stream: in the address, the body, or as a bearer.",
    },
}


class Needs(StrEnum):
    NOTHING = "nothing"
    LINK = "link"
    VISITOR = "visitor"
    SIGNED_IN = "signed_in"
    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"

    @property
    def of_workspace(self) -> bool:
        """Return whether a role in a workspace is needed."""
        return self in (Needs.MEMBER, Needs.ADMIN, Needs.OWNER)

    @property
    def by_cookie(self) -> bool:
        """Return whether the cookie of a sign-in counts."""
        return self not in (Needs.NOTHING, Needs.LINK)

    @property
    def security(self) -> list[dict[str, list[str]]]:
        """Return the OpenAPI security requirement."""
        if self in (Needs.NOTHING, Needs.VISITOR):
            return []
        return [{"link": []}] if self is Needs.LINK else [{"signedIn": []}]

    def refusals(self, method: str) -> Mapping[int, tuple[str, ...]]:
        """Return the codes, by status, with which the check refuses."""
        found: dict[int, tuple[str, ...]] = {}
        if self.by_cookie:
            found[503] = ("storage_away",)
        if self.by_cookie and method not in SAFE:
            found[403] = ("cross_site",)
        if self.by_cookie and self is not Needs.VISITOR:
            found[401] = ("sign_in_needed",)
        if self.of_workspace:
            found[404] = ("unknown_workspace",)
        if self in (Needs.ADMIN, Needs.OWNER):
            found[403] = (*found.get(403, ()), "role_needed")
        return found
