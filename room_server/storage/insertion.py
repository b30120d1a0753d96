"""An INSERT that leaves alone what is there, in the words that SQLite and PostgreSQL share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Insert, Table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class _InsertNew(Insert):
    inherit_cache = True


@compiles(_InsertNew)
def _compiled(insert: _InsertNew, compiler: SQLCompiler, **how: Any) -> str:
    words: str = compiler.visit_insert(insert, **how)  # type: ignore[no-untyped-call]
    return f"{words} ON CONFLICT DO NOTHING"


def insert_new(table: Table) -> Insert:
    """Return an INSERT that changes nothing when a row of the same key is there; it gives its own ids."""
    return _InsertNew(table)
