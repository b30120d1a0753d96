"""Teams: who invites, who changes roles, and that a workspace keeps an owner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from room_server.accounts.rules import Role
from room_server.accounts.store.asking import invitations
from room_server.accounts.store.workspaces import memberships
from tests.kit.people import Person, count, letters, person
from tests.kit.server import ServerUnderTest


async def roles(someone: Person) -> dict[str, str]:
    listed = (await someone.ask("GET", f"{someone.team}/members")).body["members"]
    return {one["email"].partition("@")[0]: one["role"] for one in listed}


async def change(actor: Person, of: Person, role: Role) -> tuple[int, str | None]:
    path = f"{actor.team}/members/{await of.account_id()}"
    reply = await actor.ask("PATCH", path, json={"role": role.value})
    return reply.status, reply.body.get("code")


@pytest.fixture
async def carl(server: ServerUnderTest) -> AsyncIterator[Person]:
    async with person(server, "carl@example.org") as found:
        yield found


async def test_who_is_invited_joins_by_the_letter_with_the_role_that_it_gives(
    zoe: Person, ada: Person, bob: Person, server: ServerUnderTest
) -> None:
    assert await roles(bob) == {"zoe": "owner", "ada": "admin", "bob": "member"}
    (letter,) = await letters(server, ada.email)
    assert letter.subject == "Zoé invites you to the team Atelier du Nord"
    spaces = (await ada.ask("GET", "/api/workspaces")).body["workspaces"]
    assert [(one["name"], one["role"]) for one in spaces] == [("Atelier du Nord", "admin")]


async def test_an_invitation_serves_once_and_its_name_is_asked_of_who_is_new(
    zoe: Person, carl: Person, bob: Person
) -> None:
    await zoe.ask("POST", f"{zoe.team}/invitations", json={"email": carl.email})
    token = await carl.token_of("invitation")
    unnamed = await carl.ask("POST", "/api/invitations/accept", json={"token": token})
    assert (unnamed.status, unnamed.body["code"]) == (422, "name_invalid")
    joined = await carl.ask("POST", "/api/invitations/accept", json={"token": token, "name": "Carl"})
    assert joined.status == 200
    again = await bob.ask("POST", "/api/invitations/accept", json={"token": token, "name": "Bob"})
    assert (again.status, again.body["code"]) == (410, "mailed_link_used")


async def test_an_invitation_that_is_passed_on_opens_nobodys_account(
    zoe: Person, eve: Person, bob: Person
) -> None:
    """Who has an account signs in to it before; the invitation is not used up meanwhile."""
    await zoe.ask("POST", f"{zoe.team}/invitations", json={"email": eve.email})
    body = {"token": await eve.token_of("invitation"), "name": "Eve"}
    for other in (bob, zoe):
        reply = await other.ask("POST", "/api/invitations/accept", json=body)
        assert (reply.status, reply.body["code"]) == (401, "sign_in_needed")
    path = f"/invitation/{body['token']}"
    assert "Sign out first" in (await bob.get(path)).text
    await bob.ask("DELETE", "/api/sign-in")
    assert f"/sign-in?next={path}" in (await bob.get(path)).text
    assert (await eve.submit(path)).headers["Location"] == "/workspaces"
    assert len((await eve.ask("GET", "/api/workspaces")).body["workspaces"]) == 2


async def test_inviting_twice_makes_one_row_and_one_letter(
    zoe: Person, carl: Person, server: ServerUnderTest
) -> None:
    body = {"email": carl.email}
    sent = await asyncio.gather(
        *(zoe.ask("POST", f"{zoe.team}/invitations", json=body) for _ in range(4)),
        zoe.ask("POST", f"{zoe.team}/invitations", json={"email": "CARL@example.ORG"}),
    )
    assert {reply.status for reply in sent} == {201}
    assert len({reply.body["invitation_id"] for reply in sent}) == 1
    assert await count(server, invitations) == 1
    assert len(await letters(server, carl.email)) == 1


async def test_who_belongs_to_the_team_is_not_invited_again(zoe: Person, bob: Person) -> None:
    reply = await zoe.ask("POST", f"{zoe.team}/invitations", json={"email": bob.email})
    assert (reply.status, reply.body["code"]) == (409, "already_member")


async def test_a_withdrawn_invitation_leads_nowhere(zoe: Person, carl: Person) -> None:
    await zoe.ask("POST", f"{zoe.team}/invitations", json={"email": carl.email})
    (waiting,) = (await zoe.ask("GET", f"{zoe.team}/invitations")).body["invitations"]
    path = f"{zoe.team}/invitations/{waiting['invitation_id']}"
    assert (await zoe.ask("DELETE", path)).status == 204

    body = {"token": await carl.token_of("invitation"), "name": "Carl"}
    reply = await carl.ask("POST", "/api/invitations/accept", json=body)
    assert (reply.status, reply.body["code"]) == (410, "mailed_link_used")
    gone = await zoe.ask("DELETE", path)
    assert (gone.status, gone.body["code"]) == (404, "unknown_invitation")


async def test_the_invitation_of_another_workspace_is_out_of_reach(
    zoe: Person, eve: Person, carl: Person
) -> None:
    await zoe.ask("POST", f"{zoe.team}/invitations", json={"email": carl.email})
    (waiting,) = (await zoe.ask("GET", f"{zoe.team}/invitations")).body["invitations"]
    for method, end in (("DELETE", ""), ("POST", "/resend")):
        reply = await eve.ask(method, f"{eve.team}/invitations/{waiting['invitation_id']}{end}")
        assert (reply.status, reply.body["code"]) == (404, "unknown_invitation")


async def test_administrators_look_after_members_and_leave_owners_alone(
    zoe: Person, ada: Person, bob: Person
) -> None:
    assert await change(ada, bob, Role.ADMIN) == (200, None)
    assert await change(ada, bob, Role.MEMBER) == (200, None)
    assert await change(ada, bob, Role.OWNER) == (403, "role_needed")
    assert await change(ada, zoe, Role.MEMBER) == (403, "role_needed")
    gone = await ada.ask("DELETE", f"{ada.team}/members/{await zoe.account_id()}")
    assert gone.status == 403
    raised = await ada.ask(
        "POST", f"{ada.team}/invitations", json={"email": "x@example.org", "role": "owner"}
    )
    assert raised.status == 403
    assert await roles(zoe) == {"zoe": "owner", "ada": "admin", "bob": "member"}


async def test_a_member_who_was_removed_is_out_at_once(zoe: Person, bob: Person) -> None:
    gone = await zoe.ask("DELETE", f"{zoe.team}/members/{await bob.account_id()}")
    assert gone.status == 204
    reply = await bob.ask("GET", f"{bob.team}/members")
    assert (reply.status, reply.body["code"]) == (404, "unknown_workspace")


async def test_the_last_owner_can_neither_leave_nor_be_demoted_but_can_hand_over(
    zoe: Person, ada: Person
) -> None:
    assert await change(zoe, zoe, Role.ADMIN) == (409, "last_owner")
    left = await zoe.ask("DELETE", f"{zoe.team}/membership")
    assert (left.status, left.body["code"]) == (409, "last_owner")
    removed = await zoe.ask("DELETE", f"{zoe.team}/members/{await zoe.account_id()}")
    assert removed.status == 409

    to_oneself = await zoe.ask("PUT", f"{zoe.team}/ownership", json={"account_id": await zoe.account_id()})
    assert to_oneself.body["code"] == "not_to_yourself"
    handed = await zoe.ask("PUT", f"{zoe.team}/ownership", json={"account_id": await ada.account_id()})
    assert handed.status == 204
    assert await roles(zoe) == {"zoe": "admin", "ada": "owner"}
    assert (await zoe.ask("DELETE", f"{zoe.team}/membership")).status == 204


@pytest.mark.parametrize("how", ["demote", "leave", "both"])
async def test_two_owners_who_go_at_the_same_moment_leave_one(
    zoe: Person, ada: Person, server: ServerUnderTest, how: str
) -> None:
    for _ in range(5):
        assert (await change(zoe, ada, Role.OWNER))[0] == 200
        one, other = {
            "demote": ((zoe, ada), (ada, zoe)),
            "leave": ((zoe, zoe), (ada, ada)),
            "both": ((zoe, zoe), (zoe, ada)),
        }[how]
        done = await asyncio.gather(change(*one, Role.ADMIN), change(*other, Role.ADMIN))
        assert sorted(status for status, _ in done) in ([200, 403], [200, 409])
        found = await roles(zoe)
        assert list(found.values()).count("owner") == 1
        if found["zoe"] != "owner":
            assert (await change(ada, zoe, Role.OWNER))[0] == 200
            assert (await change(zoe, ada, Role.ADMIN))[0] == 200
    assert await count(server, memberships) == 2


async def test_an_invitation_takes_no_role_away(zoe: Person, carl: Person) -> None:
    """Who was invited as a member and came in as an administrator meanwhile stays one."""
    await zoe.ask("POST", f"{zoe.team}/invitations", json={"email": carl.email, "role": "admin"})
    body = {"token": await carl.token_of("invitation"), "name": "Carl"}
    await carl.ask("POST", "/api/invitations/accept", json=body)
    carl.workspace_id = zoe.workspace_id
    assert (await roles(carl))["carl"] == "admin"
