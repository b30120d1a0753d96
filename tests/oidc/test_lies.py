"""Tokens and userinfo that are not what they should be, from a provider that lies in one thing at a time."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OctKey

from room_server.accounts.oidc import Dialect, Identity
from tests.oidc.liar import (
    CLIENT_ID,
    SECRET,
    Raw,
    ec_key,
    public,
    rsa_key,
    segment,
    signed,
    unsigned,
)
from tests.oidc.victim import Victim

Claims = dict[str, Any]


async def test_the_provider_of_these_tests_is_believed_while_it_is_honest(victim: Victim) -> None:
    expected = Identity(victim.liar.issuer, "ada", "ada@example.org", True, "Ada Lovelace")
    assert await victim.sign_in() == expected


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://another.example.org"}, "iss"),
        ({"iss": None}, "iss"),
        ({"iss": 1}, "iss"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": ["another-client"]}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": {"room": 1}}, "aud"),
        ({"aud": [CLIENT_ID, "another-client"]}, "azp"),
        ({"aud": [CLIENT_ID, "another-client"], "azp": "another-client"}, "azp"),
        ({"azp": "another-client"}, "azp"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": True}, "exp"),
        ({"iat": None}, "iat"),
        ({"iat": []}, "iat"),
        ({"nbf": "never"}, "nbf"),
        ({"nonce": None}, "nonce"),
        ({"nonce": "of somebody else"}, "nonce"),
        ({"nonce": ["of somebody else"]}, "nonce"),
        ({"at_hash": "of another token"}, "at_hash"),
        ({"at_hash": 7}, "at_hash"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 1}, "sub"),
        ({"sub": "é"}, "sub"),
        ({"sub": "a" * 256}, "sub"),
    ],
)
async def test_a_token_is_not_believed_for_one_wrong_claim(
    victim: Victim, claims: Claims, reason: str
) -> None:
    victim.liar.claims = claims
    assert await victim.reason() == reason


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "another-client"], "azp": CLIENT_ID},
        {"azp": CLIENT_ID},
        {"at_hash": None},
        {"sub": "ada", "something": {"else": ["entirely"]}},
    ],
)
async def test_a_token_may_say_the_same_in_other_ways(victim: Victim, claims: Claims) -> None:
    victim.liar.claims = claims
    assert (await victim.sign_in()).subject == "ada"


@pytest.mark.parametrize(
    ("claim", "off_s", "reason"),
    [("exp", -59, None), ("exp", -60, "exp"), ("iat", 60, None), ("iat", 61, "iat"), ("nbf", 61, "nbf")],
)
async def test_clocks_may_differ_by_a_minute(
    victim: Victim, claim: str, off_s: int, reason: str | None
) -> None:
    victim.liar.claims = {claim: int(victim.liar.clock.now().timestamp()) + off_s}
    if reason is None:
        assert (await victim.sign_in()).subject == "ada"
    else:
        assert await victim.reason() == reason


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5_000])
async def test_a_token_whose_numbers_are_none_is_not_believed(victim: Victim, number: str) -> None:
    victim.liar.claims = {"exp": "HERE"}
    victim.liar.sign = lambda claims: _signed_text(json.dumps(claims).replace('"HERE"', number))
    assert await victim.reason() in ("malformed", "exp", "signature")


def _signed_text(payload: str) -> str:
    return jws.serialize_compact({"alg": "RS256", "kid": "one"}, payload, rsa_key("one"))


def _with_the_public_key_as_secret(claims: Claims) -> str:
    """The library would not sign so, an attacker does."""
    unfinished = unsigned(claims, alg="HS256", kid="one").rstrip(".")
    mac = hmac.digest(rsa_key("one").as_pem(private=False), unfinished.encode(), "sha256")
    return f"{unfinished}.{segment(mac)}"


SIGNATURES: list[tuple[str, Callable[[Claims], str], str]] = [
    ("none", unsigned, "algorithm"),
    ("none in capitals", lambda claims: unsigned(claims, alg="None"), "algorithm"),
    ("RS256 without a signature", lambda claims: unsigned(claims, alg="RS256", kid="one"), "signature"),
    ("the client's secret", lambda claims: signed(claims, OctKey.import_key(SECRET), "HS256"), "algorithm"),
    ("the public key as a secret", _with_the_public_key_as_secret, "algorithm"),
    ("a key that is not published", lambda claims: signed(claims, rsa_key("two")), "key"),
    ("another key under its name", lambda claims: signed(claims, rsa_key("two"), kid="one"), "signature"),
    ("another algorithm", lambda claims: signed(claims, rsa_key("one"), "PS256") + "AA", "signature"),
    ("a key of another kind", lambda claims: signed(claims, ec_key("one"), "ES256"), "key"),
    ("a token cut short", lambda claims: signed(claims, rsa_key("one"))[:-40], "signature"),
    ("a word", lambda _: "token", "malformed"),
    ("two parts", lambda claims: signed(claims, rsa_key("one")).rpartition(".")[0], "malformed"),
    ("five parts, as of an encrypted one", lambda _: "e30.a.b.c.d", "malformed"),
    ("a header that is no JSON", lambda _: "Zm9v.e30.Zm9v", "malformed"),
    ("a header that is a list", lambda _: "W10.e30.Zm9v", "malformed"),
    ("letters outside base64", lambda _: "é.é.é", "malformed"),
    ("more than can be meant", lambda _: "a" * 70_000 + ".b.c", "malformed"),
    ("claims that are a list", lambda _: _signed_text("[]"), "malformed"),
    ("claims that are no JSON", lambda _: _signed_text("{"), "malformed"),
    (
        "what must be understood and is not",
        lambda claims: signed(claims, rsa_key("one"), crit=["b64"], b64=True),
        "malformed",
    ),
]


@pytest.mark.parametrize(
    ("sign", "reason"), [row[1:] for row in SIGNATURES], ids=[row[0] for row in SIGNATURES]
)
async def test_a_token_is_not_believed_for_its_signature(
    victim: Victim, sign: Callable[[Claims], str], reason: str
) -> None:
    victim.liar.sign = sign
    assert await victim.reason() == reason


async def test_a_key_of_the_token_s_own_is_passed_over(victim: Victim) -> None:
    """RFC 8725, section 3.10: a `jwk` or a `jku` in a header is an attacker's to write."""
    stranger = rsa_key("two")
    victim.liar.sign = lambda claims: signed(
        claims, stranger, kid="one", jwk=public(stranger), jku=f"{victim.liar.issuer}/others"
    )
    assert await victim.reason() == "signature"
    assert victim.liar.asked["others"] == 0


