"""The demo's mailbox: a list of what would have been sent, and a page to read each.

Invariant: the words of a message run nothing and load nothing: text is escaped, and HTML stands in a frame
that is sandboxed by its own headers, too, should somebody open its address alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web

from room_server.demo.workspace import ZONE
from room_server.errors import Refused
from room_server.http import headers, language
from room_server.http.needs import Needs
from room_server.http.operations import HTML, Operation, Reply
from room_server.http.pages import Pages
from room_server.http.texts import texts
from room_server.ids import MailId
from room_server.mail import store
from room_server.mail.store import Mail, MailState
from room_server.storage import Database

MAILBOX = "/demo/mailbox"
MOST_LISTED = 200

SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
"""Links open in a window of their own, outside of the sandbox; nothing else is allowed."""
_HTML_POLICY = (
    f"sandbox {SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_LINK = re.compile(r"https?://[^\s<>\"]*[^\s<>\"'.,;:!?)\]]")
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text, a link or not."""

    text: str
    is_link: bool


class MailboxRoutes:
    """Only of a demo."""

    def __init__(self, database: Database, pages: Pages) -> None:
        self._database = database
        self._pages = pages

    def operations(self) -> tuple[Operation, ...]:
        mail_id = {"mail_id": "As the list links to it"}
        missing = {404: ("not_found",), 503: ("storage_away",)}
        return (
            Operation(
                name="demo_mailbox",
                method="GET",
                path=MAILBOX,
                needs=Needs.NOTHING,
                summary="The demonstration's mailbox: messages that were not sent",
                handler=self.list,
                replies={200: Reply("A page", HTML)},
                refusals={503: ("storage_away",)},
            ),
            Operation(
                name="demo_mail",
                method="GET",
                path=f"{MAILBOX}/{{mail_id}}",
                needs=Needs.NOTHING,
                summary="One message of the demonstration's mailbox",
                handler=self.read,
                parameters=mail_id,
                replies={200: Reply("A page", HTML)},
                refusals=missing,
            ),
            Operation(
                name="demo_mail_html",
                method="GET",
                path=f"{MAILBOX}/{{mail_id}}/html",
                needs=Needs.NOTHING,
                summary="The HTML of a message, sandboxed",
                handler=self.html,
                parameters=mail_id,
                replies={200: Reply("A page", HTML)},
                refusals=missing,
            ),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Show the newest first."""
        async with self._database.reading() as reading:
            found = await store.sent(reading, MOST_LISTED + 1)
        reader = language.of(request)
        facts: dict[str, object] = {
            "mails": [(mail, _written(mail, reader)) for mail in found[:MOST_LISTED]],
            "more": MOST_LISTED if len(found) > MOST_LISTED else 0,
            "mailbox": MAILBOX,
        }
        return self._pages.render(request, "mailbox.html", reader, facts)

    async def read(self, request: web.Request) -> web.Response:
        """Show one."""
        mail = await self._mail(request)
        reader = language.of(request)
        facts: dict[str, object] = {
            "mail": mail,
            "message": mail.message,
            "parts": parts(mail.message.text),
            "at": _written(mail, reader),
            "mailbox": MAILBOX,
            "sandbox": SANDBOX,
        }
        page = self._pages.render(request, "mailbox_message.html", reader, facts)
        page.headers["Content-Security-Policy"] = headers.page_policy(request, frames="'self'")
        return page

    async def html(self, request: web.Request) -> web.Response:
        """Show the HTML of one as a mail program would, without running or fetching anything."""
        mail = await self._mail(request)
        if mail.message.html is None:
            raise Refused("not_found", 404)
        return web.Response(
            text=_with_links_outside(mail.message.html),
            content_type="text/html",
            headers={"Content-Security-Policy": _HTML_POLICY, "X-Frame-Options": "SAMEORIGIN"},
        )

    async def _mail(self, request: web.Request) -> Mail:
        async with self._database.reading() as reading:
            mail = await store.one(reading, MailId(request.match_info["mail_id"]))
        if mail is None or mail.state is not MailState.SENT:
            raise Refused("not_found", 404)
        return mail


def parts(text: str) -> tuple[Part, ...]:
    """Return the text in pieces, web addresses apart."""
    found, end = [], 0
    for link in _LINK.finditer(text):
        found += [Part(text[end : link.start()], is_link=False), Part(link[0], is_link=True)]
        end = link.end()
    return tuple(part for part in (*found, Part(text[end:], is_link=False)) if part.text)


def _with_links_outside(html: str) -> str:
    base = '<base target="_blank">'
    head = _HEAD.search(html)
    return f"{html[: head.end()]}{base}{html[head.end() :]}" if head else f"{base}{html}"


def _written(mail: Mail, reader: str) -> str:
    return texts().page("mailbox.written", reader, at=mail.sent_at or mail.due_at, time_zone=ZONE)
