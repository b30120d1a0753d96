"""One SQLite file: transactions that write one after the other, readings that never wait for them.

    transaction()   waits its turn ─► BEGIN IMMEDIATE ─► … ─► COMMIT, on disk before the block is left
    transact(work)  the same for a function, at a fraction of the price
                                                          └─► ROLLBACK when the block raises
    reading()       one consistent snapshot of what was committed when it began
    version()       a number that every commit changes, whoever made it: a look that is nearly free

Invariant: when a `transaction()` block has been left without an error, what it wrote survives the loss of
power (write-ahead log, `synchronous=FULL`); when it raised, nothing of it is there.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Executable, Result, create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from room_server.clock import wall_now
from room_server.errors import Refused
from room_server.storage.lane import Lane, Parameters, Runs, T, rows
from room_server.storage.migrate import require_current, upgrade
from room_server.storage.turns import Place, Turns

_BUSY_TIMEOUT_MS = 5_000
_READERS = 3
_AWAY = (
    "SQLITE_BUSY",
    "SQLITE_IOERR",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
)


class Reading:
    """One consistent view of the database.  `now` is the database's clock when the view began."""

    def __init__(self, lane: Runs, now: datetime) -> None:
        self._lane = lane
        self.now = now

    async def execute(self, statement: Executable, parameters: Parameters = None) -> Result[Any]:
        """Run `statement` and return its buffered rows."""
        return await self._lane.run(lambda connection: rows(connection, statement, parameters))

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in the connection's own thread and return what it returns, no rows unread."""
        return await self._lane.run(work)


class Transaction(Reading):
    """The only writer, from `BEGIN IMMEDIATE` to its commit."""

    async def change(self, statement: Executable, parameters: Parameters = None) -> int:
        """Run `statement` and return how many rows it changed."""
        return await self._lane.run(lambda connection: connection.execute(statement, parameters).rowcount)


class Database:
    """The database of one data folder.  Open with `Database.open`, close with `close`."""

    def __init__(self, path: Path, wall: Callable[[], datetime]) -> None:
        self.path = path
        self.wall = wall
        self._turns = Turns()
        self._writing = _engine(path, "BEGIN IMMEDIATE", connections=1)
        self._reading = _engine(path, "BEGIN", connections=_READERS)
        self._writer = Lane(self._writing)
        self._readers = [Lane(self._reading) for _ in range(_READERS)]
        self._free: asyncio.LifoQueue[Lane] = asyncio.LifoQueue()
        for lane in self._readers:
            self._free.put_nowait(lane)
        self._looking: sqlite3.Connection | None = None

    @classmethod
    async def open(cls, path: Path, wall: Callable[[], datetime] = wall_now) -> Self:
        """Create or open the file at `path` and bring its tables up to date.

        `wall` is the database's clock: SQLite has none of its own, so the machine's.
        """
        database = cls(path, wall)
        try:
            async with database.transaction() as tx:
                await tx.run(upgrade)
        except BaseException:
            await database.close()
            raise
        return database

    @classmethod
    async def attach(cls, path: Path, wall: Callable[[], datetime] = wall_now) -> Self:
        """Open a file that another process may be serving, and leave its tables as they are.

        Raises `Refused`: `no_database`, `storage_too_old`, `storage_too_new`.
        """
        if not os.path.isfile(path):  # noqa: ASYNC240 - one look at the disk, before anything runs
            raise Refused("no_database", 404, {"file": str(path)})
        database = cls(path, wall)
        try:
            async with database.reading() as reading:
                await reading.run(require_current)
        except BaseException:
            await database.close()
            raise
        return database

    @asynccontextmanager
    async def transaction(self, place: Place = Place.ORDINARY) -> AsyncIterator[Transaction]:
        """Write alone; commit at the end of the block, roll back if it raises.

        Nothing is awaited between the end of the turn and the end of the block, so what follows the block
        runs before any other transaction begins.
        Raises `Refused`: `storage_full` when the disk is, `storage_away` when the file cannot be used.
        """
        await self._turns.take(place)
        try:
            await self._writer.run(_begun)
            yield Transaction(self._writer, self.wall())
            await self._writer.commit()
        except DBAPIError as error:
            self._writer.leave()
            raise _translated(error) from error
        except BaseException:
            self._writer.leave()
            raise
        finally:
            self._turns.release()

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Do `work` in a transaction and return its result, in one step of the writer's thread.

        For what is done often: `work` awaits nothing but the transaction, and changes nothing else.
        Cancelled, it is done nevertheless; shield what has to follow.  Raises like `transaction`.
        """
        await self._turns.take(Place.ORDINARY)
        try:
            return await self._writer.whole(lambda runs: work(Transaction(runs, self.wall())))
        except DBAPIError as error:
            self._writer.leave()
            raise _translated(error) from error
        except BaseException:
            self._writer.leave()
            raise
        finally:
            self._turns.release()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        """Read a snapshot; raises like `transaction`."""
        lane = await self._free.get()
        try:
            yield Reading(lane, self.wall())
        except DBAPIError as error:
            raise _translated(error) from error
        finally:
            lane.leave()
            self._free.put_nowait(lane)

    def version(self) -> int:
        """Return a number that stays the same until something is committed, by any process.

        Read from shared memory in some microseconds, so it may be asked often and from the event loop.
        Raises `Refused` storage_away.  Source: SQLite, PRAGMA data_version.
        """
        try:
            if self._looking is None:
                self._looking = sqlite3.connect(self.path, timeout=0, isolation_level=None)
            return int(self._looking.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise Refused("storage_away", 503) from error

    async def close(self) -> None:
        """Let the transaction that runs end, then close the file."""
        await self._turns.take(Place.ORDINARY)
        try:
            if self._looking is not None:
                self._looking.close()
            for lane in (*self._readers, self._writer):
                await lane.close()
            self._reading.dispose()
            self._writing.dispose()
        finally:
            self._turns.release()


def _begun(_connection: Connection) -> None:
    """Ask for nothing but the beginning."""


def _engine(path: Path, begin: str, connections: int) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_reset_on_return="rollback",
        hide_parameters=True,  # what people wrote and who they are is not for the log
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # The driver's own implicit BEGIN is deferred and would let two writers read the same past.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "cache_size=-2000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _translated(error: DBAPIError) -> Exception:
    """Return what a reader may be told of `error`, or `error` itself when it is a bug of ours."""
    original = error.orig
    name = getattr(original, "sqlite_errorname", "") if isinstance(original, sqlite3.Error) else ""
    if name.startswith("SQLITE_FULL"):
        return Refused("storage_full", 503)
    if name.startswith(_AWAY):
        return Refused("storage_away", 503)
    return error
