"""Two nodes on one PostgreSQL: a visit, an offer and an identity are had once, whichever node is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass
from typing import cast

import pytest
from sqlalchemy import Engine, select

from room_server.accounts import tokens
from room_server.accounts.composition import Accounts, accounts
from room_server.accounts.oidc import Identity, OidcClient, Provider, Started, WebFetcher
from room_server.accounts.providers import Providers
from room_server.accounts.rules import Account, HostAccess
from room_server.accounts.signing_in import Browser
from room_server.accounts.store import asking, people, providers, workspaces
from room_server.accounts.store.providers import Visit
from room_server.errors import Refused
from room_server.jobs.service import Jobs
from room_server.jobs.store import jobs
from room_server.mail.outbox import Outbox
from room_server.mail.store import mails
from room_server.storage import Database
from tests.kit.clock import FakeClock
from tests.kit.postgres import PostgresDatabase, postgres

pytestmark = pytest.mark.slow  # needs PostgreSQL

TABLES = [
    *(workspaces.workspaces, people.accounts, people.sign_ins, workspaces.memberships, asking.invitations),
    *(asking.mailed_links, asking.access_requests, jobs, mails, providers.identities, providers.visits),
    *(providers.offers, providers.provider_sign_ins),
]
HERE = Browser("Firefox on Linux")
AGENCY = {"agency": Provider(issuer="https://id.example.org", client_id="room", label="The agency")}
IDENTITY = Identity("https://id.example.org", "42", "zoe@example.org", True, "Zoé")


@dataclass(frozen=True, slots=True)
class Node:
    """One node's services."""

    database: Database
    accounts: Accounts
    providers: Providers


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with postgres() as running:
        yield running


@pytest.fixture
async def nodes(engine: Engine, clock: FakeClock) -> AsyncIterator[tuple[Node, Node]]:
    metadata = people.accounts.metadata
    metadata.create_all(engine, TABLES)
    async with WebFetcher.open() as web:
        made = tuple(node(engine, clock, web) for _ in range(2))
        yield made[0], made[1]
    for one in made:
        one.accounts.close()
    metadata.drop_all(engine, TABLES)


def node(engine: Engine, clock: FakeClock, web: WebFetcher) -> Node:
    database = cast(Database, PostgresDatabase(engine, clock.wall))
    outbox = Outbox(database, Jobs(database), "example.org")
    people_here = accounts(database, outbox, HostAccess.OPEN, lambda: "http://localhost")
    client = OidcClient(AGENCY, web, clock)
    own = Providers(AGENCY, client, database, people_here.signing_in, outbox, lambda: "http://localhost")
    return Node(database, people_here, own)


def visit(clock: FakeClock) -> Visit:
    return Visit(Started("agency", "/account", clock.now(), "state", "nonce", "verifier"), None)


async def owner(node: Node, email: str) -> Account:
    link = await node.accounts.hosting.create_owner(email, f"Of {email}", "", "en")
    return (await node.accounts.signing_in.by_link(link.rpartition("/")[2], HERE)).account


async def outcome(act: Awaitable[object]) -> str:
    try:
        await act
    except Refused as refused:
        return refused.code
    return "done"


def rows(engine: Engine, table: object) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(table)).all())  # type: ignore[call-overload]


async def test_a_visit_is_taken_once(nodes: tuple[Node, Node], engine: Engine, clock: FakeClock) -> None:
    async with nodes[0].database.transaction() as tx:
        await providers.add_visit(tx, visit(clock), tokens.hashed("cookie"))
    done = await asyncio.gather(*(outcome(each.providers.take("agency", "cookie")) for each in nodes * 3))
    assert sorted(done) == ["done"] + ["sign_in_stray"] * 5
    assert rows(engine, providers.visits) == 0


async def test_an_offer_is_accepted_once(nodes: tuple[Node, Node], engine: Engine, clock: FakeClock) -> None:
    await owner(nodes[0], IDENTITY.email or "")
    before = rows(engine, people.sign_ins)
    mark = await nodes[0].providers.offer(visit(clock), IDENTITY)
    token = letter_token(engine)
    done = await asyncio.gather(*(outcome(each.providers.accept(token, mark, HERE)) for each in nodes * 3))
    assert done.count("done") == 1
    assert set(done) <= {"done", "mailed_link_used", "mailed_link_unknown"}
    assert rows(engine, providers.identities) == 1
    assert rows(engine, people.sign_ins) == before + 1


async def test_an_identity_that_two_people_want_at_once_is_ones(
    nodes: tuple[Node, Node], engine: Engine, clock: FakeClock
) -> None:
    offered = []
    for each, email in zip(nodes, ("zoe@example.org", "ada@example.org"), strict=True):
        clock.advance(1)
        await owner(each, email)
        wanted = Identity(IDENTITY.issuer, IDENTITY.subject, email, False, None)
        offered.append((await each.providers.offer(visit(clock), wanted), letter_token(engine)))
    done = await asyncio.gather(
        *(
            outcome(each.providers.accept(token, mark, HERE))
            for each, (mark, token) in zip(nodes, offered, strict=True)
        )
    )
    assert sorted(done) == ["done", "identity_taken"]
    assert rows(engine, providers.identities) == 1


def letter_token(engine: Engine) -> str:
    """Return the token of the newest letter that asks to connect."""
    with engine.connect() as connection:
        found = connection.execute(
            select(mails.c.text)
            .where(mails.c.kind == "connect_identity")
            .order_by(mails.c.created_at, mails.c.id)
        )
        text = str(found.scalars().all()[-1])
    return text.partition("/connect/")[2].partition("\n")[0]
