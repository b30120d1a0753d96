"""Migrations make the tables that the code describes; a later version's file is refused."""

from __future__ import annotations

import importlib
import pkgutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Table, text

import room_server
from room_server.accounts.service import check_host_access
from room_server.errors import Refused
from room_server.ids import WorkspaceId
from room_server.storage import Database, metadata
from room_server.storage.migrate import known_revisions

ACCOUNT_TABLES = (
    "provider_sign_in",
    "identity_offer",
    "provider_visit",
    "access_request",
    "mailed_link",
    "invitation",
    "membership",
    "sign_in",
    "account_identity",
    "account",
)


def import_all_stores() -> None:
    for found in pkgutil.walk_packages(room_server.__path__, "room_server."):
        if found.name.endswith(".store"):
            importlib.import_module(found.name)


def differences(connection: Connection) -> list[object]:
    def ours(thing: object, _name: object, kind: str, _reflected: object, _other: object) -> bool:
        return not (kind == "table" and isinstance(thing, Table) and thing.info.get("only_in_tests"))

    context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
    return [found for found in compare_metadata(context, metadata) if "alembic_version" not in str(found)]


async def test_migrations_make_the_tables_that_the_stores_describe(tmp_path: Path) -> None:
    import_all_stores()
    database = await Database.open(tmp_path / "room.sqlite3")
    async with database.transaction() as tx:
        found = await tx.run(differences)
    await database.close()
    assert found == []


async def test_a_difference_would_be_found(tmp_path: Path) -> None:
    import_all_stores()
    database = await Database.open(tmp_path / "room.sqlite3")
    async with database.transaction() as tx:
        await tx.execute(text("ALTER TABLE workspace ADD COLUMN colour VARCHAR"))
        found = await tx.run(differences)
    await database.close()
    assert "colour" in str(found)


async def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "room.sqlite3"
    for _ in range(2):
        await (await Database.open(path)).close()
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (known_revisions()[-1],)
        ]
    file.close()


async def test_messages_of_before_are_never_less_private_than_they_were(tmp_path: Path) -> None:
    """AUT-30: what was held may have been written to the team alone."""
    path = tmp_path / "room.sqlite3"
    await (await Database.open(path)).close()
    with sqlite3.connect(path) as file:
        for table in (*ACCOUNT_TABLES, "job", "mail"):
            file.execute(f"DROP TABLE {table}")
        for column in ("hosts_since", "team_changes"):
            file.execute(f"ALTER TABLE workspace DROP COLUMN {column}")
        file.execute("ALTER TABLE message DROP COLUMN mode")
        file.execute("UPDATE alembic_version SET version_num = '0004_stage_places'")
        for state in ("held", "rejected", "published"):
            file.execute(
                "INSERT INTO message"
                " (id, session_id, author_id, key, author_name, by_team, text, state, sent_at)"
                " VALUES (?, 's', 'a', ?, 'Ann', 0, 'Hello', ?, '2026-03-04 12:00:00.000000')",
                (state, state, state),
            )
    file.close()

    await (await Database.open(path)).close()

    with sqlite3.connect(path) as file:
        modes = dict(file.execute("SELECT state, mode FROM message").fetchall())
    file.close()
    assert modes == {"held": "reply_later", "rejected": "reply_later", "published": "open"}


async def test_a_database_of_a_later_version_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "room.sqlite3"
    await (await Database.open(path)).close()
    with sqlite3.connect(path) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999_future'")
    file.close()
    before = path.read_bytes()

    with pytest.raises(Refused) as refused:
        await Database.open(path)

    assert refused.value.code == "storage_too_new"
    assert refused.value.facts["found"] == "9999_future"
    assert path.read_bytes() == before


async def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "room.sqlite3"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE access_link (id VARCHAR)")  # in the way of the first migration
    file.close()

    with pytest.raises(Exception, match="access_link"):
        await Database.open(path)

    with sqlite3.connect(path) as file:
        tables = {row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    file.close()
    assert tables == {"access_link"}


def test_migrations_are_named_after_their_revisions_and_follow_each_other() -> None:
    folder = Path(room_server.__file__).parent / "storage/migrations/versions"
    after = None
    for name in known_revisions():
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert (module.revision, module.down_revision) == (name, after)
        after = name


async def test_a_workspace_of_before_may_host(tmp_path: Path) -> None:
    """GOV-5: only the operator made any, so host access was granted."""
    path = tmp_path / "room.sqlite3"
    await (await Database.open(path)).close()
    with sqlite3.connect(path) as file:
        for table in ACCOUNT_TABLES:
            file.execute(f"DROP TABLE {table}")
        for column in ("hosts_since", "team_changes"):
            file.execute(f"ALTER TABLE workspace DROP COLUMN {column}")
        file.execute("INSERT INTO workspace VALUES ('w', 'Before', '2026-01-02 03:04:05.000000')")
        file.execute("UPDATE alembic_version SET version_num = '0006_jobs'")
    database = await Database.open(path)
    async with database.reading() as reading:
        await check_host_access(reading, WorkspaceId("w"))
    await database.close()
