"""The data folder belongs to one process: an OS lock that dies with its holder, however that ends.

Invariant: while a `Folder` is held, no other process holds it; a crash leaves nothing to clean up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from room_server.errors import Refused

_FILE = "lock"


class Folder:
    """A data folder that this process holds."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def release(self) -> None:
        os.close(self._descriptor)


def hold(path: Path) -> Folder:
    """Make the folder if it is missing, and hold it until `release` or the end of the process.

    Raises `Refused`: `data_folder_in_use` with `folder` and the holder's `pid`; `data_folder_unusable`.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        facts = {"folder": str(path), "reason": error.strerror or str(error)}
        raise Refused("data_folder_unusable", 503, facts) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "?"
        os.close(descriptor)
        facts = {"folder": str(path), "pid": holder, "setting": "ROOM_DATA_DIR"}
        raise Refused("data_folder_in_use", 503, facts) from error
    with contextlib.suppress(OSError):  # the number only helps a reader; a full disk must not stop a start
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return Folder(path, descriptor)
