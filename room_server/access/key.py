"""The server key's place: given by the operator, or a file of the data folder that only its owner reads.

Invariant: a key once made is never replaced; all links of the data folder depend on it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from room_server.access.tokens import KEY_BYTES, ServerKey
from room_server.errors import Refused

_FILE = "server.key"


def server_key(folder: Path, given: str | None, sync: Callable[[int], None] = os.fsync) -> ServerKey:
    """Return the operator's key, or the folder's, made at first, and on disk before any link depends on it.

    Raises `Refused("server_key_unusable")` when the file is too short or open to others.
    """
    if given is not None:
        return ServerKey(given.encode())
    path = folder / _FILE
    with contextlib.suppress(FileExistsError):
        _make(path, sync)
    if path.stat().st_mode & 0o077:
        raise Refused("server_key_unusable", 503, {"file": str(path), "reason": "readable by others"})
    secret = path.read_text(encoding="ascii").strip().encode()
    if len(secret) < KEY_BYTES:
        raise Refused("server_key_unusable", 503, {"file": str(path), "reason": "too short"})
    return ServerKey(secret)


def _make(path: Path, sync: Callable[[int], None]) -> None:
    """Write a new key, whole or not at all; raise `FileExistsError` when there is one."""
    if path.exists():
        raise FileExistsError(path)
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(KEY_BYTES) + "\n")
        file.flush()
        sync(file.fileno())
    os.replace(draft, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(folder)
    finally:
        os.close(folder)
