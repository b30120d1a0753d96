"""What a provider says of itself and of its keys, and one that is down, slow, huge or leads elsewhere."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from joserfc.errors import SecurityWarning

from room_server.accounts.oidc import Dialect, OidcClient, Provider, WebFetcher
from room_server.accounts.oidc.discovery import METADATA_LAST_S
from room_server.accounts.oidc.fetching import MAX_BODY_BYTES
from room_server.accounts.oidc.keys import KEYS_LAST_S, MAX_KEYS, RENEWALS_APART_S
from room_server.errors import Refused
from tests.kit.certificates import Authority
from tests.kit.clock import FakeClock
from tests.oidc.liar import Liar, Raw, ec_key, lying, public, rsa_key, signed
from tests.oidc.real_provider import REDIRECT_URI
from tests.oidc.victim import Victim

DISCOVERY = "openid-configuration"


async def begin(client: OidcClient) -> str:
    return (await client.begin("liar", REDIRECT_URI, "/"))[1]


async def refused(client: OidcClient) -> tuple[str, object]:
    with pytest.raises(Refused) as raised:
        await begin(client)
    return raised.value.code, raised.value.facts.get("reason")


async def test_metadata_are_asked_for_once_an_hour(victim: Victim, clock: FakeClock) -> None:
    client = victim.client()
    await begin(client)
    clock.advance(METADATA_LAST_S - 1)
    await begin(client)
    assert victim.liar.asked[DISCOVERY] == 1
    clock.advance(1)
    await begin(client)
    assert victim.liar.asked[DISCOVERY] == 2


async def test_an_address_with_a_query_of_its_own_keeps_it(victim: Victim) -> None:
    victim.liar.metadata = {"authorization_endpoint": f"{victim.liar.issuer}/authorize?tenant=one"}
    url = await begin(victim.client())
    assert url.startswith(f"{victim.liar.issuer}/authorize?tenant=one&response_type=code&")


async def test_a_path_in_the_issuer_stays_in_the_address_of_its_metadata(
    liar: Liar, fetcher: WebFetcher, clock: FakeClock
) -> None:
    for issuer in (f"{liar.issuer}/realms/one", f"{liar.issuer}/realms/one/"):
        liar.metadata = {"issuer": issuer}
        client = OidcClient({"liar": liar.settings(issuer=issuer)}, fetcher, clock)
        assert (await begin(client)).startswith(f"{liar.issuer}/authorize?")
        assert liar.paths[-1] == "/realms/one/.well-known/openid-configuration"


@pytest.mark.parametrize("written", ["{}/", "HTTP{}", "{}?", "https://another.example.org"])
async def test_metadata_of_another_issuer_are_refused(victim: Victim, written: str) -> None:
    issuer = victim.liar.issuer
    another = written.format(issuer.removeprefix("http") if written.startswith("HTTP") else issuer)
    victim.liar.metadata = {"issuer": another}
    assert await refused(victim.client()) == ("provider_unusable", "issuer")


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"]
)
@pytest.mark.parametrize(
    "url",
    [
        "http://provider.example.org/a",
        "ftp://127.0.0.1/a",
        "javascript:alert(1)",
        "//127.0.0.1/a",
        "/a",
        "",
        "https://user:secret@provider.example.org/a",
        "https://provider.example.org/a#fragment",
        "https://provider.example.org:port/a",
        "https://provider.example.org/\ta",
        "https://evil.example\\.provider.example.org/a",
        "https://[::1",
        "https://provider.example.org/" + "a" * 3_000,
    ],
)
async def test_addresses_that_lead_where_they_may_not_are_refused(
    victim: Victim, name: str, url: str
) -> None:
    victim.liar.metadata = {name: url}
    assert await refused(victim.client()) == ("provider_unusable", name)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "issuer"])
@pytest.mark.parametrize("value", [None, 1, ["https://provider.example.org"]])
async def test_metadata_that_lack_something_are_refused(victim: Victim, name: str, value: object) -> None:
    victim.liar.metadata = {name: value}
    assert await refused(victim.client()) == ("provider_unusable", "metadata")


async def test_proconnect_has_userinfo(victim: Victim) -> None:
    victim.liar.metadata = {"userinfo_endpoint": None}
    client = victim.client(dialect=Dialect.PROCONNECT)
    assert await refused(client) == ("provider_unusable", "userinfo_endpoint")


async def test_a_provider_that_wants_to_know_us_in_no_way_we_have_is_unusable(victim: Victim) -> None:
    victim.liar.metadata = {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}
    refusal = await victim.refused()
    assert (refusal.code, refusal.facts["reason"]) == ("provider_unusable", "client_auth")


async def test_a_provider_may_want_the_secret_in_the_form(victim: Victim) -> None:
    victim.liar.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await victim.sign_in()).subject == "ada"


async def test_a_provider_that_ends_no_sessions_is_not_signed_out_of(victim: Victim) -> None:
    victim.liar.metadata = {"end_session_endpoint": None}
    assert await victim.client().logout_url("liar", "a-token", REDIRECT_URI) is None


# ---- answers that are none


BODIES = [
    (Raw(b""), "metadata"),
    (Raw(b"[]"), "metadata"),
    (Raw(b"null"), "metadata"),
    (Raw(b"<html>"), "metadata"),
    (Raw(b"\xff\xfe\x00"), "metadata"),
    (Raw(b"[" * 100_000), "metadata"),
    (Raw(b'{"issuer": ' * 20_000), "metadata"),
    (Raw(b"{}", 404), "status"),
    (Raw(b"{}", 204), "status"),
    (Raw(b"", 302, headers={"Location": "http://127.0.0.1:1/"}), "redirect"),
    (Raw(b" " * (MAX_BODY_BYTES + 1)), "too_large"),
    (Raw(gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "gzip"}), "encoding"),
]


@pytest.mark.parametrize(("raw", "reason"), BODIES, ids=[f"{row[1]}-{at}" for at, row in enumerate(BODIES)])
async def test_an_answer_that_is_none_is_refused(victim: Victim, raw: Raw, reason: str) -> None:
    victim.liar.raw[DISCOVERY] = raw
    assert await refused(victim.client()) == ("provider_unusable", reason)


@pytest.mark.parametrize("what", [DISCOVERY, "jwks", "token", "userinfo"])
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_provider_that_cannot_at_present_is_away(victim: Victim, what: str, status: int) -> None:
    victim.liar.raw[what] = Raw(b"{}", status)
    refusal = await victim.refused()
    assert (refusal.code, refusal.status) == ("provider_away", 503)
    del victim.liar.raw[what]
    assert (await victim.sign_in()).subject == "ada", "a failure is not kept"


@pytest.mark.parametrize("what", ["token", "userinfo", "jwks"])
async def test_no_answer_is_read_to_an_end_that_never_comes(victim: Victim, what: str) -> None:
    victim.liar.raw[what] = Raw(b" " * (MAX_BODY_BYTES + 1))
    refusal = await victim.refused()
    assert (refusal.code, refusal.facts["reason"]) == ("provider_unusable", "too_large")


async def test_a_provider_that_is_down_is_away(fetcher: WebFetcher, clock: FakeClock) -> None:
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        issuer = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        provider = Provider(issuer=issuer, client_id="room", label="Down")
        assert await refused(OidcClient({"liar": provider}, fetcher, clock)) == (
            "provider_away",
            "connection",
        )


@pytest.fixture
async def hasty() -> AsyncIterator[WebFetcher]:
    async with WebFetcher.open(timeout_s=0.3) as opened:
        yield opened


@pytest.mark.parametrize("what", [DISCOVERY, "token"])
async def test_a_provider_that_takes_too_long_is_away(
    liar: Liar, hasty: WebFetcher, clock: FakeClock, what: str
) -> None:
    liar.silent.add(what)
    refusal = await Victim(liar, hasty, clock).refused()
    assert (refusal.code, refusal.facts["reason"]) == ("provider_away", "timeout")


async def test_a_provider_that_trickles_is_away(hasty: WebFetcher, clock: FakeClock) -> None:
    """Every byte comes soon, the last never."""
    ended = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        left = asyncio.ensure_future(reader.read())
        while not left.done():
            writer.write(b" ")
            await asyncio.wait({left}, timeout=0.05)
        with suppress(ConnectionError):
            await left
        writer.close()
        ended.set()

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        provider = Provider(issuer=f"http://127.0.0.1:{port}", client_id="room", label="Slow")
        assert await refused(OidcClient({"liar": provider}, hasty, clock)) == ("provider_away", "timeout")
        await ended.wait()


async def test_a_provider_whose_certificate_nobody_vouches_for_is_unusable(
    tmp_path: Path, fetcher: WebFetcher, clock: FakeClock
) -> None:
    authority = Authority()
    files = authority.issue(tmp_path)
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(files.certificate, files.key)
    async with lying(clock, theirs) as liar:
        assert liar.issuer.startswith("https://")
        assert await refused(Victim(liar, fetcher, clock).client()) == ("provider_unusable", "certificate")
        assert liar.asked.total() == 0

        connector = aiohttp.TCPConnector(ssl=authority.trusting())
        async with aiohttp.ClientSession(connector=connector) as session:
            assert (await Victim(liar, WebFetcher(session), clock).sign_in()).subject == "ada"


async def test_those_who_ask_at_once_share_one_attempt(
    liar: Liar, fetcher: WebFetcher, clock: FakeClock
) -> None:
    client = Victim(liar, fetcher, clock).client()
    liar.silent.add(DISCOVERY)
    liar.raw[DISCOVERY] = Raw(b"{}", 503)
    crowd = [asyncio.create_task(refused(client)) for _ in range(20)]
    await liar.heard.wait()
    liar.release()
    assert set(await asyncio.gather(*crowd)) == {("provider_away", "status")}
    assert liar.asked[DISCOVERY] == 1
    del liar.raw[DISCOVERY]
    crowd_again = await asyncio.gather(*(begin(client) for _ in range(20)))
    assert len(set(crowd_again)) == 20
    assert liar.asked[DISCOVERY] == 2


# ---- keys


async def test_a_key_that_nobody_knows_makes_us_ask_once_a_minute(victim: Victim, clock: FakeClock) -> None:
    victim.liar.sign = lambda claims: signed(claims, rsa_key("two"))
    for _ in range(3):
        assert await victim.reason() == "key"
    assert victim.liar.asked["jwks"] == 2, "the first time, and once more for the unknown key"
    clock.advance(RENEWALS_APART_S)
    assert await victim.reason() == "key"
    assert victim.liar.asked["jwks"] == 3


async def test_a_new_key_is_found_and_a_withdrawn_one_is_forgotten(victim: Victim, clock: FakeClock) -> None:
    await victim.sign_in()
    victim.liar.keys = [public(rsa_key("two"))]
    victim.liar.sign = lambda claims: signed(claims, rsa_key("two"))
    assert (await victim.sign_in()).subject == "ada"
    victim.liar.sign = lambda claims: signed(claims, rsa_key("one"))
    assert await victim.reason() == "key"


async def test_a_crowd_that_meets_a_new_key_makes_us_ask_once(victim: Victim) -> None:
    await victim.sign_in()
    client = victim.client()
    victim.liar.keys = [public(rsa_key("two"))]
    victim.liar.sign = lambda claims: signed(claims, rsa_key("two"))
    started, _ = await client.begin("liar", REDIRECT_URI, "/")
    query = victim.liar.answer(started)
    crowd = await asyncio.gather(*(client.finish(started, query, REDIRECT_URI) for _ in range(5)))
    assert {identity.subject for identity in crowd} == {"ada"}
    assert victim.liar.asked["jwks"] == 2


async def test_a_key_that_was_withdrawn_without_a_successor_serves_an_hour_at_most(
    victim: Victim, clock: FakeClock
) -> None:
    await victim.sign_in()
    victim.liar.keys = [public(rsa_key("two"))]
    clock.advance(KEYS_LAST_S)
    assert await victim.reason() == "key"


async def test_a_token_that_names_no_key_is_of_the_only_one(victim: Victim) -> None:
    victim.liar.keys = [public(rsa_key("one"), kid=None), public(ec_key("elliptic"))]
    victim.liar.sign = lambda claims: signed(claims, rsa_key("one"), kid=None)
    assert (await victim.sign_in()).subject == "ada"
    victim.liar.keys = [public(rsa_key("two"), kid=None)]
    victim.liar.sign = lambda claims: signed(claims, rsa_key("two"), kid=None)
    assert (await victim.sign_in()).subject == "ada", "it is looked for anew where the old one does not fit"


async def test_a_token_that_names_none_of_two_keys_is_not_believed(victim: Victim) -> None:
    victim.liar.keys = [public(rsa_key("one")), public(rsa_key("two"))]
    victim.liar.sign = lambda claims: signed(claims, rsa_key("one"), kid=None)
    assert await victim.reason() == "key"


STRANGE: list[object] = [
    None,
    1,
    "key",
    [],
    {},
    {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
    {"kty": "RSA", "kid": "strange"},
    {"kty": "RSA", "kid": "strange", "n": "AQAB", "e": "AQAB"},
    {"kty": "RSA", "kid": "strange", "n": "!", "e": "é"},
    {"kty": "RSA", "kid": "strange", "n": "_" * 100_000, "e": "AQAB"},
    {"kty": "RSA", "kid": "strange", "n": "_" * 400, "e": "_" * 400},
    {"kty": "EC", "kid": "strange"},
    {"kty": "EC", "kid": "strange", "crv": "P-256", "x": "AA", "y": "AA"},
    {"kty": "EC", "kid": "strange", "crv": "secp256k1", "x": "AA", "y": "AA"},
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
]


@pytest.mark.parametrize("key", STRANGE, ids=range(len(STRANGE)))
async def test_a_key_that_we_cannot_use_does_not_hide_the_others(victim: Victim, key: object) -> None:
    victim.liar.keys = [key, public(rsa_key("one"))]
    assert (await victim.sign_in()).subject == "ada"


async def test_a_key_too_small_to_believe_is_passed_over(victim: Victim) -> None:
    with pytest.warns(SecurityWarning, match="2048"):
        small = rsa_key("small", bits=1_024)
    victim.liar.keys = [public(small)]
    victim.liar.sign = lambda claims: signed(claims, rsa_key("one"), kid="small")
    assert await victim.reason() == "key"


@pytest.mark.parametrize("mark", [{"use": "enc"}, {"alg": "RS512"}, {"e": "_" * 100}])
async def test_a_key_that_serves_something_else_is_passed_over(victim: Victim, mark: dict[str, Any]) -> None:
    victim.liar.keys = [public(rsa_key("one"), **mark)]
    assert await victim.reason() == "key"


async def test_no_more_keys_are_read_than_anybody_has(victim: Victim) -> None:
    victim.liar.keys = [*[{"kty": "oct"}] * MAX_KEYS, public(rsa_key("one"))]
    assert await victim.reason() == "key"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys": {}}', json.dumps({"keys": None}).encode()])
async def test_keys_that_are_none_are_refused(victim: Victim, body: bytes) -> None:
    victim.liar.raw["jwks"] = Raw(body)
    refusal = await victim.refused()
    assert (refusal.code, refusal.facts["reason"]) == ("provider_unusable", "keys")
