"""Every operation × every role × one's own workspace and a foreign one: refused unless it says otherwise.

The table below is written by hand and compared with what is served, so an operation that is new has to be
entered here before anything passes.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from room_server.accounts.rules import Role
from room_server.http.app import SERVED
from room_server.http.needs import SAFE, Needs
from room_server.http.operations import WORKSPACE, Operation, Reply
from tests.kit.people import Person, owner, person
from tests.kit.server import ServerUnderTest, start_server

NEEDS: dict[Needs, set[str]] = {
    Needs.NOTHING: {
        *("home", "openapi", "docs", "healthz", "readyz"),
        *(f"{name}_options" for name in ("whep", "whep_by_link", "whip", "whip_by_link", "stream")),
    },
    Needs.LINK: {
        *("access_page", "join", "chat_log", "whep", "whep_by_link", "whip", "whip_by_link"),
        *("stream_patch", "stream_delete"),
    },
    Needs.VISITOR: {
        *("ask_sign_in_link", "sign_in_by_link", "sign_in_by_password", "ask_password_link", "set_password"),
        *("ask_host_access", "accept_invitation"),
        *("sign_in_page", "sign_in", "sent_page", "link_page", "use_link", "forgotten_page", "forgotten"),
        *("password_page", "choose_password", "host_access_page", "send_host_access", "asked_page"),
        *("invitation_page", "join_team"),
        *("begin_at_provider", "back_from_provider", "connect_asked", "connect_page", "connect"),
        *("back_from_leaving", "signed_out_page"),
    },
    Needs.SIGNED_IN: {
        *("account", "change_account", "change_password", "workspaces", "sign_out", "sign_ins"),
        *("end_other_sign_ins", "end_sign_in", "home_page", "account_page", "send_account"),
        *("send_sign_out", "send_ways"),
    },
    Needs.MEMBER: {"members", "leave_team", "team_page", "leave_page", "send_leave"},
    Needs.ADMIN: {
        *("change_role", "remove_member", "invitations", "invite", "resend_invitation"),
        *("withdraw_invitation", "send_team"),
    },
    Needs.OWNER: {"hand_over", "ownership_page", "send_ownership"},
}

NOBODY, STRANGER, EVE = "nobody", "stranger", "owner of another workspace"
CALLERS = (NOBODY, STRANGER, EVE, *Role)
RANK = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}
OF_THE_CHECK = ("sign_in_needed", "unknown_workspace", "role_needed", "cross_site")
ROLES = {Needs.MEMBER: Role.MEMBER, Needs.ADMIN: Role.ADMIN, Needs.OWNER: Role.OWNER}


def refusal(needs: Needs, caller: str, *, foreign: bool) -> tuple[int, str] | None:
    """Return how the check has to answer; None when it lets pass."""
    if not needs.by_cookie or needs is Needs.VISITOR:
        return None
    if caller == NOBODY:
        return 401, "sign_in_needed"
    if needs is Needs.SIGNED_IN:
        return None
    if caller == STRANGER or foreign is (caller != EVE):
        return 404, "unknown_workspace"
    role = Role.OWNER if caller == EVE else Role(caller)
    return None if RANK[role] >= RANK[ROLES[needs]] else (403, "role_needed")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with start_server(
        tmp_path, sign_ins_per_minute=100_000, sign_in_tries=100_000, joins_per_minute=100_000
    ) as server:
        yield World(server)


class World:
    """Two workspaces and everybody, made anew once somebody changed something."""

    def __init__(self, server: ServerUnderTest) -> None:
        self.server = server
        self.operations: tuple[Operation, ...] = server.running.app[SERVED]
        self.made = 0

    async def people(self) -> People:
        """Return fresh people of fresh workspaces."""
        self.made += 1
        at = f"{self.made}@example.org"
        cookies: dict[str, str] = {NOBODY: ""}
        async with (
            owner(self.server, f"zoe{at}", f"Own {self.made}") as zoe,
            owner(self.server, f"eve{at}", f"Foreign {self.made}") as eve,
        ):
            cookies |= {Role.OWNER: cookie(zoe), EVE: cookie(eve)}
            for role in (Role.ADMIN, Role.MEMBER):
                async with person(self.server, f"{role}{at}") as other:
                    await zoe.invites(other, role)
                    cookies[role] = cookie(other)
            async with person(self.server, f"stranger{at}") as stranger:
                await eve.invites(stranger)
                cookies[STRANGER] = cookie(stranger)
                gone = await eve.ask("DELETE", f"{eve.team}/members/{await stranger.account_id()}")
                assert gone.status == 204
            return People(cookies, zoe.workspace_id, eve.workspace_id)


@dataclass(frozen=True, slots=True)
class People:
    """The cookie of each caller, and both workspaces."""

    cookies: dict[str, str]
    own: str
    foreign: str


def cookie(someone: Person) -> str:
    return next(one.value for one in someone.http.cookie_jar if one.key == "sign-in")


def address(operation: Operation, workspace_id: str) -> str:
    """Return the operation's path with the workspace, and ids that nothing has."""
    return re.sub(r"\{\w+\}", "none", operation.path.replace(f"{{{WORKSPACE}}}", workspace_id))


