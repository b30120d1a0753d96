"""A provider that misbehaves on demand; left alone it is honest, so that each test changes one thing."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from pydantic import SecretStr

from room_server.accounts.oidc import Provider, Started
from room_server.accounts.oidc.tokens import half_hash
from tests.kit.clock import FakeClock

CLIENT_ID = "room"
SECRET = "what only the provider knows"
ACCESS_TOKEN = "of-access"
CODE = "a-code"

Claims = dict[str, Any]
Sign = Callable[[Claims], str]


@cache
def rsa_key(name: str, bits: int = 2_048) -> RSAKey:
    """Return a key; the same name is the same key."""
    return RSAKey.generate_key(bits, {"kid": name, "use": "sig"}, auto_kid=False)


@cache
def ec_key(name: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": name, "use": "sig"}, auto_kid=False)


def public(key: RSAKey | ECKey, **changes: object) -> Claims:
    """Return a key as a provider publishes it, without what `changes` set to None."""
    return without_none({**key.as_dict(private=False), **changes})


def without_none(claims: Mapping[str, object]) -> Claims:
    return {name: value for name, value in claims.items() if value is not None}


def signed(claims: Claims, key: RSAKey | ECKey | OctKey, alg: str = "RS256", **header: object) -> str:
    """Return a token; a header of None is left out."""
    headers = without_none({"alg": alg, "kid": key.kid, **header})
    return jwt.encode(headers, claims, key, algorithms=[alg])


def unsigned(claims: Claims, **header: object) -> str:
    """Return a token that says it needs no signature."""
    parts = ({"alg": "none", "typ": "JWT", **header}, claims)
    return ".".join(segment(json.dumps(part).encode()) for part in parts) + "."


def segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer as it is to be sent."""

    body: bytes = b"{}"
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Liar:
    """Says what it is told to.  What is None in `metadata`, `claims` and `userinfo` is left out."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.issuer = ""
        self.asked: Counter[str] = Counter()
        self.paths: list[str] = []
        self.metadata: Claims = {}
        self.keys: list[object] = [public(rsa_key("one"))]
        self.claims: Claims = {}
        self.tokens: Claims = {}
        self.userinfo: Claims = {}
        self.sign: Sign = lambda claims: signed(claims, rsa_key("one"))
        self.sign_userinfo: Sign | None = None
        self.raw: dict[str, Raw] = {}
        self.silent: set[str] = set()
        self.heard = asyncio.Event()
        self.nonce = ""
        self._released = asyncio.Event()

    def settings(self, **more: object) -> Provider:
        return Provider.model_validate(
            {
                "issuer": self.issuer,
                "client_id": CLIENT_ID,
                "client_secret": SecretStr(SECRET),
                "label": "Liar",
                **more,
            }
        )

    def answer(self, started: Started, **changes: object) -> dict[str, str]:
        """Return the query that a browser brings back."""
        self.nonce = started.nonce
        return without_none({"code": CODE, "state": started.state, "iss": self.issuer, **changes})

    def id_claims(self) -> Claims:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "sub": "ada",
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": self.nonce,
            "at_hash": half_hash(ACCESS_TOKEN, "RS256"),
        }
        return without_none({**claims, **self.claims})

    def release(self) -> None:
        """Let what is silent answer after all."""
        self._released.set()

    async def _serve(self, request: web.Request) -> web.Response:
        what = request.path.rpartition("/")[2]
        self.asked[what] += 1
        self.paths.append(request.path)
        self.heard.set()
        if what in self.silent:
            await self._released.wait()
        if (raw := self.raw.get(what)) is not None:
            return web.Response(
                status=raw.status, body=raw.body, content_type=raw.content_type, headers=raw.headers
            )
        return self._honest(what)

    def _honest(self, what: str) -> web.Response:
        if what == "openid-configuration":
            return web.json_response(self._metadata())
        if what == "jwks":
            return web.json_response({"keys": self.keys})
        if what == "token":
            tokens = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": self._id_token()}
            return web.json_response(without_none({**tokens, **self.tokens}))
        person = {"sub": "ada", "email": "ada@example.org", "email_verified": True, "name": "Ada Lovelace"}
        told = without_none({**person, **self.userinfo})
        if self.sign_userinfo is None:
            return web.json_response(told)
        return web.Response(text=self.sign_userinfo(told), content_type="application/jwt")

    def _id_token(self) -> str:
        return self.sign(self.id_claims())

    def _metadata(self) -> Claims:
        honest = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/end",
            "authorization_response_iss_parameter_supported": True,
        }
        return without_none({**honest, **self.metadata})


@asynccontextmanager
async def lying(clock: FakeClock, tls: ssl.SSLContext | None = None) -> AsyncIterator[Liar]:
    """Serve one until the end of the block."""
    liar = Liar(clock)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", liar._serve)
    server = TestServer(app, scheme="http" if tls is None else "https", host="127.0.0.1")
    await server.start_server(ssl=tls)
    async with server:
        liar.issuer = str(server.make_url("")).rstrip("/")
        try:
            yield liar
        finally:
            liar.release()