async def test_a_signature_that_is_not_the_agreed_one_is_not_believed(victim: Victim) -> None:
    assert await victim.reason(algorithms=("ES256",)) == "algorithm"


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
async def test_other_algorithms_of_public_keys_are_understood(victim: Victim, alg: str) -> None:
    victim.liar.claims = {"at_hash": None}
    victim.liar.sign = lambda claims: signed(claims, rsa_key("one"), alg)
    assert (await victim.sign_in()).subject == "ada"


@pytest.mark.parametrize(
    "tokens",
    [
        {"id_token": None},
        {"access_token": None},
        {"access_token": ""},
        {"access_token": "a\r\nX-Injected: yes"},
        {"token_type": "mac"},
        {"token_type": None},
        {"id_token": 1},
    ],
)
async def test_tokens_that_are_not_whole_are_not_used(victim: Victim, tokens: Claims) -> None:
    victim.liar.tokens = tokens
    assert await victim.reason() == "tokens"
    assert victim.liar.asked["userinfo"] == 0


# ---- userinfo


@pytest.mark.parametrize("sub", ["bob", "Ada", "ada ", "ada\u0000"])
async def test_userinfo_of_somebody_else_is_not_believed(victim: Victim, sub: str) -> None:
    victim.liar.userinfo = {"sub": sub}
    assert await victim.reason() in ("userinfo_sub", "sub")


async def test_userinfo_of_nobody_is_not_believed(victim: Victim) -> None:
    victim.liar.userinfo = {"sub": None}
    assert await victim.reason() == "sub"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, None),
        ({"iss": "https://another.example.org"}, "iss"),
        ({"aud": "another-client"}, "aud"),
        ({"exp": 1}, "exp"),
        ({"sub": "bob"}, "userinfo_sub"),
    ],
)
async def test_signed_userinfo_is_held_to_what_it_says(
    victim: Victim, told: Claims, reason: str | None
) -> None:
    victim.liar.sign_userinfo = lambda claims: signed({**claims, **told}, rsa_key("one"))
    settings: Mapping[str, object] = {"dialect": Dialect.PROCONNECT}
    if reason is None:
        assert (await victim.sign_in(**settings)).email == "ada@example.org"
    else:
        assert await victim.reason(**settings) == reason


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        (unsigned, "algorithm"),
        (lambda claims: signed(claims, rsa_key("two"), kid="one"), "signature"),
        (lambda claims: signed(claims, OctKey.import_key(SECRET), "HS256"), "algorithm"),
        (lambda _: "\ufffd", "malformed"),
    ],
)
async def test_signed_userinfo_is_not_believed_for_its_signature(
    victim: Victim, sign: Callable[[Claims], str], reason: str
) -> None:
    victim.liar.sign_userinfo = sign
    assert await victim.reason(dialect=Dialect.PROCONNECT) == reason


@pytest.mark.parametrize(
    "raw", [Raw(b"[]"), Raw(b"{"), Raw(b"", 401), Raw(b"{}", 404), Raw(b'{"sub": NaN}'), Raw(b"\xff\xfe")]
)
async def test_userinfo_that_is_none_is_not_believed(victim: Victim, raw: Raw) -> None:
    victim.liar.raw["userinfo"] = raw
    assert await victim.reason() == "userinfo"


async def test_a_provider_without_userinfo_says_it_all_in_the_token(victim: Victim) -> None:
    victim.liar.metadata = {"userinfo_endpoint": None}
    victim.liar.claims = {"email": "ada@token.example.org", "email_verified": True, "given_name": "Ada"}
    identity = await victim.sign_in()
    assert (identity.email, identity.email_verified, identity.name) == ("ada@token.example.org", True, "Ada")


async def test_what_the_token_says_of_one_address_says_nothing_of_another(victim: Victim) -> None:
    victim.liar.claims = {"email": "ada@example.org", "email_verified": True}
    victim.liar.userinfo = {"email": "victim@example.org", "email_verified": None}
    identity = await victim.sign_in()
    assert (identity.email, identity.email_verified) == ("victim@example.org", False)
