"""How this machine kept up while a test both sent and received, so that its slowness blames nobody."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from room_server.probe.pulse import EVERY_S, Pulse

TOO_SLOW_S: Final = 4.0


class Strain:
    """What the process itself added: `stalled_ms` not running, `dropped` datagrams it came too late for."""

    def __init__(self) -> None:
        self._pulse = Pulse()
        self._drops: dict[str, int] = {}

    @property
    def stalled_ms(self) -> float:
        return self._pulse.stalled_s() * 1000

    @property
    def dropped(self) -> int:
        return sum(self._drops.values())

    async def watch(self) -> None:
        """Watch until cancelled."""
        beating = asyncio.create_task(self._pulse.run())
        try:
            while True:
                self._drops |= dropped_by_socket()
                await asyncio.sleep(EVERY_S)
        finally:
            beating.cancel()


@asynccontextmanager
async def strain() -> AsyncIterator[Strain]:
    """Watch the machine for the length of the block; fail for its slowness when that was beyond judging."""
    watched = Strain()
    watching = asyncio.create_task(watched.watch())
    try:
        yield watched
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    if watched.stalled_ms > TOO_SLOW_S * 1000:
        pytest.fail(f"machine too slow: the test itself did not run for {watched.stalled_ms:.0f} ms")


def dropped_by_socket() -> dict[str, int]:
    """Datagrams that the kernel dropped before this process read them, by the inode of its socket."""
    ours = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            ours.add(os.readlink(f"/proc/self/fd/{descriptor}").removeprefix("socket:[").rstrip("]"))
    tables = [Path(f"/proc/net/{name}").read_text() for name in ("udp", "udp6")]
    sockets = [line.split() for table in tables for line in table.splitlines()]
    return {fields[9]: int(fields[-1]) for fields in sockets if fields[9] in ours}
