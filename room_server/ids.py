"""Identifiers: opaque, unguessable, safe in URLs and file names.

One access link is one person in one session, so a `PersonId` never outlives its link; the two differ so that
what a room shows of a person says nothing about their link.
"""

from __future__ import annotations

import secrets
from typing import NewType

WorkspaceId = NewType("WorkspaceId", str)
EventId = NewType("EventId", str)
SessionId = NewType("SessionId", str)
LinkId = NewType("LinkId", str)
PersonId = NewType("PersonId", str)
ConnectionId = NewType("ConnectionId", str)
MessageId = NewType("MessageId", str)
ItemId = NewType("ItemId", str)
CtaId = NewType("CtaId", str)
NodeId = NewType("NodeId", str)
JobId = NewType("JobId", str)
MailId = NewType("MailId", str)
AccountId = NewType("AccountId", str)
SignInId = NewType("SignInId", str)
InvitationId = NewType("InvitationId", str)
MailedLinkId = NewType("MailedLinkId", str)
AccessRequestId = NewType("AccessRequestId", str)

_RANDOM_BYTES = 12


def new() -> str:
    """Return a fresh identifier: 16 characters of `[A-Za-z0-9_-]`, 96 random bits."""
    return secrets.token_urlsafe(_RANDOM_BYTES)
