"""Whatever a provider and a browser send, what comes out is an `Identity` or `Refused`."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from joserfc import jws

from room_server.accounts.oidc import Dialect, Identity, OidcClient, Provider
from room_server.accounts.oidc.fetching import Answer, Ask
from room_server.errors import Refused
from tests.kit.clock import FakeClock
from tests.oidc.liar import ACCESS_TOKEN, public, rsa_key

ISSUER = "https://provider.example.org"
CLOCK = FakeClock(datetime(2026, 12, 3, tzinfo=UTC))
NOW_S = int(CLOCK.now().timestamp())

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def changed(honest: Mapping[str, object]) -> st.SearchStrategy[dict[str, Any]]:
    """Return documents that are `honest` but for a few members, gone or replaced."""
    changes = st.dictionaries(st.sampled_from(sorted(honest)) | st.text(max_size=12), JSON, max_size=3)
    return changes.map(lambda given: {**honest, **given})


METADATA = changed(
    {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "jwks_uri": f"{ISSUER}/jwks",
        "end_session_endpoint": f"{ISSUER}/end",
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }
)
KEYS = st.lists(changed(public(rsa_key("one"))) | JSON, min_size=1, max_size=3).map(
    lambda keys: {"keys": keys}
)
HEADERS = changed({"alg": "RS256", "kid": "one", "typ": "JWT"})
CLAIMS = changed(
    {
        "iss": ISSUER,
        "sub": "ada",
        "aud": "room",
        "exp": NOW_S + 300,
        "iat": NOW_S,
        "nonce": "HERE",
        "azp": "room",
        "email": "ada@example.org",
    }
)
TOKENS = changed({"access_token": ACCESS_TOKEN, "token_type": "Bearer"})
USERINFO = changed({"sub": "ada", "email": "ada@example.org", "name": "Ada"})


def dumped(document: object) -> bytes:
    return json.dumps(document).encode()


def token(header: Mapping[str, object], payload: bytes) -> str:
    """Return a token with any header, signed all the same."""
    head = base64.urlsafe_b64encode(dumped(header)).rstrip(b"=")
    body = base64.urlsafe_b64encode(payload).rstrip(b"=")
    algorithm = jws.JWSRegistry.algorithms["RS256"]
    signature = algorithm.sign(head + b"." + body, rsa_key("one"))
    return b".".join((head, body, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()


class Scripted:
    """A `Fetcher` that answers what it was given."""

    def __init__(self, answers: Mapping[str, bytes], userinfo_type: str) -> None:
        self.answers = dict(answers)
        self._userinfo_type = userinfo_type

    async def fetch(self, ask: Ask) -> Answer:
        what = ask.url.rpartition("/")[2]
        kind = self._userinfo_type if what == "userinfo" else "application/json"
        return Answer(200, kind, self.answers.get(what, b""))


def client(fetcher: Scripted, dialect: Dialect = Dialect.STANDARD) -> OidcClient:
    provider = Provider.model_validate(
        {"issuer": ISSUER, "client_id": "room", "client_secret": "s", "label": "Provider", "dialect": dialect}
    )
    return OidcClient({"provider": provider}, fetcher, CLOCK)


async def outcome(
    answers: Mapping[str, bytes],
    header: Mapping[str, object],
    claims: Mapping[str, object],
    tokens: Mapping[str, object],
    query: Mapping[str, str],
    dialect: Dialect = Dialect.STANDARD,
) -> Identity | Refused:
    fetcher = Scripted(answers, "application/jwt" if dialect is Dialect.PROCONNECT else "application/json")
    asking = client(fetcher, dialect)
    try:
        started, _ = await asking.begin("provider", "https://room.example.org/back", "/")
        payload = dumped(claims).replace(b'"HERE"', json.dumps(started.nonce).encode())
        fetcher.answers["token"] = dumped({"id_token": token(header, payload), **tokens})
        honest = {"state": started.state, "code": "a-code", "iss": ISSUER}
        return await asking.finish(started, {**honest, **query}, "https://room.example.org/back")
    except Refused as refused:
        return refused


HONEST_KEYS = {"keys": [public(rsa_key("one"))]}
HONEST_HEADER = {"alg": "RS256", "kid": "one"}


@settings(max_examples=200, deadline=None)
@given(METADATA, KEYS, HEADERS, CLAIMS, TOKENS, USERINFO)
def test_documents_with_anything_in_them_are_believed_or_refused(
    metadata: dict[str, Any],
    keys: dict[str, Any],
    header: dict[str, Any],
    claims: dict[str, Any],
    tokens: dict[str, Any],
    userinfo: dict[str, Any],
) -> None:
    answers = {"openid-configuration": dumped(metadata), "jwks": dumped(keys), "userinfo": dumped(userinfo)}
    came = asyncio.run(outcome(answers, header, claims, tokens, {}))
    event(came.code if isinstance(came, Refused) else "believed")
    if isinstance(came, Identity):
        assert (came.issuer, came.subject) == (ISSUER, "ada")


@settings(max_examples=150, deadline=None)
@given(HEADERS, CLAIMS, st.sampled_from(list(Dialect)))
def test_whoever_is_believed_was_named_by_the_right_issuer_for_us_in_time(
    header: dict[str, Any], claims: dict[str, Any], dialect: Dialect
) -> None:
    answers = {
        "openid-configuration": dumped(honest_metadata()),
        "jwks": dumped(HONEST_KEYS),
        "userinfo": (
            dumped({"sub": "ada"})
            if dialect is Dialect.STANDARD
            else token(HONEST_HEADER, dumped({"sub": "ada"})).encode()
        ),
    }
    came = asyncio.run(
        outcome(answers, header, claims, {"access_token": "t", "token_type": "bearer"}, {}, dialect)
    )
    event(str(came.facts.get("reason")) if isinstance(came, Refused) else "believed")
    if isinstance(came, Identity):
        assert header["alg"] == "RS256"
        assert claims["iss"] == ISSUER
        assert claims["aud"] == "room" or "room" in claims["aud"]
        assert claims["nonce"] == "HERE"
        assert claims["exp"] > NOW_S - 60


def honest_metadata() -> dict[str, object]:
    names = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint")
    endpoints = {name: f"{ISSUER}/{name.partition('_')[0]}" for name in names}
    return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks", **endpoints}


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["openid-configuration", "jwks", "userinfo", "token"]),
    st.binary(max_size=200) | JSON.map(dumped),
)
@example("userinfo", b"[" * 10_000)
@example("jwks", b'{"keys":' + b"[" * 10_000)
@example("token", b'{"id_token": "a.b.c", "access_token": "a", "token_type": "Bearer"}')
def test_bytes_of_any_kind_are_refused(what: str, body: bytes) -> None:
    answers = {"openid-configuration": dumped(honest_metadata()), "jwks": dumped(HONEST_KEYS)}

    async def finish() -> Identity | Refused:
        fetcher = Scripted({**answers, what: body}, "application/json")
        try:
            started, _ = await client(fetcher).begin("provider", "https://room.example.org/back", "/")
            query = {"state": started.state, "code": "a-code", "iss": ISSUER}
            return await client(fetcher).finish(started, query, "https://room.example.org/back")
        except Refused as refused:
            return refused

    assert isinstance(asyncio.run(finish()), Refused)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["state", "code", "iss", "error"]) | st.text(), st.text(), max_size=4))
def test_queries_of_any_kind_are_believed_or_refused(query: dict[str, str]) -> None:
    answers = {
        "openid-configuration": dumped(honest_metadata()),
        "jwks": dumped(HONEST_KEYS),
        "userinfo": dumped({"sub": "ada"}),
    }
    claims = {
        "iss": ISSUER, "sub": "ada", "aud": "room", "exp": NOW_S + 300, "iat": NOW_S, "nonce": "HERE",
    }  # fmt: skip
    tokens = {"access_token": ACCESS_TOKEN, "token_type": "Bearer"}
    came = asyncio.run(outcome(answers, HONEST_HEADER, claims, tokens, query))
    assert isinstance(came, Identity) is not bool(
        {"state", "iss", "error"} & query.keys() or query.get("code") == ""
    )
