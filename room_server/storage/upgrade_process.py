"""Bringing the tables up to date in a process of its own, so that what migrates leaves no memory behind.

    python -m room_server.storage.upgrade_process FILE     0 done; 3 refused, with the refusal on stdout

Invariant: a file that is up to date costs no process.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from room_server.errors import Refused
from room_server.storage.database import Database

_REFUSED = 3
_TO_DO = ("no_database", "storage_too_old")


async def upgrade_apart(path: Path) -> None:
    """Make or migrate the tables of the file at `path`, if need be.  Raises `Refused` as `Database.open`."""
    if await _is_current(path):
        return
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, os.fspath(path), stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await child.communicate()
    except asyncio.CancelledError:
        child.terminate()  # the migration is one transaction: it is whole or it was not
        await child.wait()
        raise
    if child.returncode == _REFUSED:
        refusal = json.loads(said)
        raise Refused(refusal["code"], refusal["status"], refusal["facts"])
    if child.returncode != 0:
        raise RuntimeError(f"the migration ended with {child.returncode}; its own words stand above")


async def _is_current(path: Path) -> bool:
    try:
        database = await Database.attach(path)
    except Refused as refused:
        if refused.code in _TO_DO:
            return False
        raise
    await database.close()
    return True


async def _upgrade(path: Path) -> None:
    await (await Database.open(path)).close()


def main(path: Path) -> int:
    """Migrate here."""
    try:
        asyncio.run(_upgrade(path))
    except Refused as refused:
        facts = {name: str(fact) for name, fact in refused.facts.items()}
        json.dump({"code": refused.code, "status": refused.status, "facts": facts}, sys.stdout)
        return _REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
