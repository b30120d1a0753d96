"""Two nodes on one PostgreSQL: what people do at the same instant is decided one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import cast

import pytest
from sqlalchemy import Engine, select

from room_server.accounts.composition import Accounts, accounts
from room_server.accounts.rules import Account, HostAccess, Role
from room_server.accounts.signing_in import Browser
from room_server.accounts.store import asking, people
from room_server.accounts.store import workspaces as store
from room_server.errors import Refused
from room_server.ids import WorkspaceId
from room_server.jobs.service import Jobs
from room_server.jobs.store import jobs
from room_server.mail.outbox import Outbox
from room_server.mail.store import mails
from room_server.storage import Database
from tests.kit.clock import FakeClock
from tests.kit.postgres import PostgresDatabase, postgres

pytestmark = pytest.mark.slow  # and not of `make test-fast`, which needs nothing but what `make build` leaves

TABLES = [
    *(store.workspaces, people.accounts, people.sign_ins, store.memberships),
    *(asking.invitations, asking.mailed_links, asking.access_requests, jobs, mails),
]
HERE = Browser("Firefox on Linux")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with postgres() as running:
        yield running


@pytest.fixture
def nodes(engine: Engine, clock: FakeClock) -> Iterator[tuple[Accounts, Accounts]]:
    """Tables as the stores describe them, and two nodes' services on them."""
    store.workspaces.metadata.create_all(engine, TABLES)
    made = tuple(node(cast(Database, PostgresDatabase(engine, clock.wall))) for _ in range(2))
    yield made[0], made[1]
    for one in made:
        one.close()
    store.workspaces.metadata.drop_all(engine, TABLES)


def node(database: Database) -> Accounts:
    outbox = Outbox(database, Jobs(database), "example.org")
    return accounts(database, outbox, HostAccess.OPEN, lambda: "http://localhost")


def rows(engine: Engine, table: object) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(table)).all())  # type: ignore[call-overload]


async def owner(accounts: Accounts, email: str) -> Account:
    link = await accounts.hosting.create_owner(email, "Atelier", "", "en")
    return (await accounts.signing_in.by_link(link.rpartition("/")[2], HERE)).account


async def outcome(act: Awaitable[object]) -> str:
    try:
        await act
    except Refused as refused:
        return refused.code
    return "done"


async def test_two_owners_who_demote_each_other_leave_one(
    nodes: tuple[Accounts, Accounts], engine: Engine
) -> None:
    one, two = nodes
    zoe, ada = await owner(one, "zoe@example.org"), await owner(two, "ada@example.org")
    (workspace,) = await one.team.workspaces_of(zoe.account_id)
    at = workspace.workspace_id
    for _ in range(10):
        done = await asyncio.gather(
            outcome(one.team.change_role(zoe.account_id, at, zoe.account_id, Role.ADMIN)),
            outcome(two.team.change_role(ada.account_id, at, ada.account_id, Role.ADMIN)),
        )
        assert sorted(done) == ["done", "last_owner"]
        members = {member.account_id: member.role for member in await one.team.members(at)}
        assert sorted(members.values()) == ["admin", "owner"]
        left = next(account for account, role in members.items() if role is Role.OWNER)
        for account in (zoe.account_id, ada.account_id):
            await one.team.change_role(left, at, account, Role.OWNER)


async def test_what_is_sent_to_both_at_once_makes_one_row(
    nodes: tuple[Accounts, Accounts], engine: Engine
) -> None:
    one = nodes[0]
    zoe = await owner(one, "zoe@example.org")
    at = WorkspaceId((await one.team.workspaces_of(zoe.account_id))[0].workspace_id)
    await asyncio.gather(*(each.team.invite(zoe, at, "bob@example.org", Role.MEMBER) for each in nodes * 3))
    assert rows(engine, asking.invitations) == 1

    asked = "mira@example.org", "Mira", "Les Ateliers", "", "en"
    await asyncio.gather(*(each.hosting.ask(*asked) for each in nodes * 3))
    assert rows(engine, asking.access_requests) == 1
    assert rows(engine, store.workspaces) == 2
    assert rows(engine, people.accounts) == 2


async def test_a_link_that_is_pressed_on_both_at_once_serves_once(
    nodes: tuple[Accounts, Accounts], engine: Engine
) -> None:
    one = nodes[0]
    await owner(one, "zoe@example.org")
    before = rows(engine, people.sign_ins)
    link = await one.hosting.create_owner("zoe@example.org", "Atelier", "", "en")
    token = link.rpartition("/")[2]
    done = await asyncio.gather(*(outcome(each.signing_in.by_link(token, HERE)) for each in nodes * 3))
    assert sorted(done) == ["done"] + ["mailed_link_used"] * 5
    assert rows(engine, people.sign_ins) == before + 1
