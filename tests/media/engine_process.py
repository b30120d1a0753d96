"""An engine that plays film in a process of its own, which a test can stop; offers in, answers out."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from media.engine import Publishing
from tests.media.engine_film import film, play
from tests.media.engine_peers import ROOM, running_engine


class EngineProcess:
    """The process as the test sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def answer(self, offer_sdp: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(offer_sdp).encode() + b"\n")
        return str(json.loads(await self._process.stdout.readline()))


@asynccontextmanager
async def engine_process() -> AsyncIterator[EngineProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.media.engine_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield EngineProcess(process)
    finally:
        process.kill()
        await process.wait()


async def main() -> None:
    film()
    loop = asyncio.get_running_loop()
    async with running_engine() as (engine, _):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        playing = asyncio.create_task(play(source, "vp8", "opus"))
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            connected = engine.connect(ROOM, json.loads(line), Publishing.DENIED)
            print(json.dumps(connected.answer_sdp), flush=True)
        playing.cancel()


if __name__ == "__main__":
    asyncio.run(main())
