"""Checks of the clock, the disk, the database and the codecs."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from room_server.config import Settings
from room_server.doctor.finding import Finding, fail, ok, warn
from room_server.storage.migrate import known_revisions

_UNSYNCHRONISED = 5
_LITTLE_BYTES = 1 << 30
_TOO_LITTLE_BYTES = 100 << 20
_CODECS = ("libx264", "libvpx", "libopus")
_CODECS_WITHIN_S = 30


def clock() -> Finding:
    """Whether the kernel says that the wall clock is kept in time (adjtimex(2))."""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return warn("clock", "unknown")
    if state < 0:
        return warn("clock", "unknown")
    return warn("clock", "adrift") if state == _UNSYNCHRONISED else ok("clock")


def disk(settings: Settings) -> Finding:
    """Whether the data folder can be written and has room."""
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"\0" * 4_096)
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return fail("disk", "unusable", folder=str(folder), reason=error.strerror or str(error))
    facts: dict[str, Any] = {"folder": str(folder), "free_mb": free >> 20}
    if free < _TOO_LITTLE_BYTES:
        return fail("disk", "full", **facts)
    return warn("disk", "little", **facts) if free < _LITTLE_BYTES else ok("disk", **facts)


def database(settings: Settings) -> Finding:
    """Whether the database is whole and of a version that this program knows."""
    path = settings.database_path
    if not path.exists():
        return ok("database", "new", file=str(path))
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2) as connection:
            whole = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.close()
    except sqlite3.Error as error:
        return fail("database", "unusable", file=str(path), reason=str(error))
    if whole != "ok":
        return fail("database", "damaged", file=str(path), reason=whole)
    known = known_revisions()
    if found is None or found[0] not in known:
        return fail("database", "too_new", file=str(path), found=found and found[0], known=known[-1])
    if found[0] != known[-1]:
        return ok("database", "older", file=str(path), found=found[0])
    return ok("database", file=str(path))


def codecs() -> Finding:
    """Whether PyAV can encode what rooms are sent, asked in a process of its own."""
    program = (
        "import av, sys\n"
        f"missing = [name for name in {_CODECS!r} if name not in av.codecs_available]\n"
        "print(','.join(missing)); sys.exit(bool(missing))"
    )
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and our own words
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=_CODECS_WITHIN_S,
            check=False,
            cwd=Path(__file__).parents[2],
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return fail("codecs", "unusable", reason=str(error))
    if done.returncode == 0:
        return ok("codecs", codecs=", ".join(_CODECS))
    reason = done.stdout.strip() or (done.stderr.strip().splitlines() or ["?"])[-1]
    return fail("codecs", "missing", reason=reason)
