"""A real PostgreSQL on loopback, and what stores need of a database: transactions and readings on it."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from room_server.storage import Reading, Transaction
from room_server.storage.lane import Lane, T
from tests.kit.patience import PATIENCE_S

ADDRESS = "127.0.0.1"
OWNER = "room"


class PostgresDatabase:
    """One node's way to the database, with the faces of `room_server.storage.Database` that features use."""

    def __init__(self, engine: Engine, wall: Callable[[], datetime]) -> None:
        self.engine = engine
        self.wall = wall
        self._versions = itertools.count()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        lane = Lane(self.engine)
        try:
            yield Transaction(lane, self.wall())
            await lane.commit()
        finally:
            await lane.close()

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async with self.transaction() as tx:
            return await work(tx)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        async with self.transaction() as tx:
            yield tx

    def version(self) -> int:
        """Return another number each time: it tells no commits, so whoever looks has to ask."""
        return next(self._versions)


@contextmanager
def postgres() -> Iterator[Engine]:
    """Run a server until the end of the block; return an engine on an empty database of it."""
    folder = Path(tempfile.mkdtemp(prefix="room-server-postgres-"))
    port, owner = _free_port(), _owner()
    if owner is not None:
        shutil.chown(folder, owner, owner)
    log = folder / "log"
    _run(["initdb", "--auth=trust", f"--username={OWNER}", "--no-sync", f"--pgdata={folder}/data"], owner)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                _program("postgres"),
                *("-D", f"{folder}/data", "-p", str(port), "-h", ADDRESS),
                *("-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "shared_buffers=16MB"),
            ],
            stdout=output,
            stderr=output,
            user=owner,
            cwd=folder,
        )
    engine = create_engine(f"postgresql+pg8000://{OWNER}@{ADDRESS}:{port}/postgres")
    try:
        _until_it_answers(engine, process, log)
        yield engine
    finally:
        engine.dispose()
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _until_it_answers(engine: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
            return
        except SQLAlchemyError:
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.05)


def _program(name: str) -> str:
    found = shutil.which(name) or max(
        map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None
    )
    assert found is not None, "PostgreSQL is missing: make .cache/peers"
    return found


def _owner() -> str | None:
    """Return as whom it runs: PostgreSQL refuses to be root's."""
    if os.getuid() != 0:
        return None
    return pwd.getpwnam("postgres").pw_name


def _run(command: list[str], owner: str | None) -> None:
    done = subprocess.run(
        [_program(command[0]), *command[1:]], capture_output=True, text=True, check=False, user=owner, cwd="/"
    )
    assert done.returncode == 0, done.stderr


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
