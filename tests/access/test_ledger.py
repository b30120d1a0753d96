"""Effects of one link never go back in fence: threads fight over a seat, an outside ledger judges.

Each thread has its own connections to one SQLite file, takes the seat over and over, and writes effects for
as long as it thinks that it sits.  The same program without the fence check must be caught, or it proves
nothing.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text

from room_server.access.rules import Admission, Role, TakeOver
from room_server.access.service import Access
from room_server.access.tokens import ServerKey
from room_server.accounts.service import Workspaces
from room_server.clock import wall_now
from room_server.cluster.node import Node
from room_server.errors import Refused
from room_server.events.rules import RoomType
from room_server.events.service import EventPlan, Events, SessionPlan
from room_server.ids import NodeId
from room_server.storage import Database, Transaction

THREADS, ROUNDS, WRITES = 4, 12, 3
KEY = ServerKey(b"k" * 32)

Check = Callable[[Access, Transaction, Admission], Awaitable[None]]


class OneNode:
    def current(self) -> Node:
        return Node(NodeId("one"), 1)


async def fenced(access: Access, tx: Transaction, admission: Admission) -> None:
    """What the product does before each durable write."""
    await access.check_holds(tx, admission)


async def unfenced(access: Access, tx: Transaction, admission: Admission) -> None:
    """The fault: writes for whoever once sat."""


async def prepare(path: Path) -> str:
    database = await Database.open(path)
    workspace = await Workspaces(database).create("A workspace")
    events = Events(database)
    event = await events.create_event(workspace, EventPlan(title="An event"))
    plan = SessionPlan(room_type=RoomType.LIVE, starts_at=wall_now(), time_zone="UTC", planned_length_s=60)
    session = await events.create_session(event, plan)
    access = Access(database, KEY, OneNode())
    link = await access.issue_link(session.session_id, "Camille", Role.PARTICIPANT, "en")
    async with database.transaction() as tx:
        await tx.execute(text("CREATE TABLE ledger (at INTEGER PRIMARY KEY AUTOINCREMENT, fence INTEGER)"))
    await database.close()
    return access.token(link)


async def contend(path: Path, token: str, check: Check) -> None:
    """Take the seat from the others and write, again and again."""
    database = await Database.open(path)
    access = Access(database, KEY, OneNode())
    try:
        for _ in range(ROUNDS):
            try:
                taken = await access.take_seat(token, "one-browser", TakeOver.MOVE, "a tab")
                admission = await access.redeem(taken.ticket)
                for _ in range(WRITES):
                    async with database.transaction() as tx:
                        await check(access, tx, admission)
                        await tx.execute(
                            text("INSERT INTO ledger (fence) VALUES (:fence)"), {"fence": admission.fence}
                        )
            except Refused as refused:
                if refused.code not in ("ticket_invalid", "seat_moved"):
                    raise
    finally:
        await database.close()


def fight(path: Path, check: Check) -> list[int]:
    """Return the fences in the order in which their effects were committed."""
    token = asyncio.run(prepare(path))
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(contend(path, token, check))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert not failures
    with sqlite3.connect(path) as ledger:
        fences = [row[0] for row in ledger.execute("SELECT fence FROM ledger ORDER BY at")]
        seat = ledger.execute("SELECT fence FROM seat").fetchone()[0]
    ledger.close()
    assert seat == THREADS * ROUNDS, "every taking raised the fence by one"
    return fences


def went_back(fences: list[int]) -> int:
    return sum(later < earlier for earlier, later in pairwise(fences))


def test_effects_of_a_link_never_go_back_in_fence(tmp_path: Path) -> None:
    """ROOM-2."""
    fences = fight(tmp_path / "room.sqlite3", fenced)
    assert len(set(fences)) >= THREADS, "the seat moved and was written for"
    assert went_back(fences) == 0


def test_the_ledger_catches_a_server_without_fences(tmp_path: Path) -> None:
    """A fight is a race, and one in a dozen shows nothing; five in a row do not."""
    fights = (fight(tmp_path / f"room-{number}.sqlite3", unfenced) for number in range(5))
    assert any(went_back(fences) for fences in fights)


@pytest.mark.parametrize(("fences", "times"), [([], 0), ([1, 1, 2], 0), ([1, 2, 1, 3, 2], 2)])
def test_going_back_is_counted(fences: list[int], times: int) -> None:
    assert went_back(fences) == times
