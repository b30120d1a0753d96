"""How an identity comes to belong to an account, and how it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from room_server.accounts.oidc import Provider
from room_server.accounts.providers import OFFER_LASTS
from room_server.accounts.store.people import sign_ins
from room_server.accounts.store.providers import identities, offers
from tests.kit.clock import FakeClock
from tests.kit.people import Person, count, letters, owner, word_of
from tests.kit.server import ServerUnderTest, start_server
from tests.oidc.real_provider import RealProvider
from tests.providers.travelling import Traveller, leads_to, traveller


async def kinds(server: ServerUnderTest, email: str) -> list[str]:
    return [letter.kind for letter in await letters(server, email)]


# ---- by letter


async def test_the_link_that_is_mailed_to_the_account_connects_and_signs_in(
    ada: Person, laptop: Traveller, server: ServerUnderTest
) -> None:
    back = await laptop.enter(to="/workspaces?x=1")
    assert back.headers["Location"] == "/connect?with=there&told=yes"
    assert not await laptop.is_signed_in()
    asked = await laptop.get(back.headers["Location"])
    assert "The agency is not connected to an account yet" in asked.text

    letter = (await letters(server, ada.email))[-1]
    assert letter.subject == "Connect The agency to your account"
    path = await laptop.letter_path()
    for _ in range(3):
        page = await laptop.get(path)
        assert page.status == 200
        assert ada.email in page.text
        assert "Connect The agency" in page.text
    assert await count(server, identities) == 0, "opening the link changes nothing"

    entered = await laptop.press(path, page)
    assert (entered.status, entered.headers["Location"]) == (303, "/workspaces?x=1")
    assert (await laptop.ask("GET", "/api/account")).body["account_id"] == await ada.account_id()
    assert (await laptop.get(path)).status == 404, "it serves once"

    await laptop.submit("/account", "/sign-out")
    assert (await laptop.enter()).headers["Location"] == "/account", "from then on without a letter"


async def test_proconnect_connects_by_letter_as_well(
    ada: Person, laptop: Traveller, server: ServerUnderTest
) -> None:
    """ProConnect says of no address that it is verified; here it need not."""
    await laptop.enter("pro")
    entered = await laptop.press(await laptop.letter_path())
    assert entered.headers["Location"] == "/account"
    assert await laptop.is_signed_in()


async def test_nobody_learns_whether_an_address_has_an_account(
    ada: Person, laptop: Traveller, other: Traveller, server: ServerUnderTest
) -> None:
    """Ada has one, Bob has none: the same answer, page and rows; only the letter is missing."""
    known, unknown = await laptop.enter(login="ada"), await other.enter(login="bob")
    assert (known.status, known.headers["Location"]) == (unknown.status, unknown.headers["Location"])
    pages = [await one.get(known.headers["Location"]) for one in (laptop, other)]
    assert len({page.text.split("<main")[1] for page in pages}) == 1
    assert await count(server, offers) == 2
    assert await letters(server, "bob@example.org") == []


async def test_who_the_provider_tells_no_address_of_is_told_another_way(laptop: Traveller) -> None:
    back = await laptop.enter(login="nameless")
    assert back.headers["Location"] == "/connect?with=there&told=no"
    page = await laptop.get(back.headers["Location"])
    assert "told us no address" in page.text
    assert 'href="/sign-in"' in page.text


async def test_a_strangers_identity_is_not_connected_by_the_owners_press(
    ada: Person, laptop: Traveller, other: Traveller, server: ServerUnderTest
) -> None:
    """Somebody whose provider repeats Ada's address makes her a letter; her browser did not begin this."""
    await other.enter(login="ada")
    path = await laptop.letter_path()
    await laptop.sign_in()
    for browser in (laptop, ada):
        page = await browser.get(path)
        assert page.status == 403
        assert "only in the browser" in page.text
        refused = await browser.ask(
            "POST", path, data={"form_token": await word(browser)}, headers={"Accept": "text/html"}
        )
        assert refused.status == 403
    assert await count(server, identities) == 0
    assert (await other.press(path)).status == 303, "the other one needs her mail, too"


async def word(browser: Person) -> str:
    """Return the word that forms have for this browser."""
    return word_of(await browser.get("/host-access"))


