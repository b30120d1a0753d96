"""Signing in by a mailed link and by password."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import update

from room_server.accounts.passwords import Passwords
from room_server.accounts.store.asking import mailed_links
from room_server.accounts.store.people import accounts, sign_ins
from room_server.errors import Refused
from tests.kit.clock import FakeClock
from tests.kit.people import PASSWORD, Person, count, letters, owner, person
from tests.kit.server import ServerUnderTest, start_server

# ---- links


async def test_a_link_that_was_mailed_signs_in_once(zoe: Person, server: ServerUnderTest) -> None:
    await zoe.ask("DELETE", "/api/sign-in")
    assert (await zoe.ask("GET", "/api/account")).status == 401

    reply = await zoe.sign_in()
    assert reply.body["account"]["email"] == zoe.email
    assert reply.body["next"] == "/workspaces"
    assert (await zoe.ask("GET", "/api/account")).status == 200

    again = await zoe.ask("POST", "/api/sign-in", json={"token": await zoe.token_of("sign_in")})
    assert (again.status, again.body["code"]) == (410, "mailed_link_used")


async def test_the_letter_speaks_the_persons_language_and_leads_here(
    zoe: Person, server: ServerUnderTest
) -> None:
    await zoe.ask("PATCH", "/api/account", json={"language": "fr"})
    await zoe.ask("POST", "/api/sign-in/link", json={"email": " ZOE@EXAMPLE.ORG "})

    (letter,) = await letters(server, zoe.email)
    assert letter.subject == "Votre lien de connexion"
    assert f"{server.url}/sign-in/link/{letter.token}\n" in letter.text


async def test_the_letter_leads_here_whatever_host_the_request_names(
    zoe: Person, server: ServerUnderTest
) -> None:
    """Who asks with another Host cannot have the link sent to themselves by the person who presses it."""
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    await zoe.ask("POST", "/api/sign-in/link", json={"email": zoe.email}, headers=headers)
    assert "evil" not in (await letters(server, zoe.email))[-1].text


async def test_a_form_that_is_sent_twice_makes_one_letter(zoe: Person, server: ServerUnderTest) -> None:
    await asyncio.gather(*(zoe.ask("POST", "/api/sign-in/link", json={"email": zoe.email}) for _ in range(4)))
    assert len(await letters(server, zoe.email)) == 1


async def test_nobody_learns_whether_an_address_is_known(
    zoe: Person, nobody: Person, server: ServerUnderTest
) -> None:
    """The same answer and the same row; only the letter is missing."""
    before = await count(server, mailed_links)
    answers = [
        await nobody.ask("POST", path, json={"email": email})
        for path in ("/api/sign-in/link", "/api/password/link")
        for email in (zoe.email, "unheard-of@example.org")
    ]
    assert {(reply.status, reply.text) for reply in answers} == {(204, "")}
    assert await count(server, mailed_links) == before + 4
    assert await letters(server, "unheard-of@example.org") == []

    body = {"password": PASSWORD}
    wrong = [
        await nobody.ask("POST", "/api/sign-in/password", json={**body, "email": email})
        for email in (zoe.email, "unheard-of@example.org", "not an address", "")
    ]
    assert {reply.body["code"] for reply in wrong[:3]} == {"wrong_credentials"}
    assert wrong[3].body["code"] == "malformed"


async def test_a_link_of_another_purpose_or_of_nobody_leads_nowhere(zoe: Person, bob: Person) -> None:
    await zoe.ask("POST", "/api/password/link", json={"email": zoe.email})
    for token in (await zoe.token_of("password"), "x" * 32, "é" * 20):
        reply = await bob.ask("POST", "/api/sign-in", json={"token": token})
        assert (reply.status, reply.body["code"]) == (404, "mailed_link_unknown")


async def test_links_end_and_steps_of_the_clock_do_no_harm(tmp_path: Path, clock: FakeClock) -> None:
    async with start_server(tmp_path, wall=clock.wall) as server, owner(server) as zoe:
        await zoe.ask("POST", "/api/sign-in/link", json={"email": zoe.email})
        clock.advance(-3_600)
        token = await zoe.token_of("sign_in")
        assert (await zoe.ask("GET", "/api/account")).status == 200, "a step back signs nobody out"
        clock.advance(3_600 + 15 * 60 + 1)
        late = await zoe.ask("POST", "/api/sign-in", json={"token": token})
        assert (late.status, late.body["code"]) == (410, "mailed_link_expired")


async def test_the_database_holds_nothing_that_opens(zoe: Person, server: ServerUnderTest) -> None:
    await zoe.choose_password()
    token = await zoe.token_of("password")
    cookie = next(one.value for one in zoe.http.cookie_jar if one.key == "sign-in")
    async with server.running.database.reading() as reading:
        rows = [(await reading.execute(table.select())).all() for table in (accounts, sign_ins, mailed_links)]
    kept = str(rows)
    assert cookie not in kept
    assert token not in kept
    assert PASSWORD not in kept
    assert "$argon2id$" in kept


# ---- passwords


async def test_a_password_signs_in_and_a_wrong_one_does_not(zoe: Person, nobody: Person) -> None:
    await zoe.choose_password()

    wrong = await nobody.ask("POST", "/api/sign-in/password", json={"email": zoe.email, "password": "x" * 12})
    assert (wrong.status, wrong.body["code"]) == (403, "wrong_credentials")
    assert "link" in wrong.body["detail"], "the answer offers the way that needs no password"

    right = await nobody.ask("POST", "/api/sign-in/password", json={"email": zoe.email, "password": PASSWORD})
    assert right.status == 200
    assert (await nobody.ask("GET", "/api/account")).body["email"] == zoe.email


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("eleven char", "password_too_short"),
        ("x" * 257, "password_too_long"),
        ("Motdepasse123", "password_common"),
        ("correcthorsebatterystaple", "password_common"),
        ("ababababababab", "password_common"),
        ("Zoe@Example.org", "password_is_email"),
    ],
)
async def test_a_password_that_would_be_guessed_is_refused(zoe: Person, password: str, code: str) -> None:
    await zoe.ask("POST", "/api/password/link", json={"email": zoe.email})
    body = {"token": await zoe.token_of("password"), "password": password}
    reply = await zoe.ask("POST", "/api/password", json=body)
    assert (reply.status, reply.body["code"]) == (422, code)

    reply = await zoe.ask("POST", "/api/password", json={**body, "password": PASSWORD})
    assert reply.status == 200, "the link was not used up"


async def test_a_new_password_ends_the_other_sign_ins_and_is_told(
    zoe: Person, server: ServerUnderTest
) -> None:
    await zoe.choose_password()
    async with person(server, zoe.email) as thief:
        body = {"email": zoe.email, "password": PASSWORD}
        assert (await thief.ask("POST", "/api/sign-in/password", json=body)).status == 200

        changed = await zoe.ask(
            "PUT", "/api/account/password", json={"current": PASSWORD, "password": "another walk altogether"}
        )
        assert changed.status == 204
        assert (await thief.ask("GET", "/api/account")).status == 401
        assert (await thief.ask("POST", "/api/sign-in/password", json=body)).status == 403
    assert (await zoe.ask("GET", "/api/account")).status == 200
    assert [one.kind for one in await letters(server, zoe.email)].count("password_changed") == 2


async def test_changing_a_password_needs_the_present_one(zoe: Person) -> None:
    body = {"current": "whatever it was", "password": "another walk altogether"}
    none_yet = await zoe.ask("PUT", "/api/account/password", json=body)
    assert (none_yet.status, none_yet.body["code"]) == (409, "password_by_link")
    await zoe.choose_password()
    wrong = await zoe.ask("PUT", "/api/account/password", json=body)
    assert (wrong.status, wrong.body["code"]) == (403, "wrong_password")


async def test_a_hash_of_older_parameters_is_renewed(zoe: Person, server: ServerUnderTest) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with server.running.database.transaction() as tx:
        await tx.execute(update(accounts).values(password_hash=weak))

    body = {"email": zoe.email, "password": PASSWORD}
    assert (await zoe.ask("POST", "/api/sign-in/password", json=body)).status == 200

    async with server.running.database.reading() as reading:
        kept = (await reading.execute(accounts.select())).one().password_hash
    assert kept != weak
    assert not server.running.accounts.passwords.outdated(kept)
    assert (await zoe.ask("POST", "/api/sign-in/password", json=body)).status == 200


async def test_hashing_leaves_the_event_loop_alone_and_its_queue_is_bounded() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1))
    tries = [asyncio.create_task(passwords.hashed("x" * 12)) for _ in range(60)]
    ticks = 0
    while not all(task.done() for task in tries):
        await asyncio.sleep(0)
        ticks += 1
    passwords.close()
    refused = [task.exception() for task in tries if task.exception() is not None]
    assert ticks > len(tries), "the loop went on meanwhile"
    assert len(refused) == 10
    assert all(isinstance(one, Refused) and one.code == "too_busy" for one in refused)


async def test_too_many_tries_for_one_address_or_from_one_network_have_to_wait(tmp_path: Path) -> None:
    async with start_server(tmp_path, sign_in_tries=8) as server, owner(server) as zoe:
        await zoe.choose_password()
        for email in (zoe.email, "unheard-of@example.org"):
            body = {"email": email, "password": "x" * 12}
            codes = [
                (await zoe.ask("POST", "/api/sign-in/password", json=body)).body["code"] for _ in range(9)
            ]
            assert codes == ["wrong_credentials"] * 8 + ["too_many_tries"]
        link = await zoe.ask("POST", "/api/sign-in/link", json={"email": zoe.email})
        assert link.status == 204, "who tries somebody's password does not keep them from their link"
        flood = await zoe.ask("POST", "/api/sign-in/link", json={"email": zoe.email})
        assert (flood.status, flood.body["code"]) == (429, "too_many_tries"), "nobody's mail is filled"

    async with start_server(tmp_path / "other", sign_ins_per_minute=3) as server:
        async with person(server, "x@example.org") as someone:
            asked = [await someone.ask("POST", "/api/sign-in", json={"token": "x" * 32}) for _ in range(4)]
        assert [reply.body["code"] for reply in asked] == ["mailed_link_unknown"] * 3 + ["rate_limited"]
        assert int(asked[3].headers["Retry-After"]) > 0