def test_the_table_says_what_is_served_and_nothing_else(world_operations: tuple[Operation, ...]) -> None:
    served: dict[Needs, set[str]] = {needs: set() for needs in Needs}
    for operation in world_operations:
        served[operation.needs].add(operation.name)
    assert served == NEEDS


@pytest.fixture
async def world_operations(world: World) -> tuple[Operation, ...]:
    return world.operations


@pytest.mark.parametrize("caller", CALLERS)
async def test_each_role_may_what_each_operation_says_and_nothing_more(world: World, caller: str) -> None:
    """By construction: every operation that is served, in one’s own workspace and in another."""
    wrong: list[str] = []
    asked = 0
    people = await world.people()
    for operation in world.operations:
        for foreign in (False, True) if operation.needs.of_workspace else (False,):
            headers = {"Cookie": f"sign-in={people.cookies[caller]}", "Accept": "application/json"}
            path = address(operation, people.foreign if foreign else people.own)
            reply = await world.server.ask(operation.method, path, headers=headers)
            code = reply.body.get("code") if isinstance(reply.body, dict) else None
            expected = refusal(operation.needs, caller, foreign=foreign)
            asked += 1
            if expected and (reply.status, code) != expected:
                wrong.append(f"{operation.method} {path}: {reply.status} {code}, not {expected}")
            if expected is None and code in OF_THE_CHECK:
                wrong.append(f"{operation.method} {path}: {reply.status} {code}, but may")
            if expected is None and operation.method not in SAFE:
                people = await world.people()
    assert wrong == []
    assert asked > len(world.operations)


async def test_an_operation_without_a_statement_cannot_be_made() -> None:
    async def handler(request: object) -> None: ...

    facts = {"name": "x", "method": "GET", "path": "/x", "summary": "", "handler": handler}
    with pytest.raises(TypeError, match="needs"):
        Operation(**facts, replies={200: Reply("")})  # type: ignore[arg-type]


@pytest.mark.parametrize(("path", "needs"), [("/x", Needs.MEMBER), (f"/x/{{{WORKSPACE}}}", Needs.SIGNED_IN)])
async def test_a_role_is_one_of_a_workspace_that_the_path_names(path: str, needs: Needs) -> None:
    async def handler(request: object) -> None: ...

    with pytest.raises(ValueError, match="role"):
        Operation(
            name="x",
            method="GET",
            path=path,
            needs=needs,
            summary="",
            handler=handler,  # type: ignore[arg-type]
            replies={200: Reply("")},
        )


async def test_the_document_says_what_each_operation_needs(world: World) -> None:
    document = (await world.server.ask("GET", "/api/openapi.json")).body
    assert set(document["components"]["securitySchemes"]) == {"signedIn", "link"}
    for operation in world.operations:
        said = document["paths"][operation.path][operation.method.lower()]
        assert said["x-needs"] == operation.needs.value
        cookie_counts = operation.needs not in (Needs.NOTHING, Needs.LINK, Needs.VISITOR)
        assert ({"signedIn": []} in said["security"]) is cookie_counts
        if cookie_counts:
            assert "sign_in_needed" in said["responses"]["401"]["description"]
        assert ("cross_site" in str(said["responses"].get("403"))) is (
            operation.needs.by_cookie and operation.method not in SAFE
        )
