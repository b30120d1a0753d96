"""The npm package oidc-provider (MIT) in a process of its own, and a browser without a screen."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import aiohttp
from pydantic import SecretStr

from room_server.accounts.oidc import Dialect, Provider
from room_server.accounts.oidc.provider import ClientAuth

PROGRAM = Path(__file__).with_name("provider.mjs")
LIBRARY = Path(__file__).parents[2] / "web/node_modules/oidc-provider"
REDIRECT_URI = "https://room.example.org/sign-in/callback"
LEFT_URI = "https://room.example.org/signed-out"
# Characters that form encoding changes.
SECRET = "a+secret & 100 % of =its/kind: ~, long enough for a signature"

_CLIENT: Mapping[str, object] = {
    "client_secret": SECRET,
    "redirect_uris": [REDIRECT_URI],
    "post_logout_redirect_uris": [LEFT_URI],
    "grant_types": ["authorization_code"],
    "response_types": ["code"],
}
STANDARD_CLIENTS: list[Mapping[str, object]] = [
    {**_CLIENT, "client_id": "room", "token_endpoint_auth_method": "client_secret_basic"},
    {**_CLIENT, "client_id": "poster", "token_endpoint_auth_method": "client_secret_post"},
    {
        **{name: value for name, value in _CLIENT.items() if name != "client_secret"},
        "client_id": "public",
        "token_endpoint_auth_method": "none",
    },
    {**_CLIENT, "client_id": "shared-secret", "id_token_signed_response_alg": "HS256"},
]
PROCONNECT_CLIENTS: list[Mapping[str, object]] = [
    {
        **_CLIENT,
        "client_id": f"service-{algorithm}",
        "token_endpoint_auth_method": "client_secret_post",
        "id_token_signed_response_alg": algorithm,
        "userinfo_signed_response_alg": algorithm,
    }
    for algorithm in ("RS256", "ES256", "HS256")
]


@dataclass(frozen=True, slots=True)
class RealProvider:
    """A provider that runs."""

    issuer: str
    process: subprocess.Popen[str]

    def settings(self, client_id: str = "room", **more: object) -> Provider:
        secret = None if client_id == "public" else SecretStr(SECRET)
        return Provider.model_validate(
            {
                "issuer": self.issuer,
                "client_id": client_id,
                "client_secret": secret,
                "label": "Of the test",
                **more,
            }
        )

    def proconnect(self, client_id: str = "service-ES256", **more: object) -> Provider:
        return self.settings(client_id, dialect=Dialect.PROCONNECT, **more)

    def poster(self) -> Provider:
        return self.settings("poster", client_auth=ClientAuth.POST)

    def rotate(self) -> None:
        """Let it sign with other keys from now on, the earlier ones gone."""
        assert self.process.stdin is not None
        self.process.stdin.write("rotate\n")
        self.process.stdin.flush()
        assert self._said() == {"done": "rotate"}

    def _said(self) -> Mapping[str, str]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the provider has ended"
        return dict(json.loads(line))


@contextmanager
def real_provider(*, clients: list[Mapping[str, object]], proconnect: bool) -> Iterator[RealProvider]:
    """Run it until the end of the block."""
    node = shutil.which("node")
    assert node is not None, "node is missing"
    assert LIBRARY.is_dir(), "oidc-provider is missing: `make build` installs it"
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [node, str(PROGRAM), json.dumps({"proconnect": proconnect, "clients": clients})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            log.seek(0)
            assert said, log.read()
            yield RealProvider(json.loads(said)["issuer"], process)
        finally:
            process.terminate()
            process.communicate()


class Browser:
    """Somebody's browser: follows where it is led and fills in forms, until it is sent back to us."""

    def __init__(self, http: aiohttp.ClientSession, ours: tuple[str, ...] = (REDIRECT_URI, LEFT_URI)) -> None:
        self._http = http
        self._ours = ours

    async def sign_in(self, url: str, login: str = "ada") -> dict[str, str]:
        """Return the query that the provider sends back."""
        page = await self._open(url)
        while isinstance(page, str):
            form = Form.read(page)
            filled = {**form.fields, "login": login, "password": "any"}
            wanted = {name: value for name, value in filled.items() if name in form.names}
            page = await self._open(urljoin(url, form.action), wanted)
        return page

    async def decline(self, url: str) -> dict[str, str]:
        """Press *Cancel* instead."""
        page = await self._open(url)
        assert isinstance(page, str)
        back = await self._open(urljoin(url, Form.read(page).abort))
        assert isinstance(back, dict)
        return back

    async def sign_out(self, url: str) -> dict[str, str]:
        """Confirm that one wants to sign out."""
        page = await self._open(url)
        assert isinstance(page, str)
        form = Form.read(page)
        back = await self._open(urljoin(url, form.action), {**form.fields, "logout": "yes"})
        assert isinstance(back, dict)
        return back

    async def status(self, url: str) -> int:
        async with self._http.get(url) as response:
            return response.status

    async def _open(self, url: str, form: Mapping[str, str] | None = None) -> str | dict[str, str]:
        """Return a page to act on, or the query that came back to us."""
        method = "GET" if form is None else "POST"
        while True:
            async with self._http.request(method, url, data=form, allow_redirects=False) as response:
                if response.status not in (302, 303):
                    page = await response.text()
                    assert response.status == 200, page
                    return page
                url = urljoin(url, response.headers["Location"])
            method, form = "GET", None
            if url.startswith(self._ours):
                return dict(parse_qsl(urlsplit(url).query))


class Form(HTMLParser):
    """The one form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.abort = ""
        self.names: set[str] = set()
        self.fields: dict[str, str] = {}

    @classmethod
    def read(cls, page: str) -> Form:
        form = cls()
        form.feed(page)
        assert form.action, page
        return form

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given["action"]
        elif tag == "input" and "name" in given:
            self.names.add(given["name"])
            self.fields[given["name"]] = given.get("value", "")
        elif tag == "a" and "abort" in given.get("href", ""):
            self.abort = given["href"]
