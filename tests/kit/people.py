"""People with browsers of their own, and the letters that they get.

zoe = await owner(server)
bob = await zoe.invites("bob@example.org")
reply = await bob.ask("GET", "/api/account")
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

import aiohttp
from sqlalchemy import select

from room_server.accounts.rules import Role
from room_server.ids import AccountId, WorkspaceId
from room_server.mail.store import mails
from tests.kit.server import FIREFOX, Reply, ServerUnderTest

WORKSPACE = "Atelier du Nord"
PASSWORD = "a long walk by the sea"


@dataclass(frozen=True, slots=True)
class Letter:
    kind: str
    language: str
    subject: str
    text: str

    @property
    def token(self) -> str:
        """Return the secret at the end of the letter's link."""
        found = re.search(r"https?://\S+/([A-Za-z0-9_-]{32})\s", self.text)
        assert found, self.text
        return found[1]

    @property
    def path(self) -> str:
        found = re.search(r"https?://[^/\s]+(/\S+)", self.text)
        assert found, self.text
        return found[1]


async def letters(server: ServerUnderTest, email: str) -> Sequence[Letter]:
    """Return what was written to an address, the oldest first."""
    async with server.running.database.reading() as reading:
        found = await reading.execute(
            select(mails.c.kind, mails.c.language, mails.c.subject, mails.c.text)
            .where(mails.c.address == email)
            .order_by(mails.c.created_at)
        )
        return [Letter(row.kind, row.language, row.subject, row.text) for row in found]


async def count(server: ServerUnderTest, table: Any) -> int:
    """Return how many rows a table has."""
    async with server.running.database.reading() as reading:
        return len((await reading.execute(select(table))).all())


class Person:
    """Somebody's browser."""

    def __init__(self, server: ServerUnderTest, http: aiohttp.ClientSession, email: str) -> None:
        self.server = server
        self.http = http
        self.email = email
        self.workspace_id = WorkspaceId("")

    # ---- asking

    async def ask(self, method: str, path: str, **kind: Any) -> Reply:
        headers = {"User-Agent": FIREFOX, **kind.pop("headers", {})}
        url = self.server.url + path
        async with self.http.request(method, url, allow_redirects=False, headers=headers, **kind) as reply:
            text = await reply.text()
            body = await reply.json(content_type=None) if "json" in reply.content_type and text else None
            return Reply(reply.status, reply.headers, text, body)

    async def get(self, path: str, **headers: str) -> Reply:
        """Open a page."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("GET", path, headers={"Accept": "text/html", **given})

    async def submit(self, path: str, at: str | None = None, **fields: str) -> Reply:
        """Open the page at `path`, fill in its form and send it."""
        page = await self.get(path)
        data = {"form_token": word_of(page), **fields}
        return await self.ask("POST", at or path, data=data, headers={"Accept": "text/html"})

    # ---- what they do

    async def token_of(self, kind: str) -> str:
        """Return the secret of the newest letter of that kind."""
        found = [one for one in await letters(self.server, self.email) if one.kind == kind]
        assert found, f"no letter {kind} to {self.email}"
        return found[-1].token

    async def sign_in(self) -> Reply:
        """Sign in by a link that is asked for and mailed."""
        asked = await self.ask("POST", "/api/sign-in/link", json={"email": self.email})
        assert asked.status == 204, asked.text
        reply = await self.ask("POST", "/api/sign-in", json={"token": await self.token_of("sign_in")})
        assert reply.status == 200, reply.text
        return reply

    async def choose_password(self, password: str = PASSWORD) -> None:
        """Choose a password by a link, which signs in."""
        asked = await self.ask("POST", "/api/password/link", json={"email": self.email})
        assert asked.status == 204, asked.text
        body = {"token": await self.token_of("password"), "password": password}
        reply = await self.ask("POST", "/api/password", json=body)
        assert reply.status == 200, reply.text

    async def account_id(self) -> AccountId:
        return AccountId((await self.ask("GET", "/api/account")).body["account_id"])

    @property
    def team(self) -> str:
        return f"/api/workspaces/{self.workspace_id}"

    async def invites(self, other: Person, role: Role = Role.MEMBER, name: str = "Bob") -> None:
        """Invite somebody, who accepts."""
        invited = await self.ask(
            "POST", f"{self.team}/invitations", json={"email": other.email, "role": role.value}
        )
        assert invited.status == 201, invited.text
        body = {"token": await other.token_of("invitation"), "name": name}
        joined = await other.ask("POST", "/api/invitations/accept", json=body)
        assert joined.status == 200, joined.text
        other.workspace_id = self.workspace_id


@asynccontextmanager
async def person(server: ServerUnderTest, email: str) -> AsyncIterator[Person]:
    """A browser that is signed in nowhere."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield Person(server, http, email)


@asynccontextmanager
async def owner(
    server: ServerUnderTest, email: str = "zoe@example.org", workspace: str = WORKSPACE, name: str = "Zoé"
) -> AsyncIterator[Person]:
    """The owner of a workspace, signed in."""
    async with person(server, email) as found:
        link = await server.running.accounts.hosting.create_owner(email, workspace, name, "en")
        reply = await found.ask("POST", "/api/sign-in", json={"token": link.rpartition("/")[2]})
        assert reply.status == 200, reply.text
        workspace_id = await server.running.workspaces.named(workspace)
        assert workspace_id is not None
        found.workspace_id = workspace_id
        yield found


def word_of(page: Reply) -> str:
    """Return the word that a page's form holds."""
    found = re.search(r'name="form_token" value="([^"]*)"', page.text)
    assert found, page.text[-1500:]
    return unescape(found[1])
