"""An INSERT that leaves alone what is there."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects.sqlite import Insert, insert


def insert_new(table: Table) -> Insert:
    """Return an INSERT that changes nothing when a row of the same key is there.

    SQLite took `ON CONFLICT DO NOTHING` from PostgreSQL, and SQLAlchemy writes both alike.
    """
    return insert(table).on_conflict_do_nothing()