async def test_a_press_wants_the_word_of_the_page(
    ada: Person, laptop: Traveller, server: ServerUnderTest
) -> None:
    await laptop.enter()
    path = await laptop.letter_path()
    for given in ("", "x" * 32):
        reply = await laptop.ask("POST", path, data={"form_token": given})
        assert (reply.status, reply.body["code"]) == (403, "form_expired")
    assert await count(server, identities) == 0


async def test_a_newer_letter_takes_the_place_of_an_earlier_one(ada: Person, laptop: Traveller) -> None:
    await laptop.enter()
    earlier = await laptop.letter_path()
    await laptop.enter()
    assert (await laptop.get(earlier)).status == 404
    assert (await laptop.get(await laptop.letter_path())).status == 200


async def test_a_letter_serves_half_an_hour(tmp_path: Path, ways: dict[str, Provider]) -> None:
    clock = FakeClock(datetime.now(UTC))  # near the provider's, whose tokens say when they were made
    async with (
        start_server(tmp_path, wall=clock.wall, oidc=ways) as server,
        owner(server, "ada@example.org"),
        traveller(server, "ada@example.org") as laptop,
    ):
        await laptop.enter()
        path = await laptop.letter_path()
        clock.advance(OFFER_LASTS.total_seconds() + 1)
        late = await laptop.get(path)
        assert late.status == 410
        assert "has expired" in late.text


async def test_letters_to_one_address_are_limited(tmp_path: Path, ways: dict[str, Provider]) -> None:
    async with (
        start_server(tmp_path, sign_in_tries=8, oidc=ways) as server,
        owner(server, "ada@example.org"),
        traveller(server, "ada@example.org") as laptop,
    ):
        assert [(await laptop.enter()).status for _ in range(3)] == [303, 303, 429]
        assert (await kinds(server, "ada@example.org")).count("connect_identity") == 2


async def test_an_identity_that_was_connected_meanwhile_stays_where_it_is(
    ada: Person, laptop: Traveller, server: ServerUnderTest
) -> None:
    await laptop.enter()
    async with owner(server, "eve@example.org", "Another", "Eve") as eve:
        thief = Traveller(server, eve.http, eve.email)
        await thief.connect(login="ada")
        taken = await laptop.press(await laptop.letter_path())
        assert taken.status == 409
        assert not await laptop.is_signed_in()


# ---- an address alone


@pytest.fixture
async def trusting(tmp_path: Path, standard: RealProvider) -> AsyncIterator[ServerUnderTest]:
    """A server whose operator trusts the provider with the addresses of a domain."""
    oidc = {
        "there": standard.settings(label="The agency", trusts_email=("example.org",)),
    }
    async with start_server(tmp_path / "trusting", sign_ins_per_minute=100_000, oidc=oidc) as running:
        yield running


async def test_a_trusted_provider_connects_by_an_address_that_it_verified(trusting: ServerUnderTest) -> None:
    async with (
        owner(trusting, "Ada@example.org") as ada,
        traveller(trusting, "ada@example.org") as laptop,
    ):
        assert (await laptop.enter()).headers["Location"] == "/account"
        account = (await laptop.ask("GET", "/api/account")).body
        assert account["account_id"] == await ada.account_id()
        assert account["email"] == "Ada@example.org", "the account's address stays as it was"
        assert "identity_linked" in await kinds(trusting, "Ada@example.org"), "and the person is told"


async def test_a_trusted_provider_connects_nothing_by_an_address_that_it_did_not_verify(
    trusting: ServerUnderTest,
) -> None:
    async with owner(trusting, "bob@example.org"), traveller(trusting, "bob@example.org") as laptop:
        assert (await laptop.enter(login="bob")).headers["Location"].startswith("/connect")
        assert await count(trusting, identities) == 0


async def test_trust_makes_no_account(trusting: ServerUnderTest) -> None:
    async with traveller(trusting, "ada@example.org") as laptop:
        assert (await laptop.enter()).headers["Location"].startswith("/connect")
        assert not await laptop.is_signed_in()


# ---- on the account page


