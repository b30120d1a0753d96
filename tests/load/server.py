"""The measured process: room-server with its production settings, and what the kernel says about it.

serving(wanted)    `room-server serve` started on an empty data folder, then given the wanted sessions
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp

from room_server.access.key import server_key
from room_server.config import Settings
from tests.load.machine import cpu_ns
from tests.load.progress import say
from tests.load.route import LOOPBACK, Route
from tests.load.workspace import Furnished, Wanted, furnish

READY_WITHIN_S = 120
_PEOPLE_PER_ROOM = 2_000
_JOINS_PER_MINUTE = 12_000


@dataclass(frozen=True, slots=True)
class Session:
    """A session with the links of its one host and of its participants."""

    starts_at: datetime
    host: str
    participants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """`pid` is the whole server; sessions hold links, in the order in which they were wanted."""

    pid: int
    sessions: tuple[Session, ...]

    def cpu_ns(self) -> int:
        return cpu_ns(self.pid)

    def rss_kb(self) -> int:
        return rss_kb(self._status())

    def threads(self) -> int:
        return threads(self._status())

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def _status(self) -> str:
        return Path(f"/proc/{self.pid}/status").read_text()


def rss_kb(status: str) -> int:
    """Resident memory by the text of `/proc/PID/status`."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise ValueError("no VmRSS: the process has ended")
    return int(found[1])


def threads(status: str) -> int:
    """Threads by the text of `/proc/PID/status`."""
    found = re.search(r"^Threads:\s+(\d+)$", status, re.MULTILINE)
    if found is None:
        raise ValueError("no Threads: not a status file")
    return int(found[1])


@asynccontextmanager
async def serving(wanted: Sequence[Wanted], route: Route = LOOPBACK) -> AsyncIterator[Server]:
    """Run `room-server serve` on a new data folder, then plan these sessions; ended with SIGTERM.

    Its settings are the defaults, but that everybody joins from one address.
    """
    with tempfile.TemporaryDirectory(prefix="room-server-bench-") as folder:
        settings = Settings(
            data_dir=Path(folder), host=route.server, port=free_port(), udp_port=0, metrics_port=free_port()
        )
        environment = {
            "ROOM_DATA_DIR": folder,
            "ROOM_HOST": settings.host,
            "ROOM_PEOPLE_PER_ROOM": str(_PEOPLE_PER_ROOM),
            "ROOM_JOINS_PER_MINUTE": str(_JOINS_PER_MINUTE),
            "ROOM_PORT": str(settings.port),
            "ROOM_UDP_PORT": "0",
            "ROOM_METRICS_PORT": str(settings.metrics_port),
        }
        async with _running(Path(folder), ("serve",), environment) as process:
            origin = f"http://{settings.host}:{settings.port}"
            await _until_ready(process, f"{origin}/readyz")
            # Only now: what a first start leaves in memory is in every figure.
            furnished = await furnish(settings, server_key(settings.data_dir, None), wanted)
            yield Server(process.pid, tuple(_with_links(origin, one) for one in furnished))


def _with_links(origin: str, furnished: Furnished) -> Session:
    host, *participants = (f"{origin}/a/{token}" for token in (furnished.host, *furnished.participants))
    return Session(furnished.starts_at, host, tuple(participants))


@asynccontextmanager
async def _running(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROOM_")}
    log = folder / "server.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("room-server"),
            *arguments,
            stdout=errors,
            stderr=errors,
            env=inherited | dict(environment),
        )
    try:
        yield process
    except BaseException:
        say(f"  the server's last words:\n{last_words(log)}")
        raise
    finally:
        await end_process(process)


async def _until_ready(process: asyncio.subprocess.Process, address: str) -> None:
    async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as http:
        while process.returncode is None:
            with suppress(aiohttp.ClientError):
                async with http.get(address) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.1)
    raise RuntimeError("the server did not start")


def last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-2_000:]


async def end_process(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(15):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
