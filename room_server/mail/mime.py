"""A message as it goes over the wire (RFC 5322, RFC 2045).

Invariant: the same mail is the same Message-ID, date and words at each try.
"""

from __future__ import annotations

import re
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import TYPE_CHECKING

from room_server.mail.message import Address, Attachment
from room_server.mail.store import Mail


def encoded(mail: Mail, sender: Address) -> bytes:
    """Return the whole message, lines ended by CRLF.

    It is ASCII throughout, unless the address needs a server with SMTPUTF8 (RFC 6532).
    """
    utf8 = mail.message.to.needs_utf8 or sender.needs_utf8
    return _composed(mail, sender, _Way(utf8=utf8, cte_type="7bit", linesep="\r\n")).as_bytes()


if TYPE_CHECKING:
    _Library = EmailPolicy[EmailMessage]
else:
    _Library = EmailPolicy  # generic to type checkers alone


class _Way(_Library):
    """The library's, but for headers that programs read: it would break a long address into encoded words."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.startswith("List-"):
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


def _composed(mail: Mail, sender: Address, way: _Way) -> EmailMessage:
    message = mail.message
    made = EmailMessage(policy=way)
    made["From"] = _mailbox(sender)
    made["To"] = _mailbox(message.to)
    made["Subject"] = message.subject
    made["Date"] = format_datetime(mail.due_at)
    made["Message-ID"] = mail.message_id
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notice comes back
    for name, value in message.headers.items():
        made[name] = value
    made.set_content(message.text)
    if message.html is not None:
        made.add_alternative(message.html, subtype="html")
    for attachment in message.attachments:
        _attach(made, attachment)
    made["Content-Language"] = message.language
    return made


def _mailbox(address: Address) -> Mailbox:
    """Return it for a header, which quotes by itself what stands before the @ if it has to."""
    local = address.local
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return Mailbox(display_name=address.name, username=local, domain=address.domain)


def _attach(made: EmailMessage, attachment: Attachment) -> None:
    declared = EmailMessage()
    declared["Content-Type"] = attachment.content_type
    kind = declared["Content-Type"]
    made.add_attachment(
        attachment.content,
        maintype=kind.maintype,
        subtype=kind.subtype,
        params=dict(kind.params),
        filename=attachment.name,
    )
