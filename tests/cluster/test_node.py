"""A node's right to act: one process a data folder, an epoch a start, a deadline within the lease."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from room_server.cluster.folder import hold
from room_server.cluster.lease import LASTS_S, MARGIN_S, Lease
from room_server.errors import Refused
from room_server.ids import NodeId
from room_server.storage import Database
from tests.kit.clock import FakeClock

ONE = NodeId("one")
NS = 1_000_000_000


class Silence:
    """Stands for the media engine."""

    def __init__(self) -> None:
        self.deadline_ns: int | None = None

    def set_deadline(self, monotonic_ns: int | None) -> None:
        self.deadline_ns = monotonic_ns


@pytest.fixture
async def database(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "room.sqlite3", clock.wall)
    yield opened
    await opened.close()


async def test_each_start_begins_a_new_epoch_at_once(database: Database, clock: FakeClock) -> None:
    first = await Lease.begin(database, clock, ONE)
    second = await Lease.begin(database, clock, ONE)
    assert (first.current().epoch, second.current().epoch) == (1, 2)


async def test_the_deadline_counts_from_before_the_renewal(database: Database, clock: FakeClock) -> None:
    begun_ns = clock.monotonic_ns()
    lease = await Lease.begin(database, clock, ONE)
    engine = Silence()
    lease.silence(engine)
    assert engine.deadline_ns == begun_ns + int((LASTS_S - MARGIN_S) * NS)

    clock.advance(2)
    await lease.renew()
    assert engine.deadline_ns == begun_ns + int((2 + LASTS_S - MARGIN_S) * NS)


async def test_past_its_deadline_a_node_takes_nobody_until_it_renews(
    database: Database, clock: FakeClock
) -> None:
    lease = await Lease.begin(database, clock, ONE)
    clock.advance(LASTS_S - MARGIN_S - 0.01)
    lease.current()
    clock.advance(0.02)
    with pytest.raises(Refused) as refused:
        lease.current()
    assert refused.value.code == "node_away"

    await lease.renew()
    assert lease.current().epoch == 1, "renewed late with its epoch unchanged, it goes on as before"


async def test_a_node_whose_epoch_was_raised_is_lost_and_falls_silent(
    database: Database, clock: FakeClock
) -> None:
    lease = await Lease.begin(database, clock, ONE)
    engine, lost = Silence(), []

    async def on_lost() -> None:
        lost.append(True)

    lease.on_lost = on_lost
    lease.silence(engine)
    await Lease.begin(database, clock, ONE)
    clock.advance(1)

    await lease.renew()

    assert lost == [True]
    assert engine.deadline_ns is not None
    assert engine.deadline_ns <= clock.monotonic_ns()
    with pytest.raises(Refused):
        lease.current()


async def test_a_database_that_cannot_be_used_does_not_prolong_the_deadline(
    database: Database, clock: FakeClock
) -> None:
    lease = await Lease.begin(database, clock, ONE)
    engine = Silence()
    lease.silence(engine)
    before = engine.deadline_ns
    async with database.transaction() as tx:
        await tx.execute(text("PRAGMA query_only=ON"))
    clock.advance(2)

    await lease.renew()

    assert engine.deadline_ns == before


async def test_a_full_disk_does_not_silence_who_holds_the_folder(
    database: Database, clock: FakeClock
) -> None:
    """Nobody else can act on the folder, so the room goes on; what cannot be stored is refused one by one."""
    lease = await Lease.begin(database, clock, ONE)
    engine = Silence()
    lease.silence(engine)
    before = engine.deadline_ns
    assert before is not None
    grow = "CREATE TRIGGER grow BEFORE UPDATE ON node BEGIN INSERT INTO big VALUES (zeroblob(9999999)); END"
    async with database.transaction() as tx:
        await tx.execute(text("CREATE TABLE big (what BLOB)"))
        await tx.execute(text(grow))
    async with database.transaction() as tx:
        await tx.execute(text("PRAGMA max_page_count=100"))
    clock.advance(2)

    await lease.renew()

    assert engine.deadline_ns == before + 2 * NS


def test_a_data_folder_has_one_holder(tmp_path: Path) -> None:
    held = hold(tmp_path / "data")
    program = (
        "import sys; from pathlib import Path; from room_server.cluster.folder import hold\n"
        "from room_server.errors import Refused\n"
        "try: hold(Path(sys.argv[1]))\n"
        "except Refused as refused: print(refused.code, refused.facts['pid'])\n"
        "else: print('held')"
    )

    def another() -> str:
        command = [sys.executable, "-c", program, str(tmp_path / "data")]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    assert another() == f"data_folder_in_use {os.getpid()}"
    held.release()
    assert another() == "held"
    hold(tmp_path / "data").release()


def test_a_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    hold(tmp_path / "data").release()
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Refused) as refused:
        hold(tmp_path / "file" / "data")
    assert refused.value.code == "data_folder_unusable"
