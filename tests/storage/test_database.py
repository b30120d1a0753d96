"""Transactions on a real SQLite file: durable when left, no trace when they fail, one after the other."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, Table, insert, select, text

from room_server.errors import Refused
from room_server.storage import Database, Instant, Place, Transaction, metadata
from tests.kit.clock import FakeClock
from tests.kit.patience import PATIENCE_S

notes = Table(
    "test_note",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant),
    info={"only_in_tests": True},
)


@pytest.fixture
async def database(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "room.sqlite3", clock.wall)
    async with opened.transaction() as tx:
        await tx.execute(text("CREATE TABLE test_note (id INTEGER PRIMARY KEY, at DATETIME)"))
    yield opened
    await opened.close()


async def ids(database: Database) -> list[int]:
    async with database.reading() as reading:
        return list((await reading.execute(select(notes.c.id).order_by(notes.c.id))).scalars())


async def test_what_was_committed_is_read_by_anybody(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(insert(notes).values(id=1))
    with sqlite3.connect(database.path) as other:
        assert other.execute("SELECT id FROM test_note").fetchall() == [(1,)]
    other.close()


async def test_the_version_tells_a_commit_of_any_process_and_nothing_else(database: Database) -> None:
    before = database.version()
    await ids(database)
    assert database.version() == before
    async with database.transaction() as tx:
        await tx.execute(insert(notes).values(id=2))
    ours = database.version()
    with sqlite3.connect(database.path) as other:
        other.execute("INSERT INTO test_note (id) VALUES (3)")
    other.close()
    assert len({before, ours, database.version()}) == 3


async def test_what_fails_leaves_no_trace(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as tx:
            await tx.execute(insert(notes).values(id=1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await ids(database) == []


async def test_what_is_cancelled_leaves_no_trace_and_frees_the_turn(database: Database) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with database.transaction() as tx:
            await tx.execute(insert(notes).values(id=1))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with asyncio.timeout(PATIENCE_S), database.transaction() as tx:
        await tx.execute(insert(notes).values(id=2))
    assert await ids(database) == [2]


async def test_a_reading_sees_one_moment_and_waits_for_no_writer(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(insert(notes).values(id=1))
        async with asyncio.timeout(PATIENCE_S), database.reading() as reading:
            assert (await reading.execute(select(notes.c.id))).all() == []

    async with database.reading() as reading:
        before = (await reading.execute(select(notes.c.id))).all()
        async with database.transaction() as tx:
            await tx.execute(insert(notes).values(id=2))
        assert (await reading.execute(select(notes.c.id))).all() == before


async def test_writers_never_lose_each_others_changes(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(insert(notes).values(id=0))

    async def add_one() -> None:
        async with database.transaction() as tx:
            highest = (await tx.execute(text("SELECT max(id) FROM test_note"))).scalar_one()
            await asyncio.sleep(0)
            await tx.execute(insert(notes).values(id=highest + 1))

    await asyncio.gather(*(add_one() for _ in range(30)))
    assert await ids(database) == list(range(31))


async def test_the_front_place_goes_before_those_who_wait(database: Database) -> None:
    order: list[str] = []

    async def write(name: str, place: Place) -> None:
        async with database.transaction(place):
            order.append(name)

    async with database.transaction():
        waiting = [asyncio.create_task(write(f"ordinary {number}", Place.ORDINARY)) for number in range(3)]
        await asyncio.sleep(0)
        waiting.append(asyncio.create_task(write("front", Place.FRONT)))
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert order == ["front", "ordinary 0", "ordinary 1", "ordinary 2"]


async def test_one_who_gives_up_waiting_passes_the_turn_on(database: Database) -> None:
    async with database.transaction():
        given_up = asyncio.create_task(_touch(database))
        patient = asyncio.create_task(_touch(database))
        await asyncio.sleep(0)
        given_up.cancel()
    await asyncio.wait_for(patient, PATIENCE_S)


async def _touch(database: Database) -> None:
    async with database.transaction():
        pass


async def test_a_transaction_in_one_step_is_committed_when_it_returns(database: Database) -> None:
    async def count_up(tx: Transaction) -> int:
        highest = (await tx.execute(text("SELECT coalesce(max(id), 0) FROM test_note"))).scalar_one()
        await tx.execute(insert(notes).values(id=highest + 1))
        return int(highest) + 1

    given = await asyncio.gather(*(database.transact(count_up) for _ in range(20)))
    assert sorted(given) == await ids(database) == list(range(1, 21))


async def test_a_transaction_in_one_step_that_fails_leaves_no_trace(database: Database) -> None:
    async def fail(tx: Transaction) -> None:
        await tx.execute(insert(notes).values(id=1))
        raise ZeroDivisionError

    async def wait(tx: Transaction) -> None:
        await tx.execute(insert(notes).values(id=2))
        await asyncio.sleep(0)

    with pytest.raises(ZeroDivisionError):
        await database.transact(fail)
    with pytest.raises(RuntimeError, match="waits for something else"):
        await database.transact(wait)
    assert await ids(database) == []


async def test_who_gives_up_a_transaction_in_one_step_holds_nobody_up(database: Database) -> None:
    begun = threading.Event()

    async def add(tx: Transaction) -> None:
        begun.set()
        await tx.execute(insert(notes).values(id=1))

    given_up = asyncio.create_task(database.transact(add))
    assert await asyncio.to_thread(begun.wait, PATIENCE_S)
    given_up.cancel()
    await asyncio.wait_for(_touch(database), PATIENCE_S)
    assert await ids(database) == [1], "it had begun, so it is done"


async def test_a_turn_given_and_cancelled_in_one_step_is_passed_on(database: Database) -> None:
    async with database.transaction():
        unlucky = asyncio.create_task(_touch(database))
        patient = asyncio.create_task(_touch(database))
        await asyncio.sleep(0)
    unlucky.cancel()  # its turn has been given, and it has not run since
    await asyncio.wait_for(patient, PATIENCE_S)


async def test_the_database_tells_the_time_of_its_clock(database: Database, clock: FakeClock) -> None:
    async with database.transaction() as tx:
        assert tx.now == clock.now()
    clock.advance(3_600)
    async with database.reading() as reading:
        assert reading.now == clock.now()


async def test_an_instant_comes_back_in_utc_whatever_zone_it_was_given_in(database: Database) -> None:
    at = datetime(2026, 12, 3, 14, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=1)))
    async with database.transaction() as tx:
        await tx.execute(insert(notes).values(id=1, at=at))
        kept = (await tx.execute(select(notes.c.at))).scalar_one()
    assert kept == at
    assert kept.tzinfo is UTC


async def test_a_time_without_a_zone_is_no_instant(database: Database) -> None:
    with pytest.raises(Exception, match="time zone"):
        async with database.transaction() as tx:
            await tx.execute(insert(notes).values(id=1, at=datetime(2026, 12, 3)))  # noqa: DTZ001


async def test_every_commit_is_on_disk_and_foreign_keys_are_kept(database: Database) -> None:
    async with database.transaction() as tx:
        assert (await tx.execute(text("PRAGMA synchronous"))).scalar_one() == 2
        assert (await tx.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
        assert (await tx.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1


async def test_a_full_disk_is_told_as_such_and_loses_nothing(database: Database) -> None:
    await fill(database)

    async def store_much() -> None:
        async with database.transaction() as tx:
            await tx.execute(text("CREATE TABLE more (what BLOB)"))
            await tx.execute(text("INSERT INTO more VALUES (zeroblob(100000))"))

    with pytest.raises(Refused) as refused:
        await store_much()

    assert (refused.value.code, refused.value.status) == ("storage_full", 503)
    assert await ids(database) == [1]
    await make_room(database)
    async with database.transaction() as tx:
        await tx.execute(insert(notes).values(id=2))
    assert await ids(database) == [1, 2]


async def fill(database: Database) -> None:
    """Let SQLite answer SQLITE_FULL from here on, as it does when the disk is."""
    async with database.transaction() as tx:
        await tx.execute(insert(notes).values(id=1))
        pages = (await tx.execute(text("PRAGMA page_count"))).scalar_one()
    async with database.transaction() as tx:
        await tx.execute(text(f"PRAGMA max_page_count={pages}"))


async def make_room(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("PRAGMA max_page_count=1000000"))


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "room.sqlite3"
    path.write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(Refused) as refused:
        await Database.open(path)
    assert refused.value.code == "storage_away"


async def test_a_database_held_by_another_writer_for_too_long_is_told_as_away(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("PRAGMA busy_timeout=50"))
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Refused) as refused:
        await _touch(database)

    assert refused.value.code == "storage_away"
    other.execute("ROLLBACK")
    other.close()
    await _touch(database)