async def test_who_is_signed_in_connects_and_disconnects_on_the_account_page(
    ada: Person, laptop: Traveller, server: ServerUnderTest
) -> None:
    await laptop.sign_in()
    before = await count(server, sign_ins)
    done = await laptop.connect(login="bob")
    assert done.headers["Location"] == "/account?done=connected"
    assert await count(server, sign_ins) == before, "it is the same sign-in"
    page = await laptop.get("/account?done=connected")
    assert 'role="status"' in page.text
    assert "bob@example.org" in page.text
    assert "A link by e-mail always signs you in" in page.text
    assert (await kinds(server, ada.email)).count("identity_linked") == 1
    assert (await laptop.ask("GET", "/api/account")).body["email"] == ada.email

    async with traveller(server, ada.email) as phone:
        assert (await phone.enter(login="bob")).headers["Location"] == "/account"
        identity_id = page.text.split('name="disconnect" value="')[1].partition('"')[0]
        gone = await laptop.submit("/account", "/account/ways", disconnect=identity_id)
        assert gone.headers["Location"] == "/account?done=disconnected"
        assert not await phone.is_signed_in(), "what the identity had signed in"
        assert await laptop.is_signed_in()
        assert (await phone.enter(login="bob")).headers["Location"].startswith("/connect")
    again = await laptop.ask(
        "POST", "/account/ways", data={"disconnect": identity_id, "form_token": await word(laptop)}
    )
    assert (again.status, again.body["code"]) == (404, "unknown_identity")


async def test_nobody_disconnects_what_is_anothers(
    ada: Person, laptop: Traveller, server: ServerUnderTest
) -> None:
    await laptop.sign_in()
    await laptop.connect()
    page = await laptop.get("/account")
    identity_id = page.text.split('name="disconnect" value="')[1].partition('"')[0]
    async with owner(server, "eve@example.org", "Another", "Eve") as eve:
        reply = await eve.submit("/account", "/account/ways", disconnect=identity_id)
        assert reply.status == 404
    assert await count(server, identities) == 1


async def test_connecting_twice_is_connecting_once(
    ada: Person, laptop: Traveller, server: ServerUnderTest
) -> None:
    await laptop.sign_in()
    for _ in range(2):
        assert (await laptop.connect()).headers["Location"] == "/account?done=connected"
    assert await count(server, identities) == 1
    assert (await kinds(server, ada.email)).count("identity_linked") == 1


async def test_an_identity_of_another_account_is_refused_with_a_way_on(
    ada: Person, laptop: Traveller, server: ServerUnderTest
) -> None:
    await laptop.sign_in()
    await laptop.connect()
    async with owner(server, "eve@example.org", "Another", "Eve") as eve:
        taken = await Traveller(server, eve.http, eve.email).connect()
        assert taken.status == 409
        assert "Nothing was connected" in taken.text
        assert 'href="/account"' in taken.text
    assert await count(server, identities) == 1


async def test_connecting_belongs_to_the_sign_in_that_began_it(
    ada: Person, laptop: Traveller, server: ServerUnderTest
) -> None:
    """Neither a sign-in that ended meanwhile nor another one gets what was begun."""
    await laptop.sign_in()
    query = await laptop.away.sign_in(await laptop.leave_to_connect(), "ada")
    await laptop.sign_in()
    words = "&".join(f"{name}={value}" for name, value in query.items())
    stray = await laptop.get(f"/sign-in/there/back?{words}")
    assert stray.status == 400
    assert await count(server, identities) == 0


async def test_another_site_cannot_begin_to_connect(ada: Person) -> None:
    """Else it could connect an identity of its own, for whom it signed in at the provider before."""
    bare = await ada.ask("POST", "/account/ways", data={"connect": "there"})
    assert (bare.status, bare.body["code"]) == (403, "form_expired")
    page = await ada.submit("/account", "/account/ways", connect="there")
    assert "client_id=room" in leads_to(page)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    down = await ada.submit("/account", "/account/ways", connect="down")
    assert down.status == 503
    assert 'href="/account"' in down.text


async def test_one_subject_of_two_providers_is_two_identities(
    ada: Person, laptop: Traveller, other: Traveller, server: ServerUnderTest
) -> None:
    await laptop.sign_in()
    await laptop.connect("there", login="ada")
    assert (await other.enter("pro", login="ada")).headers["Location"].startswith("/connect")
