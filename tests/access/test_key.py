"""The server key's file."""

from __future__ import annotations

import os
from pathlib import Path

from room_server.access.key import server_key


def test_a_new_key_is_on_disk_with_its_name_before_it_is_used(tmp_path: Path) -> None:
    """Links outlive a power failure right after the first start."""
    synced: list[tuple[Path, list[str]]] = []

    def sync(descriptor: int) -> None:
        synced.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")), os.listdir(tmp_path)))

    server_key(tmp_path, None, sync)

    assert synced == [(tmp_path / "server.new", ["server.new"]), (tmp_path, ["server.key"])]
    again = server_key(tmp_path, None, sync)
    assert len(synced) == 2
    assert again == server_key(tmp_path, None)
