"""Migrating in a process of its own: the same tables, the same refusals, nothing left in memory."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from room_server.errors import Refused
from room_server.storage import Database, migrate
from room_server.storage.migrate import known_revisions
from room_server.storage.upgrade_process import upgrade_apart
from tests.kit.patience import PATIENCE_S

OURS = """
import asyncio, sys
from pathlib import Path
from room_server.storage import Database
from room_server.storage.upgrade_process import upgrade_apart
async def main(path):
    await upgrade_apart(path)
    await (await Database.open(path)).close()
asyncio.run(main(Path(sys.argv[1])))
print("alembic" in sys.modules)
"""


def revision(path: Path) -> str:
    with sqlite3.connect(path) as file:
        found = file.execute("SELECT version_num FROM alembic_version").fetchone()
    file.close()
    return str(found[0])


def migrate_to(path: Path, target: str) -> None:
    """Make a file as an earlier version of the program left it."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "newline")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, target)
    engine.dispose()


async def test_a_new_file_gets_its_tables_and_the_caller_never_meets_alembic(tmp_path: Path) -> None:
    path = tmp_path / "room.sqlite3"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OURS, str(path), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(child.communicate(), PATIENCE_S)
    assert (child.returncode, said.decode().strip()) == (0, "False")
    assert revision(path) == known_revisions()[-1]


async def test_an_older_file_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "room.sqlite3"
    migrate_to(path, "0002_room")
    with sqlite3.connect(path) as file:
        file.execute("INSERT INTO workspace VALUES ('one', 'Ours', '2026-01-01 00:00:00')")
    file.close()

    await upgrade_apart(path)

    assert revision(path) == known_revisions()[-1]
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT name FROM workspace").fetchall() == [("Ours",)]
    file.close()


async def test_a_file_that_is_up_to_date_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "room.sqlite3"
    await upgrade_apart(path)
    before = path.read_bytes()
    await upgrade_apart(path)
    assert path.read_bytes() == before


async def test_a_file_of_a_later_version_is_refused_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "room.sqlite3"
    await upgrade_apart(path)
    with sqlite3.connect(path) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999_future'")
    file.close()
    with pytest.raises(Refused) as refused:
        await upgrade_apart(path)
    assert (refused.value.code, refused.value.facts["found"]) == ("storage_too_new", "9999_future")


async def test_what_the_process_is_refused_its_caller_is_refused(tmp_path: Path) -> None:
    """A folder that nobody can make a file in: the code, the status and the facts come back."""
    path = tmp_path / "nowhere" / "room.sqlite3"
    with pytest.raises(Refused) as ours:
        await Database.open(path)
    with pytest.raises(Refused) as theirs:
        await upgrade_apart(path)
    assert (theirs.value.code, theirs.value.status) == (ours.value.code, ours.value.status)


async def test_a_migration_that_fails_is_an_error_and_leaves_the_file_as_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "room.sqlite3"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE access_link (id VARCHAR)")  # in the way of the first migration
    file.close()
    with pytest.raises(RuntimeError, match="migration ended with 1"):
        await upgrade_apart(path)
    assert "access_link" in capfd.readouterr().err
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [
            ("access_link",)
        ]
    file.close()


async def test_a_file_that_another_process_may_serve_is_attached_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "room.sqlite3"
    with pytest.raises(Refused) as refused:
        await Database.attach(path)
    assert refused.value.code == "no_database"
    assert not path.exists()

    await upgrade_apart(path)
    with sqlite3.connect(path) as file:
        file.execute("UPDATE alembic_version SET version_num = '0002_room'")
    file.close()
    with pytest.raises(Refused) as refused:
        await Database.attach(path)
    assert (refused.value.code, refused.value.facts["found"]) == ("storage_too_old", "0002_room")
    assert revision(path) == "0002_room"
