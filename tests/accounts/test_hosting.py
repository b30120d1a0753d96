"""GOV-5, GOV-6: host access is asked for with the team's contact e-mail and answered by a letter."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import update

from room_server.accounts.rules import RequestState
from room_server.accounts.store.asking import access_requests
from room_server.accounts.store.workspaces import workspaces
from room_server.errors import Refused
from room_server.events.service import EventPlan
from room_server.ids import AccessRequestId
from tests.kit.people import Person, count, letters, person
from tests.kit.server import ServerUnderTest, start_server

ASKED = {"email": "nobody@example.org", "name": "No Body", "organisation": "Les Ateliers", "message": "Hello"}


async def test_a_request_that_is_granted_is_answered_by_a_login_letter(
    nobody: Person, server: ServerUnderTest
) -> None:
    """GOV-6: the workspace, its owner, and the way in."""
    assert (await nobody.ask("POST", "/api/host-access-requests", json=ASKED)).status == 204
    (waiting,) = await server.running.accounts.hosting.requests()
    assert (waiting.state, waiting.organisation, waiting.message) == (
        RequestState.PENDING,
        "Les Ateliers",
        "Hello",
    )
    assert await letters(server, nobody.email) == []

    await server.running.accounts.hosting.grant(waiting.request_id)
    token = await nobody.token_of("access_granted")
    assert (await nobody.ask("POST", "/api/sign-in", json={"token": token})).status == 200
    found = (await nobody.ask("GET", "/api/workspaces")).body["workspaces"]
    assert [(one["name"], one["role"]) for one in found] == [("Les Ateliers", "owner")]
    with pytest.raises(Refused, match="already_answered"):
        await server.running.accounts.hosting.grant(waiting.request_id)


async def test_who_signs_in_already_gets_a_letter_that_opens_nothing(
    bob: Person, server: ServerUnderTest
) -> None:
    await bob.ask("POST", "/api/host-access-requests", json={**ASKED, "email": bob.email})
    (waiting,) = await server.running.accounts.hosting.requests()
    await server.running.accounts.hosting.grant(waiting.request_id)
    letter = (await letters(server, bob.email))[-1]
    assert letter.kind == "access_granted_too"
    assert letter.path == "/sign-in"
    assert len((await bob.ask("GET", "/api/workspaces")).body["workspaces"]) == 2


async def test_a_request_that_is_refused_is_told_too(nobody: Person, server: ServerUnderTest) -> None:
    headers = {"Accept-Language": "fr"}
    await nobody.ask("POST", "/api/host-access-requests", json=ASKED, headers=headers)
    (waiting,) = await server.running.accounts.hosting.requests()
    await server.running.accounts.hosting.refuse(waiting.request_id)
    (letter,) = await letters(server, nobody.email)
    assert letter.subject == "Votre demande d’accès animateur"
    with pytest.raises(Refused, match="already_answered"):
        await server.running.accounts.hosting.refuse(waiting.request_id)
    with pytest.raises(Refused, match="unknown_request"):
        await server.running.accounts.hosting.grant(AccessRequestId("none"))


async def test_asking_twice_makes_one_row(nobody: Person, server: ServerUnderTest) -> None:
    sent = await asyncio.gather(
        *(nobody.ask("POST", "/api/host-access-requests", json=ASKED) for _ in range(4))
    )
    assert {reply.status for reply in sent} == {204}
    assert await count(server, access_requests) == 1


async def test_who_owns_a_workspace_already_is_sent_the_way_in(zoe: Person, server: ServerUnderTest) -> None:
    reply = await zoe.ask("POST", "/api/host-access-requests", json={**ASKED, "email": zoe.email})
    assert reply.status == 204
    assert [one.kind for one in await letters(server, zoe.email)] == ["sign_in"]
    assert await count(server, access_requests) == 0


async def test_the_setting_grants_at_once(tmp_path: Path) -> None:
    async with (
        start_server(tmp_path, host_access="open") as server,
        person(server, ASKED["email"]) as someone,
    ):
        assert (await someone.ask("POST", "/api/host-access-requests", json=ASKED)).status == 204
        token = await someone.token_of("access_granted")
        assert (await someone.ask("POST", "/api/sign-in", json={"token": token})).status == 200


async def test_the_setting_takes_no_requests(tmp_path: Path) -> None:
    async with start_server(tmp_path, host_access="closed") as server, person(server, "x@example.org") as one:
        reply = await one.ask("POST", "/api/host-access-requests", json=ASKED)
        assert (reply.status, reply.body["code"]) == (403, "requests_closed")


async def test_without_granted_host_access_nothing_is_created(server: ServerUnderTest) -> None:
    """GOV-5."""
    workspace_id = await server.running.workspaces.create("Not yet")
    async with server.running.database.transaction() as tx:
        await tx.execute(update(workspaces).values(hosts_since=None))
    with pytest.raises(Refused, match="host_access_needed"):
        await server.running.events.create_event(workspace_id, EventPlan(title="Too early"))


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "Bob\r\nBcc: all@example.org", "name_invalid"),
        ("name", " \u200b ", "name_invalid"),
        ("name", "x" * 101, "name_invalid"),
        ("organisation", "A\x00B", "name_invalid"),
        ("message", "x" * 2_001, "message_invalid"),
        ("message", "bell\x07", "message_invalid"),
        ("email", "a@example.org\r\nBcc: b@example.org", "address_invalid"),
    ],
)
async def test_what_could_be_a_header_or_is_no_text_is_refused(
    nobody: Person, server: ServerUnderTest, field: str, value: str, code: str
) -> None:
    reply = await nobody.ask("POST", "/api/host-access-requests", json={**ASKED, field: value})
    assert (reply.status, reply.body["code"]) == (422, code)
    assert await count(server, access_requests) == 0
