"""Signing in at a provider and out again, through a whole server and real providers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from room_server.accounts.oidc import Provider
from room_server.accounts.oidc.client import STARTED_LASTS
from room_server.accounts.store.people import accounts
from room_server.accounts.store.providers import identities, provider_sign_ins, visits
from tests.kit.clock import FakeClock
from tests.kit.people import Person, count, owner
from tests.kit.server import ServerUnderTest, start_server
from tests.oidc.real_provider import real_provider
from tests.providers.conftest import client
from tests.providers.travelling import Traveller, leads_to, traveller

FRENCH = {"Accept_Language": "fr"}


@pytest.fixture
async def connected(ada: Person, laptop: Traveller) -> Traveller:
    """Ada's browser, signed out again after both providers were connected."""
    await laptop.sign_in()
    for name in ("there", "pro"):
        reply = await laptop.connect(name)
        assert reply.headers["Location"] == "/account?done=connected"
    assert (await laptop.ask("DELETE", "/api/sign-in")).status == 204
    return laptop


@pytest.mark.parametrize("name", ["there", "pro"])
async def test_a_known_identity_signs_in_and_goes_where_it_wanted(
    connected: Traveller, server: ServerUnderTest, name: str
) -> None:
    """The second provider is one in the manner of ProConnect: signed userinfo, no unknown parameter."""
    back = await connected.enter(name, to="/workspaces?x=1")
    assert (back.status, back.headers["Location"]) == (303, "/workspaces?x=1")
    assert back.headers["Referrer-Policy"] == "no-referrer"
    assert (await connected.ask("GET", "/api/account")).body["email"] == "ada@example.org"
    assert await count(server, visits) == 0, "what was begun is not kept"
    assert await count(server, provider_sign_ins) == 1


async def test_the_way_there_tells_the_provider_no_more_than_it_needs(
    laptop: Traveller, server: ServerUnderTest
) -> None:
    reply = await laptop.get("/sign-in/pro?to=/workspaces")
    query = parse_qs(urlsplit(reply.headers["Location"]).query)
    assert query["redirect_uri"] == [f"{server.url}/sign-in/pro/back"]
    assert query["acr_values"] == ["eidas1"]
    assert "workspaces" not in reply.headers["Location"]
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    cookie = reply.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}


async def test_the_cookie_of_the_way_there_is_the_hosts_alone_under_tls(
    tmp_path: Path, ways: dict[str, Provider]
) -> None:
    async with (
        start_server(tmp_path, trusted_proxy="127.0.0.0/8", oidc=ways) as server,
        traveller(server, "x@example.org") as laptop,
    ):
        reply = await laptop.get("/sign-in/there", X_Forwarded_Proto="https")
        cookie = reply.headers["Set-Cookie"]
        assert cookie.startswith("__Host-at-provider-")
        assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "Domain" not in cookie


async def test_an_answer_serves_once(connected: Traveller) -> None:
    back = await connected.there()
    assert (await connected.get(back)).status == 303
    again = await connected.get(back)
    assert again.status == 400
    assert "was begun in this browser" in again.text
    assert 'href="/workspaces"' in again.text, "who is in already goes on"
    await connected.submit("/account", "/sign-out")
    assert (await connected.get(back)).status == 400
    assert not await connected.is_signed_in()


