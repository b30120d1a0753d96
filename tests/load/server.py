"""The measured process: room-server with its production settings, and what the kernel says about it.

serving(wanted)    `room-server serve` started on an empty data folder, then given the wanted sessions
demonstrating(…)   `room-server demo`, whose automated session plays real film
"""

from __future__ import annotations

import asyncio
import json
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
_LONGEST_LINE = 16 << 20
_PEOPLE_PER_ROOM = 2_000
_JOINS_PER_MINUTE = 12_000


@dataclass(frozen=True, slots=True)
class Session:
    """`starts_at` is None where the bench does not need it."""

    host: str
    participants: tuple[str, ...]
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """`pid` is the whole server; sessions hold links, in the order in which they were wanted."""

    pid: int
    sessions: tuple[Session, ...]

    def cpu_ns(self) -> int:
        return cpu_ns(self.pid)

    def rss_kb(self) -> int:
        return rss_kb(Path(f"/proc/{self.pid}/status").read_text())


def rss_kb(status: str) -> int:
    """Resident memory by the text of `/proc/PID/status`."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise ValueError("no VmRSS: the process has ended")
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
            furnished = await furnish(settings.database_path, server_key(settings.data_dir, None), wanted)
            yield Server(process.pid, tuple(_with_links(origin, one) for one in furnished))


@asynccontextmanager
async def demonstrating(participants: int, starts_in_s: int) -> AsyncIterator[Server]:
    """Run `room-server demo`; its one session here is the automated one."""
    with tempfile.TemporaryDirectory(prefix="room-server-bench-") as folder:
        arguments = (
            *("demo", "--json", "--port", "0", "--udp-port", "0", "--data-dir", f"{folder}/data"),
            *("--participants", str(participants), "--starts-in", str(starts_in_s)),
        )
        async with _running(Path(folder), arguments, {}) as process:
            yield read_ready(await _ready_line(process))


def read_ready(line: str) -> Server:
    """Read what `room-server demo --json` prints when it is ready: its automated sessions."""
    told = json.loads(line)
    return Server(
        pid=told["pid"],
        sessions=tuple(
            Session(
                host=session["links"]["host"][0],
                participants=tuple(session["links"]["participant"]),
                starts_at=datetime.fromisoformat(session["starts_at"]),
            )
            for session in told["sessions"]
            if session["room_type"] == "automated"
        ),
    )


def _with_links(origin: str, furnished: Furnished) -> Session:
    host, *participants = (f"{origin}/a/{token}" for token in (furnished.host, *furnished.participants))
    return Session(host, tuple(participants))


@asynccontextmanager
async def _running(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROOM_")}
    if "ROOM_DEMO_FILM" in os.environ:
        inherited["ROOM_DEMO_FILM"] = os.environ["ROOM_DEMO_FILM"]
    log = folder / "server.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("room-server"),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=inherited | dict(environment),
            limit=_LONGEST_LINE,
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


async def _ready_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(READY_WITHIN_S):
        async for line in process.stdout:
            if line.startswith(b"{"):
                return line.decode()
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
