"""Bring the tables up to date at the start of the process, with alembic, in the caller's transaction.

Invariant: either every missing migration is applied or none; a database newer than this program is refused.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from room_server.errors import Refused

_MIGRATIONS = Path(__file__).with_name("migrations")


def known_revisions() -> list[str]:
    """Return every revision of this program, oldest first: a migration's file is named after its revision."""
    return sorted(path.stem for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def upgrade(connection: Connection) -> None:
    """Apply what is missing.  Raises `Refused("storage_too_new")` for a file of a later version."""
    known = known_revisions()
    current = _current(connection)
    if current == known[-1]:
        return  # alembic stays out of a process that has nothing to migrate
    if current is not None and current not in known:
        raise Refused("storage_too_new", 503, {"found": current, "known": known[-1]})
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    command.upgrade(config, "head")


def require_current(connection: Connection) -> None:
    """Raise `Refused` storage_too_new or storage_too_old unless the tables are as this program knows them."""
    known, current = known_revisions(), _current(connection)
    if current != known[-1]:
        code = "storage_too_old" if current is None or current in known else "storage_too_new"
        raise Refused(code, 503, {"found": current or "-", "known": known[-1]})


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
