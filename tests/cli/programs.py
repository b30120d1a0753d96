"""The command as a person runs it: in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.patience import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str


def environment(**variables: str) -> dict[str, str]:
    """Return a clean environment with these `ROOM_*` variables, in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROOM_")}
    return kept | {"LC_ALL": "C.UTF-8"} | variables


async def run(*arguments: str, folder: Path, **variables: str) -> Done:
    """Run `room-server` to its end in `folder`."""
    child = await start(arguments, folder, variables)
    try:
        out, err = await asyncio.wait_for(child.communicate(), PATIENCE_S)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return Done(child.returncode or 0, out.decode(), err.decode())


@dataclass(slots=True)
class Demo:
    """A demo that runs; `said` is its line of JSON."""

    child: asyncio.subprocess.Process
    said: dict[str, Any]

    async def stop(self, number: signal.Signals = signal.SIGINT) -> Done:
        self.child.send_signal(number)
        out, err = await asyncio.wait_for(self.child.communicate(), PATIENCE_S)
        assert self.child.returncode is not None
        return Done(self.child.returncode, out.decode(), err.decode())


@asynccontextmanager
async def demo(*arguments: str, folder: Path, **variables: str) -> AsyncIterator[Demo]:
    """Run `room-server demo --json` on any free ports."""
    child = await start(("demo", "--json", "--port", "0", "--udp-port", "0", *arguments), folder, variables)
    assert child.stdout is not None
    try:
        line = await asyncio.wait_for(child.stdout.readline(), PATIENCE_S)
        assert line, (await child.communicate())[1].decode()
        yield Demo(child, json.loads(line))
    finally:
        if child.returncode is None:
            child.kill()
            await child.communicate()


async def start(
    arguments: tuple[str, ...], folder: Path, variables: dict[str, str]
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "room_server.cli",
        *arguments,
        cwd=folder,
        env=environment(PYTHONPATH=str(Path(__file__).parents[2]), **variables),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
