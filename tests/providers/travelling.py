"""Somebody's browser between the server and providers.

back = await laptop.there("there", login="ada")     # to the provider, through its forms, to the way back
reply = await laptop.get(back)                      # and back
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from urllib.parse import quote, urlencode

import aiohttp

from tests.kit.people import Person, letters, word_of
from tests.kit.server import Reply, ServerUnderTest
from tests.oidc.real_provider import Browser


class Traveller(Person):
    """A person whose browser goes to providers."""

    def __init__(self, server: ServerUnderTest, http: aiohttp.ClientSession, email: str) -> None:
        super().__init__(server, http, email)
        self.away = Browser(http, (f"{server.url}/sign-in/", f"{server.url}/sign-out/"))

    async def leave_for(self, name: str = "there", to: str = "/account") -> str:
        """Press the provider's button; return where it sends the browser."""
        reply = await self.get(f"/sign-in/{name}?to={quote(to, safe='')}")
        assert reply.status == 303, reply.text
        return reply.headers["Location"]

    async def there(self, name: str = "there", login: str = "ada", to: str = "/account") -> str:
        """Sign in there; return the path, with its query, that the provider sends the browser back to."""
        query = await self.away.sign_in(await self.leave_for(name, to), login)
        return f"/sign-in/{name}/back?{urlencode(query)}"

    async def enter(self, name: str = "there", login: str = "ada", to: str = "/account") -> Reply:
        """Sign in at a provider and come back."""
        return await self.get(await self.there(name, login, to))

    async def connect(self, name: str = "there", login: str = "ada") -> Reply:
        """Connect an identity on the account page, while signed in."""
        query = await self.away.sign_in(await self.leave_to_connect(name), login)
        return await self.get(f"/sign-in/{name}/back?{urlencode(query)}")

    async def leave_to_connect(self, name: str = "there") -> str:
        """Press *Connect*; return where the page leads."""
        return leads_to(await self.submit("/account", "/account/ways", connect=name))

    async def letter_path(self) -> str:
        """Return the path of the newest letter that asks to connect."""
        found = [one for one in await letters(self.server, self.email) if one.kind == "connect_identity"]
        assert found, f"no such letter to {self.email}"
        return found[-1].path

    async def press(self, path: str, page: Reply | None = None) -> Reply:
        """Send the form of a letter's page, which may have been opened before."""
        word = word_of(page or await self.get(path))
        return await self.ask("POST", path, data={"form_token": word}, headers={"Accept": "text/html"})

    async def is_signed_in(self) -> bool:
        return (await self.ask("GET", "/api/account")).status == 200


def leads_to(page: Reply) -> str:
    """Return where a page goes on to by itself, and by its link as well."""
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.text)
    assert found, page.text
    assert f'href="{found[1]}"' in page.text, "without the refresh there is a link"
    return unescape(found[1])


@asynccontextmanager
async def traveller(server: ServerUnderTest, email: str) -> AsyncIterator[Traveller]:
    """A browser that is signed in nowhere."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield Traveller(server, http, email)
