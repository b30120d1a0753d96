"""Messages as values: what cannot be a mail cannot be made.

Invariants: no value holds a control character, so none can begin a header of its own; an address is one that
RFC 5321 allows, its domain one that the public network may know; headers are of a short list.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from email_validator import EmailNotValidError, validate_email

from room_server.errors import Refused
from room_server.ids import WorkspaceId

HEADERS = ("Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post")
"""What a message may set besides what every one has.  RFC 2369, RFC 8058."""
LONGEST_NAME = 200
LONGEST_SUBJECT = 500
LONGEST_HEADER = 900
MOST_ATTACHED_BYTES = 1 << 20

_INVISIBLE = ("Cc", "Cs", "Zl", "Zp")
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns the direction of text around, so that a name reads as what it is not."""


@dataclass(frozen=True, slots=True)
class Address:
    """`email` as it was typed, in its normal form; `name` cleaned of what is no text.

    Raises `Refused` address_invalid (422).  A domain in brackets is refused, although RFC 5321 allows it:
    no person has such an address.
    """

    email: str = field(repr=False)
    name: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "email", _checked(self.email))
        object.__setattr__(self, "name", cleaned(self.name)[:LONGEST_NAME])

    @property
    def local(self) -> str:
        return self.email.rpartition("@")[0]

    @property
    def domain(self) -> str:
        """Return the domain as the network knows it (RFC 5891)."""
        ascii_domain = validate_email(
            f"a@{self.email.rpartition('@')[2]}", check_deliverability=False
        ).ascii_domain
        return str(ascii_domain)

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 (RFC 6531) can take it: a domain has another form, this not."""
        return not self.local.isascii()

    @property
    def on_the_wire(self) -> str:
        return f"{self.local}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A small file, an invitation for a calendar.  `content_type` may have parameters: `text/calendar; …`."""

    name: str
    content_type: str
    content: bytes = field(repr=False)

    def __post_init__(self) -> None:
        for value in (self.name, self.content_type):
            if value != cleaned(value) or not value:
                raise Refused("mail_refused", 422, {"field": "attachment"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail to one person.

    `kind` says what it is ("sign_in", "reminder"), for lists and counts.  `text` is always there; `html`
    shows the same; both lose their control characters.  `workspace_id` is None for what concerns no
    workspace.  Raises `Refused`: `mail_refused` (422) with `field`.
    """

    to: Address
    language: str
    subject: str
    text: str = field(repr=False)
    kind: str
    html: str | None = field(default=None, repr=False)
    workspace_id: WorkspaceId | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", cleaned(self.subject)[:LONGEST_SUBJECT])
        if not self.subject:
            raise Refused("mail_refused", 422, {"field": "subject"})
        object.__setattr__(self, "text", _body(self.text))
        if self.html is not None:
            object.__setattr__(self, "html", _body(self.html))
        if not all(_may_stand(name, value) for name, value in self.headers.items()):
            raise Refused("mail_refused", 422, {"field": "headers"})
        if sum(len(one.content) for one in self.attachments) > MOST_ATTACHED_BYTES:
            raise Refused("mail_refused", 422, {"field": "attachments"})


def cleaned(text: str) -> str:
    """Return `text` on one line: whatever is no text is a space, and spaces are single."""
    visible = (" " if _is_no_text(character) else character for character in text)
    return " ".join("".join(visible).split())


def _body(text: str) -> str:
    """Return `text` with lines that end alike, and without what no mail program shows."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        character
        for character in lines
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
    )


def _may_stand(name: str, value: str) -> bool:
    """Whether a message may have this header: of the list, on one line, and what programs read in ASCII."""
    if name not in HEADERS or value != cleaned(value) or len(value) > LONGEST_HEADER:
        return False
    return value.isascii() or not name.startswith("List-")


def _is_no_text(character: str) -> bool:
    return character in _OVERRIDES or unicodedata.category(character) in _INVISIBLE


def _checked(email: str) -> str:
    try:
        found = validate_email(
            email.strip(), check_deliverability=False, allow_quoted_local=True, strict=True
        )
    except EmailNotValidError:
        raise Refused("address_invalid", 422) from None
    return str(found.normalized)
