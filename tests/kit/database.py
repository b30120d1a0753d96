"""A database with every table and no row, made once a run and copied, so that tests need not migrate."""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path

from room_server.storage import Database


async def migrated() -> Path:
    """Return the file to copy."""
    path = Path(tempfile.gettempdir()) / f"room-server-tests-{os.getpid()}.sqlite"
    if not path.exists():
        await (await Database.open(path)).close()
        atexit.register(path.unlink)
    return path