async def test_an_answer_that_two_requests_bring_at_once_signs_in_once(
    connected: Traveller, server: ServerUnderTest
) -> None:
    back = await connected.there()
    replies = await asyncio.gather(*(connected.get(back) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [303, 400, 400, 400]
    assert await count(server, provider_sign_ins) == 1


async def test_two_tabs_do_not_disturb_each_other(connected: Traveller) -> None:
    one = await connected.there(to="/account?tab=1")
    two = await connected.there(to="/account?tab=2")
    first, second = await connected.get(one), await connected.get(two)
    assert [first.headers.get("Location"), second.headers.get("Location")] == [
        "/account?tab=1",
        "/account?tab=2",
    ]


async def test_another_browsers_answer_does_nothing(connected: Traveller, other: Traveller) -> None:
    """Login CSRF: the address that an attacker was sent back to, opened by the victim."""
    back = await connected.there()
    reply = await other.get(back)
    assert reply.status == 400
    assert not await other.is_signed_in()
    assert (await connected.get(back)).status == 303, "and takes nothing from whom it belongs to"


async def test_an_answer_counts_only_at_its_providers_address(connected: Traveller) -> None:
    back = await connected.there("there")
    wrong = await connected.get(back.replace("/there/", "/pro/"))
    assert wrong.status == 400
    assert not await connected.is_signed_in()
    stray = await connected.get("/sign-in/there/back")
    assert stray.status == 400
    assert 'href="/sign-in?next=/workspaces"' in stray.text


@pytest.mark.parametrize(
    "to",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:1", ""],
)
async def test_nobody_is_led_to_another_site(connected: Traveller, to: str) -> None:
    assert (await connected.enter(to=to)).headers["Location"] == "/workspaces"


async def test_who_says_no_there_is_told_kindly(laptop: Traveller) -> None:
    query = await laptop.away.decline(await laptop.leave_for(to="/account"))
    page = await laptop.get(f"/sign-in/there/back?error=access_denied&state={query['state']}", **FRENCH)
    assert page.status == 502, "the provider names itself in its answers, so one without is not believed"

    query = await laptop.away.decline(await laptop.leave_for(to="/account"))
    words = "&".join(f"{name}={value}" for name, value in query.items())
    page = await laptop.get(f"/sign-in/there/back?{words}", **FRENCH)
    assert page.status == 403
    assert "Vous n’avez pas été connecté" in page.text
    assert "The agency" in page.text
    assert 'href="/sign-in/there?to=/account"' in page.text
    assert 'href="/sign-in?next=/account"' in page.text


async def test_a_provider_that_is_down_leaves_the_other_ways(ada: Person, laptop: Traveller) -> None:
    page = await laptop.get("/sign-in/down?to=/account", **FRENCH)
    assert page.status == 503
    assert "Down est injoignable" in page.text
    assert 'href="/sign-in?next=/account"' in page.text
    program = await laptop.ask("GET", "/sign-in/down")
    assert (program.status, program.body["code"]) == (503, "provider_away")
    await laptop.sign_in()
    assert await laptop.is_signed_in()


async def test_an_unknown_provider_is_none_of_ours(laptop: Traveller) -> None:
    page = await laptop.get("/sign-in/nobody")
    assert page.status == 404
    assert "/sign-in/nobody" not in page.text


async def test_who_takes_too_long_is_told_so(
    tmp_path: Path, clock: FakeClock, ways: dict[str, Provider]
) -> None:
    async with (
        start_server(tmp_path, wall=clock.wall, oidc=ways) as server,
        traveller(server, "ada@example.org") as laptop,
    ):
        back = await laptop.there()
        clock.advance(STARTED_LASTS.total_seconds() + 1)
        late = await laptop.get(back)
        assert late.status == 400
        assert "has run out" in late.text


async def test_too_many_tries_from_one_network_have_to_wait(
    tmp_path: Path, ways: dict[str, Provider]
) -> None:
    async with (
        start_server(tmp_path, sign_ins_per_minute=3, oidc=ways) as server,
        traveller(server, "ada@example.org") as laptop,
    ):
        paths = ["/sign-in/there", "/sign-in/there/back?state=x", "/sign-in/there/back", "/sign-in/there"]
        statuses = [(await laptop.ask("GET", path)).status for path in paths]
        assert statuses == [303, 400, 400, 429]


async def test_what_providers_say_makes_no_account(laptop: Traveller, server: ServerUnderTest) -> None:
    before = await count(server, accounts)
    assert (await laptop.enter()).headers["Location"] == "/connect?with=there&told=yes"
    assert await count(server, accounts) == before
    assert await count(server, identities) == 0


# ---- pages


async def test_the_sign_in_page_offers_what_is_set_and_nothing_else(
    tmp_path: Path, laptop: Traveller, server: ServerUnderTest
) -> None:
    page = await laptop.get("/sign-in?next=/account", **FRENCH)
    assert 'href="/sign-in/there?to=/account"' in page.text
    assert "Se connecter avec The agency" in page.text
    assert '<span class="proconnect-login">S’identifier avec</span>' in page.text
    assert '<span class="proconnect-brand">ProConnect</span>' in page.text
    assert "Qu’est-ce que ProConnect\u00a0?" in page.text
    async with (
        start_server(tmp_path / "without") as plain,
        traveller(plain, "x@example.org") as someone,
        owner(plain) as zoe,
    ):
        assert "proconnect" not in (await someone.get("/sign-in")).text
        assert "/account/ways" not in (await zoe.get("/account")).text


# ---- signing out


@pytest.mark.parametrize("name", ["there", "pro"])
async def test_signing_out_ends_the_sign_in_here_and_at_the_provider(
    connected: Traveller, server: ServerUnderTest, name: str
) -> None:
    await connected.enter(name)
    page = await connected.submit("/account", "/sign-out")
    assert not await connected.is_signed_in(), "here first"
    assert await count(server, provider_sign_ins) == 0, "what it was made with is not kept longer"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    query = await connected.away.sign_out(leads_to(page))

    stray = await connected.get(f"/sign-out/{name}/back?state=another")
    assert stray.status == 400
    left = await connected.get(f"/sign-out/{name}/back?state={query['state']}")
    assert left.headers["Location"] == f"/signed-out?at={name}"
    assert "You are signed out" in (await connected.get(left.headers["Location"])).text
    again = await connected.get(f"/sign-out/{name}/back?state={query['state']}")
    assert again.status == 400
    await connected.sign_in()
    said = await connected.get(f"/signed-out?at={name}")
    assert said.headers["Location"] == "/workspaces", "whoever is signed in is not told otherwise"


async def test_who_signed_in_by_a_link_signs_out_here_alone(connected: Traveller) -> None:
    await connected.sign_in()
    reply = await connected.submit("/account", "/sign-out")
    assert (reply.status, reply.headers["Location"]) == (303, "/sign-in")


async def test_a_provider_that_went_away_keeps_nobody_signed_in(tmp_path: Path) -> None:
    """The server was started anew meanwhile, so it has to ask a provider that answers no more."""
    with real_provider(clients=[client("there")], proconnect=False) as provider:
        oidc = {"there": provider.settings(label="The agency")}
        async with start_server(tmp_path, oidc=oidc) as server, owner(server, "ada@example.org"):
            jar = aiohttp.CookieJar(unsafe=True)
            http = aiohttp.ClientSession(cookie_jar=jar)
            laptop = Traveller(server, http, "ada@example.org")
            await laptop.sign_in()
            await laptop.connect()
            await laptop.enter()
    async with start_server(tmp_path, oidc=oidc) as server, http:
        laptop = Traveller(server, http, "ada@example.org")
        assert await laptop.is_signed_in()
        reply = await laptop.submit("/account", "/sign-out")
        assert reply.headers["Location"] == "/signed-out?not=there"
        assert not await laptop.is_signed_in()
        page = await laptop.get("/signed-out?not=there")
        assert "The agency could not be reached" in page.text
